"""Slots to elements: builds the JSON of a resource from the slots that contributions stated."""

from functools import lru_cache
from typing import Any, NamedTuple

from hie.base.draft import Slots


class SlotPath(NamedTuple):
    """A slot name taken apart: nested element names, whether the last repeats, whether it is a choice."""

    names: tuple[str, ...]
    repeats: bool
    choice: bool


@lru_cache(maxsize=4096)
def slot_path(slot: str) -> SlotPath:
    """Take a slot name apart: `hospitalization.extension[]#x` -> names, repeats."""
    element = slot.partition("#")[0]
    repeats = element.endswith("[]")
    choice = element.endswith("[x]")
    if repeats:
        element = element[:-2]
    elif choice:
        element = element[:-3]
    return SlotPath(tuple(element.split(".")), repeats, choice)


def assemble(slots: Slots) -> dict[str, Any]:
    """The elements that `slots` describe; shares of one repeating element are joined in the order of the slots."""
    elements: dict[str, Any] = {}
    for slot, value in slots.items():
        if value is None:
            continue
        path = slot_path(slot)
        place = elements
        for name in path.names[:-1]:
            place = place.setdefault(name, {})
        if path.choice:
            place.update(value)
        elif path.repeats:
            items = place.setdefault(path.names[-1], [])
            items.extend(value if isinstance(value, list) else (value,))
        else:
            place[path.names[-1]] = value
    return elements
