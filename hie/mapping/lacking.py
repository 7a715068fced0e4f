"""Elements that FHIR requires and that a map never states (FHIR R4 ElementDefinition.min).

One message, document or row must give a resource whole: nobody knows whether another comes. So a block that makes a
resource needs a field for each required element, in itself or in a block with the same key that is at work whenever it
is. Whether such a field is filled depends on what is sent: coverage, quality rules and the contract see that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hie.base.slots import slot_path
from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.mapping.fieldmap import FieldMap
from hie.mapping.problem import Problem
from hie.mapping.schema import SEVERAL
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import STATES

_SHOWN = 6
"""Codes of a required binding that a reason shows."""


@dataclass(frozen=True)
class Given:
    """What resources get without a field: `about` is the element that names the patient, from `subject` or from what
    the resource hangs on; `always` are the required elements that any resource of a type gets."""

    about: Mapping[str, str]
    always: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class _Block:
    """A block as far as it is for one record type; `stated` are the slots that its fields and members state, each with
    the table that says so, None for any: a transform of a package may state what it likes."""

    table: Table
    stated: Mapping[str, Table] | None

    @property
    def type(self) -> str:
        return str(self.table.get("type"))

    @property
    def makes(self) -> bool:
        """Whether a resource may come of it."""
        data = self.table.data
        ended = any(data.get(key) is True for key in ("revoke", "withdraw", "gone"))
        return not ended and data.get("exists") is not False

    def helps(self, other: "_Block") -> bool:
        """Whether it states something about the resource of `other` whenever that is at work."""
        mine, theirs = self.table.data, other.table.data
        if self is other:
            return True
        same = self.type == other.type and bool(_keys(mine["key"]) & _keys(theirs["key"]))
        return same and mine.get("when", theirs.get("when")) == theirs.get("when")


def lacking(fieldmap: FieldMap, fhir: Definitions, given: Given) -> Iterator[Problem]:
    """Required elements that a map has no field for, at the block that makes the resource."""
    types: Sequence[str] = fieldmap.head.data["types"]
    found: dict[Problem, list[str]] = {}
    for type in types:
        blocks = _blocks(fieldmap, type)
        for block in blocks:
            if block.makes and fhir.is_resource(block.type):
                for problem in _problems(block, blocks, fhir, given):
                    found.setdefault(problem, []).append(type)
    for problem, lacked in found.items():
        some = f" for {', '.join(lacked)}" if len(lacked) < len(types) else ""
        yield Problem(problem.file, problem.line, f"{problem.reason}{some}", problem.column)


def _blocks(fieldmap: FieldMap, type: str) -> list[_Block]:
    """The resource blocks that are for a record type; what members state of their root is the root's."""
    resources = [(table, fields) for table, fields, _ in fieldmap.resources() if _is_for(table, type)]
    blocks = []
    for table, fields in resources:
        stating = [field for field in fields if not field.get("on_root")]
        members = [one for one in resources if "name" in table.data and one[0].get("root") == table.get("name")]
        for _, inner in members:
            stating += [field for field in inner if field.get("on_root")]
        slots = {str(member.get("listed")): member for member, _ in members}
        several = [_slots(field) for field in stating if _is_for(field, type)]
        for some in several:
            slots |= some or {}
        blocks.append(_Block(table, None if None in several else slots))
    return blocks


def _slots(field: Table) -> Mapping[str, Table] | None:
    """The slots that a field may state; None for any."""
    target = field.get("target")
    if target == SEVERAL:
        states = STATES.get(str(field.get("transform")))
        return None if states is None else dict.fromkeys(states, field)
    return {str(target): field} if target else {}


def _is_for(table: Table, type: str) -> bool:
    """Whether a block or field is at work in records of that type."""
    when = table.get("when", ())
    said = [table.data, *(when if isinstance(when, list) else [when])]
    return all(type in one.get("types", (type,)) for one in said if isinstance(one, dict))


