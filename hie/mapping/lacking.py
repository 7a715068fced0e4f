"""Elements that FHIR requires and that a map does not state (FHIR R4 ElementDefinition.min).

One message, document or row must give a resource whole: nobody knows whether another comes. So a block that makes a
resource needs fields for each required element, in itself or in blocks with the same key, and one of them must state it
whatever is sent: by a `constant`, a `default` or `always`; or by a source that is never empty where the block is at
work; or with `required`, so that a value that is not there is at least noted. What a transform makes of a value is not
known here; coverage, quality rules and the contract see that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hie.base.slots import slot_path
from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.mapping.cases import Condition, conditions, in_words, open_case, paths
from hie.mapping.fieldmap import FieldMap
from hie.mapping.problem import Problem
from hie.mapping.schema import SEVERAL
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import STATES

_SHOWN = 6
"""Codes of a required binding that a reason shows."""


_SURE = frozenset({"constant", "default", "required", "always", "own", "reference"})
"""Keys of fields that state something, or note that there is nothing, whatever is sent."""


@dataclass(frozen=True)
class Given:
    """What resources get without a field: `about` is the element that names the patient, from `subject` or from what
    the resource hangs on, `visited` are the types that have the visit of `encounter`; `always` are the required
    elements that any resource of a type gets. `filled` gives the source paths that are never empty in records of a feed
    and type: without them a record is refused."""

    about: Mapping[str, str]
    visited: frozenset[str]
    always: Mapping[str, frozenset[str]]
    filled: Callable[[str, str], frozenset[str]] = lambda feed, type: frozenset()


@dataclass(frozen=True)
class _Stated:
    """What a table states of an element: names from outside to inside, and the ways in which it comes to that, each
    with the conditions that must hold."""

    names: tuple[str, ...]
    table: Table
    ways: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True)
class _Block:
    """A block as far as it is for one record type, with what its fields and members state; None for anything: a
    transform of a package may state what it likes."""

    table: Table
    stated: Sequence[_Stated] | None

    @property
    def type(self) -> str:
        return str(self.table.get("type"))

    @property
    def makes(self) -> bool:
        """Whether a resource may come of it."""
        return not self.ends and self.table.get("exists") is not False

    @property
    def ends(self) -> bool:
        """Whether it does nothing but take back."""
        return any(self.table.get(key) is True for key in ("revoke", "withdraw", "gone"))

    def helps(self, other: "_Block") -> bool:
        """Whether it may state something about the resource of `other`."""
        mine, theirs = self.table, other.table
        same = self.type == other.type and bool(_keys(mine.get("key")) & _keys(theirs.get("key")))
        return self is other or (same and not self.ends and mine.get("context") == theirs.get("context"))


def lacking(fieldmap: FieldMap, fhir: Definitions, given: Given) -> Iterator[Problem]:
    """Required elements that no field of a map states, at the block that makes the resource; those that are stated only
    sometimes, at the field that does."""
    types: Sequence[str] = fieldmap.head.data["types"]
    found: dict[Problem, list[str]] = {}
    for type in types:
        blocks, filled = _blocks(fieldmap, type), given.filled(fieldmap.head.data["feed"], type)
        for block in blocks:
            if block.makes and fhir.is_resource(block.type):
                for problem in _problems(block, blocks, fhir, given, filled):
                    found.setdefault(problem, []).append(type)
    for table, _, _ in fieldmap.resources():
        yield from _unplaced(table, fhir, given)
    for problem, lacked in found.items():
        some = f" (for {', '.join(lacked)})" if len(lacked) < len(types) else ""
        yield Problem(problem.file, problem.line, f"{problem.reason}{some}", problem.column)


def _unplaced(table: Table, fhir: Definitions, given: Given) -> Iterator[Problem]:
    """`subject` and `encounter` of a type that they state nothing of."""
    kind = str(table.get("type"))
    for key, placed in (("subject", given.about), ("encounter", given.visited)):
        if key in table.data and fhir.is_resource(kind) and kind not in {*placed, "Patient"}:
            reason = f"{key!r} states nothing of a resource of type {kind}"
            near = [one for one in ("patient", "subject", "encounter", "context") if one in fhir.properties(kind)]
            which = next((one for one in near if (one in ("patient", "subject")) is (key == "subject")), "")
            field = f": add a [[resource.field]] with target = {which!r} and reference = {table.get(key)!r}"
            yield table.problem(f"{reason}{field if which else ''}", key)


def _blocks(fieldmap: FieldMap, type: str) -> list[_Block]:
    """The resource blocks that are for a record type; what members state of their root is the root's."""
    resources = [(table, fields) for table, fields, _ in fieldmap.resources() if _is_for(table, type)]
    blocks = []
    for table, fields in resources:
        stating = [(table, field) for field in fields if not field.get("on_root")]
        members = [one for one in resources if "name" in table.data and one[0].get("root") == table.get("name")]
        stating += [(member, field) for member, inner in members for field in inner if field.get("on_root")]
        several = [_stated(block, field) for block, field in stating if _is_for(field, type)]
        listed = [_Stated(_names(str(m.get("listed"))), m, ((),)) for m, _ in members if "listed" in m.data]
        known = [one for some in several for one in some or ()]
        blocks.append(_Block(table, None if None in several else [*known, *listed]))
    return blocks


