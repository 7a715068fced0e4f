"""Lint: what the tables would write, held against FHIR definitions and code systems, with file, line and column.

Loading finds what cannot be compiled (`hie.mapping.fieldmap`, `hie.mapping.codes`); lint finds what would compile and
give wrong FHIR: what has not its structure (`hie.mapping.misfit`), a code outside a required binding, a target code
that its code system does not have, a unit that is none, a LOINC code with a wrong check digit. What a transform of a
package returns is not known here; the validator sees that. Source paths that are odd and examples that are refused are
noted when a map is compiled (`Program.doubts`) and told together with these (`hie/app/maps.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hie.base.tablefile import table_files
from hie.fhir.definitions import Definitions
from hie.fhir.element import Binding, Property
from hie.mapping.codelint import Judge, at, lint_codes, shape_only, targets
from hie.mapping.codes import CodeTable
from hie.mapping.codeshape import misshapen
from hie.mapping.described import Described, undescribed
from hie.mapping.fhir.tables import lint_agreement
from hie.mapping.fieldmap import FieldMap, read_map
from hie.mapping.idle import alone, idle_types, overridden, stated_again, unused
from hie.mapping.lacking import Given, ProfileFor, lacking, unprofiled
from hie.mapping.misfit import (
    FORMED,
    block_types,
    chosen,
    given_values,
    has_slot,
    misfits,
    named_twice,
    owner,
    stated_at,
    wrong_slot,
)
from hie.mapping.problem import Problem
from hie.mapping.toml import Table
from hie.mapping.uris import misnamed, resembling


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
    """What need not be wrong: what the field maps of `feeds` do not state and our profiles require, what two fields
    state of which one counts, and code systems that are nearly called like others."""
    wanted = frozenset(feeds)
    maps = [fieldmap for folder in folders for _, fieldmap in _maps(folder, wanted) if fieldmap is not None]
    found = {problem for fieldmap in maps for problem in unprofiled(fieldmap, fhir, given, profile_for)}
    found.update(one for fieldmap in maps for _, fields, _ in fieldmap.resources() for one in stated_again(fields))
    return sorted({*found, *resembling(maps, codes.values(), fhir.code_system_urls)})


def unfit(
    folders: Iterable[Path], feeds: Iterable[str], codes: Mapping[str, CodeTable], fhir: Definitions
) -> list[Problem]:
    """What has not the structure of FHIR in the field maps of `feeds`: no server starts with that."""
    wanted = frozenset(feeds)
    maps = (fieldmap for folder in folders for _, fieldmap in _maps(folder, wanted) if fieldmap is not None)
    return sorted({problem for fieldmap in maps for problem in misfits(fieldmap, codes, fhir)})


def _maps(folder: Path, feeds: frozenset[str]) -> Iterator[tuple[list[Problem], FieldMap | None]]:
    """Each field map of these feeds, with what is wrong with it."""
    paths = (path for path in table_files(folder / "fields", "*/*.toml") if path.parent.name in feeds)
    return (read_map(path, folder / "fields") for path in paths)


def lint_map(
    fieldmap: FieldMap, codes: Mapping[str, CodeTable], fhir: Definitions, judge: Judge = shape_only
) -> Iterator[Problem]:
    """What is wrong with the targets of one field map."""
    twice = list(named_twice(fieldmap))
    yield from twice or misfits(fieldmap, codes, fhir)
    types = block_types(fieldmap)
    for table, fields, events in fieldmap.resources():
        if fhir.is_resource(str(table.get("type"))):
            yield from alone(table, fields, events)
            yield from overridden(fields)
        for field in fields:
            yield from unused(field)
            for key in ("constant", "default"):
                yield from (field.problem(reason, key) for reason in _codings(field.get(key), judge))
            yield from _bound(field, owner(table, field, types), codes, fhir)
            yield from _pointed(field, owner(table, field, types), types, fhir)


def _pointed(field: Table, kind: str, types: Mapping[str, str], fhir: Definitions) -> Iterator[Problem]:
    """A reference to a block of a type that the element does not refer to."""
    named = types.get(str(field.get("reference")), "")
    if not (named and has_slot(field) and fhir.is_resource(kind)) or any(wrong_slot(field, "target", kind, fhir)):
        return
    members, target = stated_at(field, kind, fhir)
    wanted = [type for member in members for type in member.element.reference_targets]
    if wanted and named not in wanted:
        reason = f"{target} refers to {' or '.join(wanted)}, and {field.get('reference')!r} is a {named}"
        yield field.problem(reason, "reference")


def _bound(field: Table, kind: str, codes: Mapping[str, CodeTable], fhir: Definitions) -> Iterator[Problem]:
    """Codes outside a required binding."""
    if not has_slot(field) or not fhir.is_resource(kind) or any(wrong_slot(field, "target", kind, fhir)):
        return
    members, _ = stated_at(field, kind, fhir)
    if not members:
        return
    if "codes" in field.data and field.data["codes"] in codes:
        yield from _coded(field, chosen(field, members), codes[field.data["codes"]], fhir)
    for key in given_values(field):
        yield from _constant(field, key, members[0], fhir)


def _coded(field: Table, members: Sequence[Property], table: CodeTable, fhir: Definitions) -> Iterator[Problem]:
    """A field that translates: its targets must fit the binding."""
    form = FORMED[field.get("form", "concept")]
    if form not in {member.type for member in members} and "url" not in field.data:
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
            wrong = misshapen(system, code) or judge(system, code)
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


def _constant(field: Table, key: str, member: Property, fhir: Definitions) -> Iterator[Problem]:
    """A constant that is a code outside a required binding."""
    value = field.data[key]
    binding = member.element.binding
    if isinstance(value, str) and member.type == "code" and binding is not None and binding.strength == "required":
        known = fhir.codes(binding.value_set)
        if known is not None and value not in known:
            yield field.problem(f"{value!r} is not in {binding.value_set}", key)
