"""Runs: the state of mapping one part, and what the steps of its map share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hie.base.draft import Alias, Claim, Contribution, Key, Merge
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED


@dataclass(slots=True)
class Run:
    """The state of mapping one part: keys of named blocks and where `[[key]]`s stand in the source, the order key of
    the part, and what has been made."""

    context: Context
    body: bytes
    order: str
    keys: dict[str, Key | None] = field(default_factory=dict)
    ordinals: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)
    needs: list[Key] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    binaries: list[tuple[Key, str, bytes]] = field(default_factory=list)


MakeKey = Callable[[Any, Run], Key | None]
"""Makes the key of a node; None when the source has none."""

Step = Callable[[Any, Run], None]
"""One block of a map at work on the tree of a part."""


def text_of(values: list[Any]) -> str:
    """The first value of a reader as text, empty without one."""
    return str(values[0]) if values and values[0] is not DELETED else ""
