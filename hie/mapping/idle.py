"""What stands in a field map and can never count."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hie.mapping.fieldmap import FieldMap, written
from hie.mapping.problem import Problem, meant
from hie.mapping.toml import Table


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
