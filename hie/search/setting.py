"""What a search is read with beside its text, and what is said about a parameter that cannot be honoured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions

Terminology = Callable[[str, str], Sequence[tuple[str, str]]]
"""(modifier `in`, `above` or `below`, value set URL or `system|code`) -> (system, code) of all that are meant.

It raises `HieError` with a message for the caller when it cannot tell."""


@dataclass(frozen=True)
class Setting:
    """What parsing needs beside the text: definitions, now (microseconds), our own base URL, terminology."""

    definitions: Definitions
    now: int
    base: str | None = None
    terminology: Terminology | None = None


def invalid(name: str, why: str) -> HieError:
    """A parameter that cannot be honoured; the message has its name and `why`, a verb and what follows it, never its
    value."""
    return HieError(Category.INVALID, f"Search parameter {name} {why}.", expression=name)


def no_modifier(label: str, modifier: str | None) -> None:
    """Raise INVALID for a modifier on what takes none."""
    if modifier is not None:
        raise invalid(label, "has a modifier that is not defined for its type")