def _stated(block: Table, field: Table) -> Sequence[_Stated] | None:
    """What a field of a block states; None for anything."""
    target = field.get("target")
    slots = STATES.get(str(field.get("transform"))) if target == SEVERAL else {str(target)} if target else set()
    if slots is None:
        return None
    base = (*conditions(block.get("when")), *conditions(field.get("when")))
    ways = (base,) if field.data.keys() & _SURE else tuple((*base, {"source": path}) for path in _read(field))
    return [_Stated(_names(slot), field, ways) for slot in sorted(slots)]


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


def _premises(block: _Block, filled: Iterable[str]) -> Sequence[Condition]:
    """What holds wherever a block makes something: its condition, a value in each part of its key, and what no record
    lacks."""
    key = block.table.get("key")
    value = key.get("value") if isinstance(key, dict) else None
    parts = value if isinstance(value, list) else [value]
    known = [part if isinstance(part, dict) else {"source": part} for part in parts]
    sure = [one["source"] for one in known if one.get("source") and not one.keys() & {"ordinal", "optional", "default"}]
    return (*conditions(block.table.get("when")), *({"source": source} for source in (*sure, *filled)))


def _problems(
    block: _Block, blocks: Sequence[_Block], fhir: Definitions, given: Given, filled: frozenset[str]
) -> Iterator[Problem]:
    helpers = [one for one in blocks if one.helps(block)]
    if any(one.stated is None for one in helpers):
        return
    stated = [part for one in helpers for part in one.stated or ()]
    about = given.about.get(block.type)
    known = set(given.always.get(block.type, ()))
    if about is not None and any(_knows_patient(one, blocks) for one in helpers):
        known.add(about)
    for member in (member for member in _required(block.type, fhir) if member.name not in known):
        stating = [one for one in stated if _element(one.names[0], block.type, fhir) == member.name]
        if not stating:
            addition = 'subject = "…"' if member.name == about else _field(member.name, member, fhir)
            yield block.table.problem(f"{_need(member, block.type)}, and no field states it: add {addition}", "type")
            continue
        case = open_case([way for one in stating for way in one.ways], _premises(block, filled))
        if case is not None:
            otherwise = f"and nothing states it when {in_words(case)}: give a 'default', or 'required' to have it noted"
            yield stating[0].table.problem(f"{_need(member, block.type)}, {otherwise}", "target")
    yield from _inner(block.type, stated, fhir)


def _required(node: str, fhir: Definitions) -> Iterator[Property]:
    """The elements that FHIR requires of a node, with one member for each choice."""
    return (members[0] for members in fhir.children(node).values() if members[0].element.min > 0)


def _element(key: str, node: str, fhir: Definitions) -> str:
    """The element that a JSON key states: `medication` for `medicationCodeableConcept`."""
    members = fhir.properties(node)
    return members[key].name if key in members else key


def left_out(value: Mapping[str, Any], node: str, fhir: Definitions) -> Iterator[str]:
    """What a constant of that node type leaves out and FHIR requires."""
    stated = {_element(key.removeprefix("_"), node, fhir) for key in value}
    lost = (member.name for member in _required(node, fhir) if member.name not in stated)
    return (f"{node} lacks {name!r}, which FHIR requires" for name in lost)


def _inner(node: str, stated: Sequence[_Stated], fhir: Definitions, outer: str = "") -> Iterator[Problem]:
    """Required elements that nothing states within elements that are stated part by part (`collection.bodySite`)."""
    for name, member in fhir.properties(node).items():
        here = [one for one in stated if one.names[0] == name]
        if not here or any(len(one.names) == 1 for one in here):
            continue
        place = f"{outer}{name}."
        parts = [replace(one, names=one.names[1:]) for one in here]
        names = {_element(one.names[0], member.node, fhir) for one in parts}
        for part in (part for part in _required(member.node, fhir) if part.name not in names):
            addition = _field(f"{place}{part.name}", part, fhir)
            reason = f"{_need(part, member.node)}, and no field states it: add {addition}"
            yield here[0].table.problem(reason, "target")
        yield from _inner(member.node, parts, fhir, place)


def _knows_patient(block: _Block, blocks: Sequence[_Block]) -> bool:
    """Whether a resource is somebody's by what it says, by its parent, or by the block that it is a member of."""
    if block.table.data.keys() & {"subject", "parent"}:
        return True
    roots = [one for one in blocks if "root" in block.table.data and one.table.get("name") == block.table.get("root")]
    return any(root.type == "Patient" or _knows_patient(root, blocks) for root in roots)


def _need(member: Property, node: str) -> str:
    most = "*" if member.element.max is None else member.element.max
    return f"FHIR requires {node}.{member.name} ({member.element.min}..{most})"


def _field(path: str, member: Property, fhir: Definitions) -> str:
    """The field that is to be written, with the codes that may stand there."""
    target = f"{path}{'[x]' if member.element.is_choice else '[]' if member.is_list else ''}"
    binding = member.element.binding
    codes = sorted(fhir.codes(binding.value_set) or ()) if binding and binding.strength == "required" else []
    shown = ", ".join(codes[:_SHOWN]) + (", …" if len(codes) > _SHOWN else "")
    how = ' and reference = "…"' if member.type == "Reference" else f", one of {shown}" if shown else ""
    return f"a [[resource.field]] with target = {target!r}{how}"
