"""What has not the structure of FHIR in field maps: a target that is no element, a repeat where there is none, a
constant or transform of another type. An item that states it cannot be stored, or is no FHIR: such tables stop the
start of a server (`Maps.must_fit` in `hie/app/maps.py`), and lint tells it with everything else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hie.base.slots import JOINED
from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.fhir.validate.primitives import CHECKS, FORMS
from hie.mapping.codes import CodeTable
from hie.mapping.fieldmap import FieldMap
from hie.mapping.lacking import left_out
from hie.mapping.problem import Problem, meant
from hie.mapping.schema import SEVERAL, VALUE
from hie.mapping.toml import Table
from hie.mapping.typed import typed

_ABOUT = {"subject": "Patient", "encounter": "Encounter"}
"""Key of a block -> the type of the block that it names."""

FORMED = {"code": "code", "coding": "Coding", "concept": "CodeableConcept"}
"""`form` of a field with `codes` -> the FHIR type it makes."""


def misfits(fieldmap: FieldMap, codes: Mapping[str, CodeTable], fhir: Definitions) -> Iterator[Problem]:
    """Targets and values of one field map that have not the structure of FHIR: what states one cannot be stored."""
    types = block_types(fieldmap)
    for table in fieldmap.all("key"):
        yield from _no_resource(table, fhir)
    for table, fields, _ in fieldmap.resources():
        for key, wanted in _ABOUT.items():
            if key in table.data and types.get(str(table.get(key)), wanted) != wanted:
                yield table.problem(f"{key!r} must name a block of type {wanted}: {table.get(key)!r} is none", key)
        unknown = list(_no_resource(table, fhir))
        yield from unknown
        if "listed" in table.data and "root" in table.data and not unknown:
            yield from wrong_slot(table, "listed", types.get(str(table.get("root")), ""), fhir)
        for field in fields if not unknown else ():
            yield from _misfit(field, owner(table, field, types), codes, fhir)


def named_twice(fieldmap: FieldMap) -> Iterator[Problem]:
    """Blocks and keys of different types that have one name: which of them is meant cannot be told."""
    first: dict[str, Table] = {}
    for table in (*fieldmap.all("key"), *(table for table, _, _ in fieldmap.resources())):
        other = first.setdefault(str(table.get("name", "")), table)
        both = "types" in table.data and "types" in other.data
        apart = both and not {*table.data["types"]} & {*other.data["types"]}
        if "name" in table.data and other.get("type") != table.get("type") and not apart:
            yield table.problem(f"there is a block {table.get('name')!r} of type {other.get('type')} already", "name")


def block_types(fieldmap: FieldMap) -> dict[str, str]:
    """Name of a block or key -> its type."""
    resources = ((table.get("name"), table.get("type")) for table, _, _ in fieldmap.resources() if "name" in table.data)
    keys = ((table.get("name"), table.get("type")) for table in fieldmap.all("key"))
    return {str(name): str(kind) for name, kind in (*resources, *keys)}


def _no_resource(table: Table, fhir: Definitions) -> Iterator[Problem]:
    kind = str(table.get("type"))
    if not fhir.is_resource(kind):
        yield table.problem(f"{kind!r} is no resource type{meant(kind, fhir.resource_types)}", "type")


def owner(table: Table, field: Table, types: Mapping[str, str]) -> str:
    """The type of the resource that a field states something of."""
    kind = str(table.get("type"))
    return types.get(str(table.get("root")), kind) if field.get("on_root") else kind


def _misfit(field: Table, kind: str, codes: Mapping[str, CodeTable], fhir: Definitions) -> Iterator[Problem]:
    if not has_slot(field):
        return
    problems = list(wrong_slot(field, "target", kind, fhir))
    yield from problems
    if problems:
        return
    members, target = stated_at(field, kind, fhir)
    if "item" in field.data:
        slot = _members(field.data["target"], kind, fhir)[0]
        yield from (field.problem(reason, "item") for reason in _shape(field.data["item"], slot, fhir))
    if not members:
        return
    yield from _fitting(field, target, members)
    yield from typed(field, members)
    if "choice" in field.data and field.data["choice"] not in {member.key for member in members}:
        yield field.problem(f"{field.data['choice']!r} is none of the choices of {target}", "choice")
    if "codes" in field.data and field.data["codes"] in codes:
        yield from _made(field, members, codes[field.data["codes"]])
    for key in given_values(field):
        yield from (field.problem(reason, key) for reason in _misshapen(field, key, members[0], len(members), fhir))


def has_slot(field: Table) -> bool:
    """Whether a field names the slot that it states, and not several."""
    return isinstance(field.get("target"), str) and field.get("target") != SEVERAL


def stated_at(field: Table, kind: str, fhir: Definitions) -> tuple[tuple[Property, ...], str]:
    """The elements that get the value of a field, and what they are called."""
    target = field.data["target"]
    members = _members(target, kind, fhir)
    if "item" in field.data:
        members = tuple(_filled(field.data["item"], members[0], fhir))
        target = members[0].element.path if members else target
    return members, target


def chosen(field: Table, members: tuple[Property, ...]) -> tuple[Property, ...]:
    """The members of a choice that a field chooses."""
    return tuple(member for member in members if member.key == field.get("choice", member.key)) or members


def given_values(field: Table) -> Iterator[str]:
    """The keys of a field that are values to be stated."""
    return (k for k in ("constant", "default") if k in field.data and ("codes" not in field.data or k == "default"))


def _fitting(field: Table, target: str, members: Sequence[Property]) -> Iterator[Problem]:
    """What states a value of one type into an element of another."""
    types = {member.type for member in members}
    if field.get("own") and "Identifier" not in types:
        yield field.problem(f"'own' makes an Identifier, {target} is a {' or '.join(sorted(types))}", "own")
    if "reference" in field.data and "Reference" not in types:
        yield field.problem(f"'reference' makes a Reference, {target} is a {' or '.join(sorted(types))}", "reference")
    if members[0].element.is_choice and "[x]" in target and not field.data.keys() & {"choice", "constant"}:
        near = ", ".join(member.key for member in members[:3])
        yield field.problem(f"{target} needs 'choice': one of {near}{', …' if len(members) > 3 else ''}", "target")


def _filled(item: Any, member: Property, fhir: Definitions) -> Iterator[Property]:
    """The elements that get the value of a field with `item`."""
    for part in item if isinstance(item, list) else [item]:
        if part == VALUE:
            yield member
        elif isinstance(part, dict):
            known = fhir.properties(member.node)
            for name, inner in part.items():
                if name in known:
                    yield from _filled(inner, known[name], fhir)


_OWN = frozenset({"id", "meta", "meta.versionId", "meta.lastUpdated"})
"""What the exchange says of every resource: one that is stated would take its place."""


def wrong_slot(table: Table, key: str, kind: str, fhir: Definitions) -> Iterator[Problem]:
    """What is wrong with a slot name as a place in a resource of type `kind`."""
    slot = str(table.get(key)).removesuffix(JOINED).partition("#")[0]
    if slot in _OWN:
        reason = f"{slot!r} is given by the exchange: take it out"
        yield table.problem(f"{reason}; a number of the sender is an identifier[]" if slot == "id" else reason, key)
        return
    repeats, choice = slot.endswith("[]"), slot.endswith("[x]")
    names = slot.removesuffix("[]").removesuffix("[x]").split(".")
    node = kind
    for name in names[:-1]:
        inner = fhir.properties(node).get(name)
        if inner is None:
            yield table.problem(f"{node} has no element {name!r}{meant(name, fhir.properties(node))}", key)
            return
        if inner.is_list:
            yield table.problem(f"{node}.{name} repeats: a slot cannot lead through it", key)
            return
        if inner.is_primitive:
            yield table.problem(f"{node}.{name} is a {inner.type}: a slot cannot lead into it", key)
            return
        node = inner.node
    members = _last(names[-1], node, choice, fhir)
    if not members:
        near = meant(names[-1], fhir.properties(node))
        yield table.problem(f"{node} has no {'choice ' if choice else ''}element {names[-1]!r}{near}", key)
    elif members[0].is_list is not repeats:
        reason = "repeats: write []" if members[0].is_list else "does not repeat"
        yield table.problem(f"{node}.{names[-1]} {reason}", key)


def _last(name: str, node: str, choice: bool, fhir: Definitions) -> tuple[Property, ...]:
    """The members that the last name of a slot means; `_name` is the companion of a primitive."""
    if choice:
        found = fhir.children(node).get(name, ())
        return found if found and found[0].element.is_choice else ()
    member = fhir.properties(node).get(name.removeprefix("_"))
    if member is None or (name.startswith("_") and not member.is_primitive):
        return ()
    return (member,)


def _members(target: str, kind: str, fhir: Definitions) -> tuple[Property, ...]:
    slot = target.removesuffix(JOINED).partition("#")[0]
    names = slot.removesuffix("[]").removesuffix("[x]").split(".")
    node = kind
    for name in names[:-1]:
        node = fhir.properties(node)[name].node
    return _last(names[-1], node, slot.endswith("[x]"), fhir)


def _made(field: Table, members: tuple[Property, ...], table: CodeTable) -> Iterator[Problem]:
    """A field that translates: its form must fit the element."""
    wanted = "Extension" if "url" in field.data else FORMED[field.get("form", "concept")]
    kinds = dict.fromkeys(member.type for member in chosen(field, members))
    if wanted not in kinds:
        shown = " or ".join(kinds)
        yield field.problem(f"{table.name!r} makes a {wanted}, {field.get('target')} is a {shown}", "codes")


def _misshapen(field: Table, key: str, member: Property, choices: int, fhir: Definitions) -> Iterator[str]:
    value = field.data[key]
    if member.element.is_choice and isinstance(value, dict) and "choice" not in field.data and choices > 1:
        return
    if isinstance(value, list) and "[]" not in field.data["target"]:
        yield f"{member.element.path} does not repeat: write the value without [ ]"
        return
    yield from _shape(value, member, fhir)


def _shape(value: Any, member: Property, fhir: Definitions) -> Iterator[str]:
    """Keys of a constant that its type does not have, and elements that FHIR requires and it lacks."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            known = fhir.properties(member.node)
            yield from left_out(item, member.node, fhir)
            for name, inner in item.items():
                if name not in known:
                    yield f"{member.node} has no element {name!r}{meant(name, known)}"
                elif known[name].is_list is not isinstance(inner, list):
                    yield f"{member.node}.{name} {'repeats: write [ ]' if known[name].is_list else 'does not repeat'}"
                else:
                    yield from _shape(inner, known[name], fhir)
        elif item == VALUE:
            continue
        elif not member.is_primitive:
            yield f"{member.element.path} is a {member.type}, not a plain value"
        elif member.type in CHECKS and not CHECKS[member.type](item):
            yield f"{member.element.path} is a {member.type}, not {item!r}: {FORMS[member.type]}"
