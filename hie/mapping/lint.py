"""Lint: what the tables would write, held against FHIR definitions and code systems, with file, line and column.

Loading finds what cannot be compiled (`hie.mapping.fieldmap`, `hie.mapping.codes`); lint finds what would compile and
give wrong FHIR: a target that is no element, a repeat where there is none, a code outside a required binding, a target
code that its code system does not have, a unit that is none, a LOINC code with a wrong check digit, a transform that
gives another type. What a transform of a package returns is not known here; the validator sees that. Source paths that
are odd are noted when a map is compiled (`Program.doubts`) and told together with these (`hie/app/maps.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hie.base.slots import JOINED
from hie.base.tablefile import table_files
from hie.fhir.definitions import Definitions
from hie.fhir.element import Binding, Property
from hie.fhir.validate.primitives import CHECKS, FORMS
from hie.mapping.codelint import Judge, at, lint_codes, shape_only, targets
from hie.mapping.codes import CodeTable
from hie.mapping.described import Described, undescribed
from hie.mapping.fhir.tables import lint_agreement
from hie.mapping.fieldmap import FieldMap, read_map
from hie.mapping.idle import alone, idle_types
from hie.mapping.lacking import Given, ProfileFor, lacking, left_out, unprofiled
from hie.mapping.problem import Problem, meant
from hie.mapping.schema import SEVERAL, VALUE
from hie.mapping.toml import Table
from hie.mapping.typed import typed
from hie.mapping.uris import misnamed, resembling

_ABOUT = {"subject": "Patient", "encounter": "Encounter"}
"""Key of a block -> the type of the block that it names."""

_FORMS = {"code": "code", "coding": "Coding", "concept": "CodeableConcept"}
"""`form` of a field with `codes` -> the FHIR type it makes."""


def lint(
    folders: Iterable[Path],
    feeds: Iterable[str],
    codes: Mapping[str, CodeTable],
    fhir: Definitions,
    judge: Judge = shape_only,
    described: Described | None = None,
    given: Given | None = None,
) -> list[Problem]:
    """Everything wrong with the field maps of `feeds` in `folders` (`<folder>/fields`), with what is agreed with FHIR
    senders (`<folder>/fhir`), and with the code maps. `described` knows our extensions and code systems, `given` what
    resources get without a field; without them nobody asks for descriptions and for required elements."""
    wanted = frozenset(feeds)
    problems: set[Problem] = set()
    fieldmaps: list[FieldMap] = []
    for folder in folders:
        for found, fieldmap in _maps(folder, wanted):
            problems.update(found if found or fieldmap is None else lint_map(fieldmap, codes, fhir, judge))
            fieldmaps += [fieldmap] if fieldmap is not None and not found else []
        for feed in wanted:
            problems.update(lint_agreement(folder / "fhir" / f"{feed}.toml", fhir))
    problems.update(idle_types(fieldmaps))
    if given is not None:
        problems.update(problem for fieldmap in fieldmaps for problem in lacking(fieldmap, fhir, given))
    problems.update(misnamed(fieldmaps, codes.values(), fhir.code_system_urls))
    if described is not None:
        problems.update(undescribed(fieldmaps, codes.values(), described))
    for table in codes.values():
        problems.update(lint_codes(table, fhir, judge))
    return sorted(problems)


def advice(
    folders: Iterable[Path],
    feeds: Iterable[str],
    codes: Mapping[str, CodeTable],
    fhir: Definitions,
    given: Given,
    profile_for: ProfileFor,
) -> list[Problem]:
    """What need not be wrong: what the field maps of `feeds` do not state and our profiles require, and code systems
    that are nearly called like others."""
    wanted = frozenset(feeds)
    maps = [fieldmap for folder in folders for _, fieldmap in _maps(folder, wanted) if fieldmap is not None]
    found = {problem for fieldmap in maps for problem in unprofiled(fieldmap, fhir, given, profile_for)}
    return sorted({*found, *resembling(maps, codes.values(), fhir.code_system_urls)})


def _maps(folder: Path, feeds: frozenset[str]) -> Iterator[tuple[list[Problem], FieldMap | None]]:
    """Each field map of these feeds, with what is wrong with it."""
    paths = (path for path in table_files(folder / "fields", "*/*.toml") if path.parent.name in feeds)
    return (read_map(path, folder / "fields") for path in paths)


def lint_map(
    fieldmap: FieldMap, codes: Mapping[str, CodeTable], fhir: Definitions, judge: Judge = shape_only
) -> Iterator[Problem]:
    """What is wrong with the targets of one field map."""
    resources = fieldmap.resources()
    types = {str(table.get("name")): str(table.get("type")) for table, _, _ in resources if "name" in table.data}
    for table in fieldmap.all("key"):
        kind = str(table.get("type"))
        if not fhir.is_resource(kind):
            yield table.problem(f"{kind!r} is no resource type{meant(kind, fhir.resource_types)}", "type")
    types |= {str(table.get("name")): str(table.get("type")) for table in fieldmap.all("key")}
    for table, fields, events in resources:
        kind = str(table.get("type"))
        for key, wanted in _ABOUT.items():
            if key in table.data and types.get(str(table.get(key)), wanted) != wanted:
                yield table.problem(f"{key!r} must name a block of type {wanted}: {table.get(key)!r} is none", key)
        if not fhir.is_resource(kind):
            yield table.problem(f"{kind!r} is no resource type{meant(kind, fhir.resource_types)}", "type")
            continue
        if "listed" in table.data and "root" in table.data:
            yield from _slot(table, "listed", types.get(str(table.get("root")), ""), fhir)
        yield from alone(table, fields, events)
        for field in fields:
            owner = types.get(str(table.get("root")), kind) if field.get("on_root") else kind
            yield from _field(field, owner, codes, fhir, judge)


def _field(
    field: Table, kind: str, codes: Mapping[str, CodeTable], fhir: Definitions, judge: Judge
) -> Iterator[Problem]:
    for key in ("constant", "default"):
        yield from (field.problem(reason, key) for reason in _codings(field.get(key), judge))
    target = field.get("target")
    if not isinstance(target, str) or target == SEVERAL:
        return
    problems = list(_slot(field, "target", kind, fhir))
    yield from problems
    if problems:
        return
    members = _members(target, kind, fhir)
    if "item" in field.data:
        yield from (field.problem(reason, "item") for reason in _shape(field.data["item"], members[0], fhir))
        members = tuple(_filled(field.data["item"], members[0], fhir))
        if not members:
            return
        target = members[0].element.path
    yield from _fitting(field, target, members)
    yield from typed(field, members)
    if "choice" in field.data and field.data["choice"] not in {member.key for member in members}:
        yield field.problem(f"{field.data['choice']!r} is none of the choices of {target}", "choice")
    if "codes" in field.data and field.data["codes"] in codes:
        chosen = tuple(member for member in members if member.key == field.get("choice", member.key))
        yield from _coded(field, chosen or members, codes[field.data["codes"]], fhir)
    for key in ("constant", "default"):
        if key in field.data and ("codes" not in field.data or key == "default"):
            yield from _constant(field, key, members, fhir)


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


def _slot(table: Table, key: str, kind: str, fhir: Definitions) -> Iterator[Problem]:
    """What is wrong with a slot name as a place in a resource of type `kind`."""
    slot = str(table.get(key)).removesuffix(JOINED).partition("#")[0]
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


def _coded(field: Table, members: Sequence[Property], table: CodeTable, fhir: Definitions) -> Iterator[Problem]:
    """A field that translates: its form must fit the element, its targets the binding."""
    form = _FORMS[field.get("form", "concept")]
    wanted = "Extension" if "url" in field.data else form
    if wanted not in {member.type for member in members}:
        shown = " or ".join(dict.fromkeys(member.type for member in members))
        yield field.problem(f"{table.name!r} makes a {wanted}, {field.get('target')} is a {shown}", "codes")
        return
    if form != "CodeableConcept" and "url" not in field.data and not any(targets(table)):
        yield field.problem(f"{table.name!r} has no target codes, and a {form} is made of nothing else", "codes")
    binding = members[0].element.binding
    if binding is None or binding.strength != "required" or "url" in field.data:
        return
    for place, system, code in targets(table):
        if not _in_set(binding, system, code, form, fhir):
            reason = f"{code!r} is not in {binding.value_set}, which {members[0].element.path} requires"
            yield at(table, place, "target_code", reason)


def _codings(value: Any, judge: Judge) -> Iterator[str]:
    """What is wrong with the codes of a constant."""
    if isinstance(value, list):
        for item in value:
            yield from _codings(item, judge)
    elif isinstance(value, dict):
        system, code = value.get("system"), value.get("code")
        if isinstance(system, str) and isinstance(code, str):
            wrong = judge(system, code)
            if wrong is not None:
                yield f"{code!r} {wrong}"
        for item in value.values():
            yield from _codings(item, judge)


def _in_set(binding: Binding, system: str, code: str, form: str, fhir: Definitions) -> bool:
    if form == "code":
        known = fhir.codes(binding.value_set)
        return known is None or code in known
    codings = fhir.codings(binding.value_set)
    return codings is None or (system, code) in codings


def _constant(field: Table, key: str, members: Sequence[Property], fhir: Definitions) -> Iterator[Problem]:
    value = field.data[key]
    member = members[0]
    if member.element.is_choice and isinstance(value, dict) and "choice" not in field.data and len(members) > 1:
        return
    binding = member.element.binding
    if isinstance(value, str) and member.type == "code" and binding is not None and binding.strength == "required":
        known = fhir.codes(binding.value_set)
        if known is not None and value not in known:
            yield field.problem(f"{value!r} is not in {binding.value_set}", key)
    yield from (field.problem(reason, key) for reason in _shape(value, member, fhir))


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