def _keys(spec: Any) -> set[tuple[str, str]]:
    """The natural keys of a block, in a form that can be compared."""
    return {(str(one.get("kind")), repr(one.get("value"))) for one in (spec if isinstance(spec, list) else [spec])}


def _problems(block: _Block, blocks: Sequence[_Block], fhir: Definitions, given: Given) -> Iterator[Problem]:
    helpers = [one for one in blocks if one.helps(block)]
    if any(one.stated is None for one in helpers):
        return
    stated = [(slot_path(slot).names, table) for one in helpers for slot, table in (one.stated or {}).items()]
    about = given.about.get(block.type)
    known = set(given.always.get(block.type, ()))
    if about is not None and any(_knows_patient(one, blocks) for one in helpers):
        known.add(about)
    for member in _unstated(block.type, stated, fhir):
        if member.name not in known:
            addition = 'subject = "…"' if member.name == about else _field(member.name, member, fhir)
            yield block.table.problem(f"{_need(member, block.type)}: add {addition}", "type")
    yield from _inner(block.type, stated, fhir)


_Stated = Sequence[tuple[tuple[str, ...], Table]]
"""Element names of a slot, from outside to inside, with the table that states it."""


def _unstated(node: str, stated: _Stated, fhir: Definitions) -> Iterator[Property]:
    """The elements of a node that FHIR requires and no slot leads to."""
    return _missing(node, {names[0] for names, _ in stated}, fhir)


def left_out(value: Mapping[str, Any], node: str, fhir: Definitions) -> Iterator[str]:
    """What a constant of that node type leaves out and FHIR requires."""
    return (f"{node} lacks {member.name!r}, which FHIR requires" for member in _missing(node, value, fhir))


def _missing(node: str, keys: Iterable[str], fhir: Definitions) -> Iterator[Property]:
    """The elements that FHIR requires of a node, but those that one of the JSON keys states; a choice may be meant
    as a whole (`medication`) or by its type."""
    members = fhir.properties(node)
    plain = {key.removeprefix("_") for key in keys}
    stated = plain | {members[key].name for key in plain if key in members}
    return (one[0] for name, one in fhir.children(node).items() if one[0].element.min > 0 and name not in stated)


def _inner(node: str, stated: _Stated, fhir: Definitions, outer: str = "") -> Iterator[Problem]:
    """The same within elements that are stated part by part (`collection.bodySite`)."""
    for name, member in fhir.properties(node).items():
        here = [(names, table) for names, table in stated if names[0] == name]
        if not here or any(len(names) == 1 for names, _ in here):
            continue
        parts, place = [(names[1:], table) for names, table in here], f"{outer}{name}."
        for part in _unstated(member.node, parts, fhir):
            addition = _field(place + part.name, part, fhir)
            yield here[0][1].problem(f"{_need(part, member.node)}: add {addition}", "target")
        yield from _inner(member.node, parts, fhir, place)


def _knows_patient(block: _Block, blocks: Sequence[_Block]) -> bool:
    """Whether a resource is somebody's by what it says, by its parent, or by the block that it is a member of."""
    if block.table.data.keys() & {"subject", "parent"}:
        return True
    roots = [one for one in blocks if "root" in block.table.data and one.table.get("name") == block.table.get("root")]
    return any(root.type == "Patient" or _knows_patient(root, blocks) for root in roots)


def _need(member: Property, node: str) -> str:
    most = "*" if member.element.max is None else member.element.max
    return f"FHIR requires {node}.{member.name} ({member.element.min}..{most}), and no field states it"


def _field(path: str, member: Property, fhir: Definitions) -> str:
    """The field that is to be written, with the codes that may stand there."""
    target = f"{path}{'[x]' if member.element.is_choice else '[]' if member.is_list else ''}"
    binding = member.element.binding
    codes = sorted(fhir.codes(binding.value_set) or ()) if binding and binding.strength == "required" else []
    shown = ", ".join(codes[:_SHOWN]) + (", …" if len(codes) > _SHOWN else "")
    return f"a [[resource.field]] with target = {target!r}{f', one of {shown}' if shown else ''}"
