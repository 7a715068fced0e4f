"""Values put into slots: what every kind of field ends with."""

from collections.abc import Callable, Mapping
from typing import Any

from hie.base.draft import Key
from hie.base.slots import JOINED
from hie.mapping.context import Context
from hie.mapping.schema import SEVERAL

Slots = dict[str, Any]
"""What is being stated: slots with their values, None for one that is taken back."""

State = Callable[[Any, Context, Slots, Mapping[str, Key | None]], None]
"""States what a field says about a node in the slots; the mapping holds the keys of the named blocks."""

Put = Callable[[Slots, str, list[Any], Context], None]
"""Puts values into the slot of that name."""

_TELLING = frozenset({"coding", "extension", "system"})
_WHOLE = ("coding", "extension", "type")
"""Elements that belong to the code or the system that is stated with them, and go with it."""


def put(slots: Slots, target: str, values: list[Any], context: Context) -> None:
    """State the values: all of them in a repeating slot, the first in any other. In a slot that is joined a code, or
    a number with its system, takes the place of another, and words that of other words."""
    if "{id}" in target and context.current is not None:
        target = target.replace("{id}", context.current.id)
    if target == SEVERAL:
        for value in values:
            slots.update(value)
        return
    if target.endswith(JOINED):
        value = values[0]
        slots[target] = {**dict.fromkeys(_WHOLE), **value} if _TELLING & value.keys() else value
        return
    if "[]" not in target:
        slots[target] = values[0]
        return
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    if flat:
        slots[target] = flat


def take_back(slots: Slots, target: str) -> None:
    """State that a slot has no value any more; a transform that states several slots has none to take back."""
    if target != SEVERAL:
        slots[target] = None


def half_of(target: str) -> str:
    """The slot of the `_x` half of a primitive, which holds its extensions: `_gender`, `a._b` (FHIR R4 json §2.6.2)."""
    outer, dot, inner = target.rpartition(".")
    return f"{outer}{dot}_{inner}"


def copied(value: Any) -> Any:
    """A value of a table as JSON of its own, which the resource that gets it may change."""
    if isinstance(value, dict):
        return {name: copied(part) for name, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value
