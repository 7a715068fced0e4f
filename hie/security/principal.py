"""The principal: on whose behalf a request is made. Every request carries one (design decision 14)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class PrincipalKind(StrEnum):
    """What sort of caller it is."""

    OPERATOR = "operator"
    PRACTITIONER = "practitioner"
    PATIENT = "patient"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    `id` is stable and unique (it is part of the signature of a paging link); `organisation` is the USCC of the
    institution they act for; `patient` the Patient id of a patient who asks about themself.
    """

    id: str
    kind: PrincipalKind
    organisation: str | None = None
    patient: str | None = None


LOCAL_OPERATOR = Principal("local-operator", PrincipalKind.OPERATOR)
"""Who asks on loopback while authentication is off."""

Authenticate = Callable[[Mapping[str, str]], Awaitable[Principal]]
"""Who asks, from the request headers (lower-case names); raises UNAUTHENTICATED."""


async def local_operator(headers: Mapping[str, str]) -> Principal:
    """The `Authenticate` of a server on loopback without authentication."""
    return LOCAL_OPERATOR
