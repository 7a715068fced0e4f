"""What the blocks of a field map state of their resources, and under which conditions: for the question what is lacking
of what FHIR and our profiles require (`hie.mapping.lacking`)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hie.base.slots import slot_path
from hie.mapping.cases import Condition, conditions, paths
from hie.mapping.fieldmap import FieldMap
from hie.mapping.schema import SEVERAL
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import STATES

_SURE = frozenset({"constant", "default", "required", "always", "own", "reference"})
"""Keys of fields that state something, or note that there is nothing, whatever is sent."""


@dataclass(frozen=True)
class Stated:
    """What a table states of an element: names from outside to inside, and the ways in which it comes to that, each
    with the conditions that must hold."""

    names: tuple[str, ...]
    table: Table
    ways: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True)
class Block:
    """A block as far as it is for one record type, with what its fields and members state; None for anything: a
    transform of a package may state what it likes."""

    table: Table
    stated: Sequence[Stated] | None

    @property
    def type(self) -> str:
        """The type of its resources."""
        return str(self.table.get("type"))

    @property
    def makes(self) -> bool:
        """Whether a resource may come of it."""
        return not self.ends and self.table.get("exists") is not False

    @property
    def ends(self) -> bool:
        """Whether it does nothing but take back."""
        return any(self.table.get(key) is True for key in ("revoke", "withdraw", "gone"))

    def is_like(self, other: "Block") -> bool:
        """Whether it may be about the same resource: of that type, with a number of the same kind."""
        mine, theirs = ({kind for kind, _ in _keys(one.table.get("key"))} for one in (self, other))
        return self is other or (self.type == other.type and bool(mine & theirs) and not self.ends)

    def helps(self, other: "Block") -> bool:
        """Whether it may state something about the resource of `other`."""
        mine, theirs = self.table, other.table
        same = self.type == other.type and bool(_keys(mine.get("key")) & _keys(theirs.get("key")))
        return self is other or (same and not self.ends and mine.get("context") == theirs.get("context"))


def blocks_of(fieldmap: FieldMap, type: str) -> list[Block]:
    """The resource blocks that are for a record type; what members state of their root is the root's."""
    resources = [(table, fields) for table, fields, _ in fieldmap.resources() if _is_for(table, type)]
    blocks = []
    for table, fields in resources:
        stating = [(table, field) for field in fields if not field.get("on_root")]
        members = [one for one in resources if "name" in table.data and one[0].get("root") == table.get("name")]
        stating += [(member, field) for member, inner in members for field in inner if field.get("on_root")]
        several = [_stated(block, field) for block, field in stating if _is_for(field, type)]
        listed = [Stated(_names(str(m.get("listed"))), m, ((),)) for m, _ in members if "listed" in m.data]
        known = [one for some in several for one in some or ()]
        blocks.append(Block(table, None if None in several else [*known, *listed]))
    return blocks


def _stated(block: Table, field: Table) -> Sequence[Stated] | None:
    """What a field of a block states; None for anything."""
    target = field.get("target")
    slots = STATES.get(str(field.get("transform"))) if target == SEVERAL else {str(target)} if target else set()
    if slots is None:
        return None
    base = (*conditions(block.get("when")), *conditions(field.get("when")))
    ways = (base,) if field.data.keys() & _SURE else tuple((*base, {"source": path}) for path in _read(field))
    return [Stated(_names(slot), field, ways) for slot in sorted(slots)]


def _read(field: Table) -> Iterator[str]:
    """The paths of which one must have data for a field to state something."""
    said = [*field.get("parts", ()), field.get("source", [])]
    if "codes" in field.data and field.get("form", "concept") == "concept":
        said.append(field.get("name", []))
    for one in said:
        yield from paths(one.get("source") if isinstance(one, dict) else one)


def _names(slot: str) -> tuple[str, ...]:
    return tuple(name.removeprefix("_") for name in slot_path(slot).names)


def _is_for(table: Table, type: str) -> bool:
    """Whether a block or field is at work in records of that type."""
    when = table.get("when", ())
    said = [table.data, *(when if isinstance(when, list) else [when])]
    return all(type in one.get("types", (type,)) for one in said if isinstance(one, dict))


def _keys(spec: Any) -> set[tuple[str, str]]:
    """The natural keys of a block, in a form that can be compared."""
    return {(str(one.get("kind")), repr(one.get("value"))) for one in (spec if isinstance(spec, list) else [spec])}


def premises(block: Block, filled: Iterable[str]) -> Sequence[Condition]:
    """What holds wherever a block makes something: its condition, a value in each part of its key, and what no record
    lacks."""
    key = block.table.get("key")
    value = key.get("value") if isinstance(key, dict) else None
    parts = value if isinstance(value, list) else [value]
    known = [part if isinstance(part, dict) else {"source": part} for part in parts]
    sure = [one["source"] for one in known if one.get("source") and not one.keys() & {"ordinal", "optional", "default"}]
    return (*conditions(block.table.get("when")), *({"source": source} for source in (*sure, *filled)))
