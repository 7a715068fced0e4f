"""The items of an element in JSON: arrays, primitives in two halves, choices (FHIR R4 json §2.6.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hie.base.resource import JsonView
from hie.fhir.element import ElementType
from hie.fhir.place import Place
from hie.fhir.validate.log import Log
from hie.fhir.validate.plan import Child, Plan


@dataclass(frozen=True, slots=True)
class Found:
    """One occurrence of an element: its value, the `_x` half of a primitive, its type, its place."""

    value: Any
    sibling: Any
    kind: ElementType
    place: Place


def occurrences(value: JsonView, child: Child, plan: Plan, place: Place, log: Log) -> Iterator[Found]:
    """The items of an element, whichever key carries them; complains about a choice made twice."""
    name = child.name
    present = [key for key in child.base_keys if key in value or "_" + key in value]
    if len(present) > 1:
        log.error("structure", "choice", f"{name} may have one type only", place.member(name))
    for key in present:
        kind = child.keys.get(key)
        if kind is None:
            log.error("structure", "type", f"{name} may not have this type here", place.member(key, name))
            continue
        yield from _items(value, key, kind, plan, place.member(key, name), log)


def _items(value: JsonView, key: str, kind: ElementType, plan: Plan, place: Place, log: Log) -> Iterator[Found]:
    member = plan.members[key]
    here, sibling = value.get(key), value.get("_" + key)
    if not member.is_list:
        if None in (value.get(key, ""), value.get("_" + key, "")):
            log.error("structure", "json-null", "null is allowed only inside arrays of primitives", place)
        elif isinstance(here, list):
            log.error("structure", "json-type", "An array is not allowed here", place)
        else:
            yield Found(here, sibling, kind, place)
        return
    for half, is_here in ((here, key in value), (sibling, "_" + key in value)):
        if is_here and (not isinstance(half, list) or not half):
            text = "An array may not be empty" if half == [] else "An array belongs here"
            log.error("structure", "json-empty" if half == [] else "json-type", text, place)
    rows = here if isinstance(here, list) else []
    halves = sibling if isinstance(sibling, list) else []
    if rows and halves and len(rows) != len(halves):
        log.error("structure", "json-null", "Both halves of a primitive array are equally long", place)
    for index in range(max(len(rows), len(halves))):
        row = rows[index] if index < len(rows) else None
        half = halves[index] if index < len(halves) else None
        if row is None and half is None:
            log.error("structure", "json-null", "null stands for nothing here", place.item(index))
        elif row is None and not member.is_primitive:
            log.error("structure", "json-null", "null is allowed only for primitives", place.item(index))
        else:
            yield Found(row, half, kind, place.item(index))
