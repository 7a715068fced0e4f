"""Slots to elements: builds the JSON of a resource from the slots that contributions stated."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hie.base.draft import Slots

_LAST = 1_000_000

DEFAULT = "#default"
"""After an element: the slot counts only where nothing else states the element."""

UNIT = "unit"
"""The slot of a result that holds its unit, by itself: no element, `assemble` puts it where it belongs."""

CRITICAL = "critical"
"""The slot of a critical result, by itself: interpretation code -> the coding that it becomes in `assemble`."""

EARLY_END = "early-end"
"""The slot of a visit's end that lies before its start, by itself: no element, but other resources may follow it."""

JOINED = "+"
"""At the end of a slot: its value is joined to the one stated before."""


class SlotPath(NamedTuple):
    """A slot name taken apart: nested element names, whether the last repeats, whether it is a choice; `place` of a
    share that has one among the others, by number, and of what counts last; `plain` is the element of a slot that is
    just that, with one value; `joined` says that the slot is."""

    names: tuple[str, ...]
    repeats: bool
    choice: bool
    place: int = 0
    plain: str = ""
    joined: bool = False


@lru_cache(maxsize=4096)
def slot_path(slot: str) -> SlotPath:
    """Take a slot name apart: `hospitalization.extension[]#x` -> names, repeats."""
    adds, slot = slot.endswith(JOINED), slot.removesuffix(JOINED)
    element, _, share = slot.partition("#")
    place = _LAST if slot.endswith(DEFAULT) else int(share) if share.isdecimal() else 0
    repeats = element.endswith("[]")
    choice = element.endswith("[x]")
    if repeats:
        element = element[:-2]
    elif choice:
        element = element[:-3]
    names = tuple(element.split("."))
    plain = "" if repeats or choice or place or adds or len(names) > 1 else element
    return SlotPath(names, repeats, choice, place, plain, adds)


def assemble(slots: Slots) -> dict[str, Any]:
    """The elements that `slots` describe; shares of one repeating element are joined in the order of the slots, those
    that are numbered in the order of their numbers, after others."""
    elements: dict[str, Any] = {}
    placed: list[tuple[SlotPath, Any]] = []
    for slot, value in slots.items():
        if value is None:
            continue
        path = slot_path(slot)
        if path.plain:
            elements[path.plain] = value
            continue
        if path.joined:
            value = _settled(value)
        if path.place:
            placed.append((path, value))
        else:
            _put(elements, path, value)
    if placed:
        placed.sort(key=_place)
        for path, value in placed:
            _put(elements, path, value)
    if UNIT in elements:
        _put_unit(elements, elements.pop(UNIT))
    if CRITICAL in elements:
        _put_critical(elements, elements.pop(CRITICAL))
    elements.pop(EARLY_END, None)
    return elements


def _place(placed: tuple[SlotPath, Any]) -> int:
    return placed[0].place


def joined(before: Mapping[str, Any] | None, value: Mapping[str, Any]) -> dict[str, Any]:
    """What the value of a slot is once another is joined to it: elements that the other does not have stay as they
    were, and None takes one away."""
    return {name: part for name, part in {**(before or {}), **value}.items() if part is not None}


def _settled(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value of a slot that is joined: `text#default` counts only where there is no `text`."""
    stated = {name: part for name, part in value.items() if part is not None and not name.endswith(DEFAULT)}
    defaults = {name.removesuffix(DEFAULT): part for name, part in value.items() if name.endswith(DEFAULT)}
    return {**defaults, **stated}


def _put(elements: dict[str, Any], path: SlotPath, value: Any) -> None:
    place = elements
    for name in path.names[:-1]:
        place = place.setdefault(name, {})
    last = path.names[-1]
    if path.place == _LAST and _is_stated(place, path):
        return
    if path.choice:
        place.update(value)
    elif path.repeats:
        items = place.setdefault(last, [])
        items.extend(value if isinstance(value, list) else (value,))
    else:
        place[last] = value


def _put_unit(result: dict[str, Any], unit: Mapping[str, Any]) -> None:
    """The unit that was stated last is that of the value and its range, whichever row they are from (Qingpu §2)."""
    if "valueQuantity" in result:
        result["valueQuantity"] = _in_unit(result["valueQuantity"], unit)
    if "referenceRange" in result:
        result["referenceRange"] = [
            {name: _in_unit(limit, unit) if name in ("low", "high") else limit for name, limit in one.items()}
            for one in result["referenceRange"]
        ]


def _in_unit(quantity: Mapping[str, Any], unit: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: part for name, part in quantity.items() if name not in ("unit", "system", "code")}
    return {**plain, **unit}


def _put_critical(result: dict[str, Any], raised: Mapping[str, Any]) -> None:
    """The flag of a critical result, whichever row states it (Qingpu §2, §4.4); without one it is abnormal."""
    if "interpretation" in result:
        result["interpretation"] = [
            {name: [_raised(one, raised) for one in part] if name == "coding" else part for name, part in flag.items()}
            for flag in result["interpretation"]
        ]
    elif "A" in raised:
        result["interpretation"] = [{"coding": [raised["A"]]}]


def _raised(coding: Mapping[str, Any], raised: Mapping[str, Any]) -> Mapping[str, Any]:
    return coding if "userSelected" in coding else raised.get(coding.get("code", ""), coding)


def _is_stated(place: dict[str, Any], path: SlotPath) -> bool:
    """Whether an element, or one of its choices, is there."""
    name = path.names[-1]
    return any(one.startswith(name) for one in place) if path.choice else name in place
