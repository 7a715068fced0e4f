"""Elements that FHIR, or a profile of ours, requires and that a map does not state (FHIR R4 ElementDefinition.min).

One message, document or row must give a resource whole: nobody knows whether another comes. So a block that makes a
resource needs fields for each required element, in itself or in blocks with the same key, and one of them must state it
whatever is sent: by a `constant`, a `default` or `always`; or by a source that is never empty where the block is at
work; or with `required`, so that a value that is not there is at least noted. What a transform makes of a value is not
known here; coverage, quality rules and the contract see that.

What FHIR requires must be there. Without what only a profile requires a resource is stored all the same and does not
say that it conforms (`docs/profiles.md`): that is advice.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.mapping.cases import in_words, open_case
from hie.mapping.fieldmap import FieldMap
from hie.mapping.problem import Problem
from hie.mapping.stated import Block, Stated, blocks_of, premises
from hie.mapping.toml import Table

_SHOWN = 6
"""Codes of a required binding that a reason shows."""


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
class Profile:
    """The name of a profile, and the elements that it requires, each with its cardinality."""

    name: str
    required: Mapping[str, str]


ProfileFor = Callable[[Mapping[str, Any], Collection[str]], Profile | None]
"""The profile that is meant for a resource with these constants, of which other elements are stated in some way."""


def lacking(fieldmap: FieldMap, fhir: Definitions, given: Given) -> Iterator[Problem]:
    """Elements that FHIR requires and no field of a map states, at the block that makes the resource; those that are
    stated only sometimes, at the field that does."""
    types: Sequence[str] = fieldmap.head.data["types"]
    found: dict[Problem, list[str]] = {}
    for type in types:
        blocks, filled = blocks_of(fieldmap, type), given.filled(fieldmap.head.data["feed"], type)
        for block in (one for one in blocks if one.makes and fhir.is_resource(one.type)):
            for problem in _problems(block, blocks, fhir, given, filled):
                found.setdefault(problem, []).append(type)
    for table, _, _ in fieldmap.resources():
        yield from _unplaced(table, fhir, given)
    for problem, lacked in found.items():
        some = f" (for {', '.join(lacked)})" if len(lacked) < len(types) else ""
        yield Problem(problem.file, problem.line, f"{problem.reason}{some}", problem.column)


def unprofiled(fieldmap: FieldMap, fhir: Definitions, given: Given, profile_for: ProfileFor) -> Iterator[Problem]:
    """Elements that a profile of ours requires and FHIR does not, and that no field states: not in the block that makes
    the resource, nor in another with a number of that kind. In some case they may be missing."""
    for type in fieldmap.head.data["types"]:
        blocks = blocks_of(fieldmap, type)
        for block in (one for one in blocks if one.makes and fhir.is_resource(one.type)):
            alike = [one for one in blocks if one.is_like(block)]
            if any(one.stated is None for one in alike):
                continue
            stated = [part for one in alike for part in one.stated or ()]
            names = {_element(one.names[0], block.type, fhir) for one in stated} | _known(block, alike, blocks, given)
            profiled = _profiled(block.type, stated, fhir, profile_for)
            yield from (_never(block, one, said, fhir, given) for one, said in profiled if one.name not in names)


def _profiled(
    kind: str, stated: Sequence[Stated], fhir: Definitions, profile_for: ProfileFor
) -> Iterator[tuple[Property, str]]:
    """The elements that the profile for such a resource requires and FHIR does not, and who says so."""
    constants: dict[str, Any] = {"resourceType": kind}
    for one in (one for one in stated if len(one.names) == 1 and "constant" in one.table.data):
        value = one.table.data["constant"]
        constants.setdefault(one.names[0], []).extend(value if isinstance(value, list) else [value])
    profile = profile_for(constants, {one.names[0] for one in stated} - constants.keys())
    for name, cardinality in profile.required.items() if profile is not None else ():
        member = fhir.children(kind)[name][0]
        if profile is not None and not member.element.min:
            yield member, f"the profile {profile.name} requires {kind}.{name} ({cardinality})"


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


def _problems(
    block: Block, blocks: Sequence[Block], fhir: Definitions, given: Given, filled: frozenset[str]
) -> Iterator[Problem]:
    helpers = [one for one in blocks if one.helps(block)]
    if any(one.stated is None for one in helpers):
        return
    stated = [part for one in helpers for part in one.stated or ()]
    known = _known(block, helpers, blocks, given)
    for member in (member for member in _required(block.type, fhir) if member.name not in known):
        stating = [one for one in stated if _element(one.names[0], block.type, fhir) == member.name]
        if not stating:
            yield _never(block, member, _need(member, block.type), fhir, given)
            continue
        case = open_case([way for one in stating for way in one.ways], premises(block, filled))
        if case is not None:
            add = f'add default = {_value(member, fhir)} to this field, or required = "value-missing" to have it noted'
            reason = f"{_need(member, block.type)}, and nothing states it when {in_words(case)}: {add}"
            yield stating[0].table.problem(reason, "target")
    yield from _inner(block.type, stated, fhir)


def _known(block: Block, helpers: Sequence[Block], blocks: Sequence[Block], given: Given) -> set[str]:
    """The elements that come without a field."""
    known = set(given.always.get(block.type, ()))
    about = given.about.get(block.type)
    if about is not None and any(_knows_patient(one, blocks) for one in helpers):
        known.add(about)
    return known


def _never(block: Block, member: Property, said: str, fhir: Definitions, given: Given) -> Problem:
    """An element that no field states."""
    about = member.name == given.about.get(block.type)
    addition = 'subject = "…"' if about else _field(member.name, member, fhir)
    return block.table.problem(f"{said}, and no field states it: add {addition}", "type")


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


def _inner(node: str, stated: Sequence[Stated], fhir: Definitions, outer: str = "") -> Iterator[Problem]:
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


def _knows_patient(block: Block, blocks: Sequence[Block]) -> bool:
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
    codes = _codes(member, fhir)
    shown = ", ".join(codes[:_SHOWN]) + (", …" if len(codes) > _SHOWN else "")
    how = ' and reference = "…"' if member.type == "Reference" else f", one of {shown}" if shown else ""
    return f"a [[resource.field]] with target = {target!r}{how}"


def _codes(member: Property, fhir: Definitions) -> Sequence[str]:
    """The codes of a required binding."""
    binding = member.element.binding
    return sorted(fhir.codes(binding.value_set) or ()) if binding and binding.strength == "required" else ()


_VALUES = {"CodeableConcept": '{ text = "…" }', "Reference": '{ display = "…" }', "Coding": '{ code = "…" }'}


def _value(member: Property, fhir: Definitions) -> str:
    """A value of the element, as it is written in a map."""
    codes = _codes(member, fhir)
    if member.type == "code" and codes:
        return f'"{"unknown" if "unknown" in codes else "…"}"'
    return _VALUES.get(member.type, "…")
