"""What stands in a field map and can never count."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hie.base.slots import JOINED
from hie.mapping.fieldmap import FieldMap, written
from hie.mapping.problem import Problem, meant
from hie.mapping.schema import SEVERAL
from hie.mapping.toml import Table

_ONLY_WITH: Mapping[str, str] = {"form": "codes", "name": "codes", "url": "codes", "options": "transform"}
"""Key of a field -> the key that makes use of it."""


def alone(table: Table, fields: Sequence[Table], events: Sequence[Table]) -> Iterator[Problem]:
    """What a block says that counts only together with something that is not there."""
    if "root" not in table.data:
        if "listed" in table.data:
            yield table.problem("'listed' names a slot of the block in 'root', and there is no 'root'", "listed")
        for field in fields:
            if field.get("on_root"):
                yield field.problem("'on_root' is for blocks with a 'root'", "on_root")
    if events and (table.get("type") != "Encounter" or "root" in table.data):
        yield events[0].problem("events are those of a visit: their block is an Encounter without 'root'")


def unused(field: Table) -> Iterator[Problem]:
    """Keys of a field that count only together with one that is not there, or not beside one that is."""
    for key, other in _ONLY_WITH.items():
        if key in field.data and other not in field.data:
            yield field.problem(f"{key!r} counts only together with {other!r}, and there is no {other!r}", key)
    if "url" in field.data and "form" in field.data:
        yield field.problem("beside 'url' a 'form' counts for nothing: extensions have a CodeableConcept", "form")


def overridden(fields: Sequence[Table]) -> Iterator[Problem]:
    """Fields of a block for an element with one value that a later one states whatever is sent."""
    for field, later in _stated_twice(fields):
        if later.data.keys() & {"constant", "own"}:
            reason = (
                f"{field.get('target')!r} is stated in line {later.line} again, whatever is sent: this never counts"
            )
            yield field.problem(f"{reason}; take one out, or give that one a 'when'", "target")


def stated_again(fields: Sequence[Table]) -> Iterator[Problem]:
    """Fields of a block for an element with one value that are overruled by a later one where both are sent."""
    for field, later in _stated_twice(fields):
        if "source" in field.data and "source" in later.data and "when" not in field.data:
            reason = f"{field.get('target')!r} has one value and is stated in line {later.line} too"
            yield field.problem(f"{reason}, which counts where both are sent: give one a 'when'", "target")


def _stated_twice(fields: Sequence[Table]) -> Iterator[tuple[Table, Table]]:
    """Each field with the first behind it that states the same one value, for every record that it is for and without
    a condition."""
    for place, field in enumerate(fields):
        target = str(field.get("target", ""))
        several = not target or "[]" in target or target == SEVERAL or target.endswith(JOINED)
        behind = (one for one in fields[place + 1 :] if not several and _covers(one, field))
        if later := next(behind, None):
            yield field, later


def _covers(later: Table, field: Table) -> bool:
    """Whether a field states what an earlier one does in every record that that one is for."""
    if later.get("target") != field.get("target") or later.get("on_root") != field.get("on_root"):
        return False
    types = later.get("types")
    return "when" not in later.data and (types is None or set(field.get("types", ("",))) <= set(types))


def idle_types(fieldmaps: Iterable[FieldMap]) -> Iterator[Problem]:
    """Record types that a block, field or condition is restricted to and that no map of its file is for."""
    known: dict[str, set[str]] = {}
    given = tuple(fieldmaps)
    for fieldmap in given:
        for source in fieldmap.sources:
            known.setdefault(source.file, set()).update(fieldmap.head.data["types"])
    for table, key, value in written(given):
        types = known[table.file]
        for name in (name for name in _types({key: value}) if name not in types):
            near = meant(name, types) or ": take it out"
            yield table.problem(f"no map with this table is for {name!r}{near}", key)


def _types(value: Any) -> Iterator[str]:
    """The record types that a value names, at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "types" and isinstance(inner, list):
                yield from (name for name in inner if isinstance(name, str))
            else:
                yield from _types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _types(inner)
