"""What every handler works with: the store, the definitions, the policy and the rest, put together by `hie/app`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from hie.api.exports import Exports
from hie.api.kept import Kept
from hie.api.searchparameters import SearchParameters
from hie.api.settings import FhirSettings
from hie.api.terminology import StoredTerminology
from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.fhir.outcome import Problem
from hie.security.policy import Interaction, Outgoing, Policy
from hie.security.principal import Principal
from hie.store.port import Reader, Store, Transaction

T = TypeVar("T")

Linked = Callable[[str], Awaitable[tuple[str, ...]]]
"""All Patient ids of the same person as a Patient id, itself included; empty when it is linked to nobody."""

Check = Callable[[dict[str, Any]], Sequence[Problem]]
"""What is wrong with a resource that is to be stored; only errors count."""


class Validate(Protocol):
    """All there is to say about a resource (`$validate`): against the profiles with the given URLs, with line and
    column in `raw`, the text it came in, where `within` leads to it."""

    def __call__(
        self,
        resource: dict[str, Any],
        profiles: Sequence[str] = (),
        raw: bytes | None = None,
        within: tuple[str | int, ...] = (),
    ) -> Sequence[Problem]: ...


async def nobody_linked(patient_id: str) -> tuple[str, ...]:
    """The `Linked` of a server without identity stage: nobody is linked."""
    return ()


def nothing_wrong(
    resource: dict[str, Any],
    profiles: Sequence[str] = (),
    raw: bytes | None = None,
    within: tuple[str | int, ...] = (),
) -> Sequence[Problem]:
    """The `Check` and `Validate` of a server without validator."""
    return []


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a handler needs. `reader` is the store, or the transaction that a Bundle entry runs in, which is
    `within` too."""

    store: Store
    reader: Reader
    definitions: Definitions
    settings: FhirSettings
    policy: Policy
    clock: Clock
    new_id: Callable[[], str]
    linked: Linked = nobody_linked
    check: Check = nothing_wrong
    validate: Validate = nothing_wrong
    exports: Exports | None = None
    parameters: SearchParameters | None = None
    terminology: StoredTerminology | None = None
    kept: Kept = field(default_factory=Kept)
    within: Transaction | None = None

    def inside(self, tx: Transaction) -> "Service":
        """The same for what is done inside a transaction: it reads there, and what it writes joins it."""
        return replace(self, reader=tx, within=tx)

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a job in the transaction under way, else in one of its own; raises as `Store.write` does.

        A write of its own would wait for the transaction under way, which waits for it.
        """
        return await (self.store.write(job) if self.within is None else job(self.within))

    def gate(self, principal: Principal, interaction: Interaction, resource_type: str | None) -> None:
        """Raise FORBIDDEN when policy does not let this principal use the interaction."""
        if not self.policy.allows(principal, interaction, resource_type):
            raise HieError(Category.FORBIDDEN, "You may not use this interaction here")

    def permit(self, version: Outgoing, principal: Principal, interaction: Interaction) -> None:
        """Raise FORBIDDEN when policy does not let this resource leave, or be written."""
        if not self.policy.permits(version, principal, interaction):
            raise HieError(Category.FORBIDDEN, "You may not use this resource")

    def note(self, kind: str) -> None:
        """Told inside every write which type it touches: a SearchParameter or a CodeSystem changes what is served."""
        if self.parameters is not None:
            self.parameters.note(kind)
        if self.terminology is not None:
            self.terminology.note(kind)

    def guard(self, kind: str, identity: str) -> None:
        """Raise FORBIDDEN for a resource that clients may not change."""
        if self.terminology is not None:
            self.terminology.guard(kind, identity)
