"""Lint of code maps: their codes held against code systems, with file, line and column."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hie.base.text import half_width
from hie.fhir.definitions import Definitions
from hie.mapping.codes import CodeRow, CodeTable
from hie.mapping.codeshape import misshapen
from hie.mapping.problem import Problem

_SHORTENED = re.compile(r"\d(?:\.\d+)?E\+\d+")

_COMMENTED = frozenset({"narrower", "inexact"})
"""Equivalences for which FHIR wants a comment (R4 ConceptMap, cmd-1)."""

_CODE = re.compile(r"[A-Z]?[0-9][0-9A-Za-z.]{0,11}|[A-Z]")
"""A code that is no word: a number, a letter, a letter with a number."""

Judge = Callable[[str, str], str | None]
"""Code system and code -> what is wrong with the code; None when nothing is, or the code system is not known."""


def shape_only(system: str, code: str) -> str | None:
    """A judge for whom code systems are out of reach, and who leaves it at the form of a code."""
    return None


def lint_codes(table: CodeTable, fhir: Definitions, judge: Judge = shape_only) -> Iterator[Problem]:
    """Targets that their code system does not have, codes of either side that cannot be codes, translations without the
    note that they need."""
    for row, system, code in targets(table):
        yield from _judged(table, row, system, code, fhir, judge)
    if row := _swapped(table):
        yield at(table, row, "code", "'code' holds names and 'display' codes: the two columns are swapped")
    for row in table.rows.values():
        if half_width(row.code) != row.code:
            yield at(table, row, "code", f"{row.code!r} is looked up in half width: write {half_width(row.code)!r}")
        for column, code in (("code", row.code), ("target_code", row.target_code)):
            if spoilt := _spoilt(code):
                yield at(table, row, column, f"{code!r} {spoilt}")
        wrong = misshapen(row.source_system, row.code)
        if wrong is not None:
            yield at(table, row, "code", f"{row.code!r} {wrong}")
        if row.equivalence in _COMMENTED and row.target_code and not row.note:
            yield at(table, row, "note", f"{row.equivalence!r} needs a note that says why (FHIR R4 ConceptMap, cmd-1)")


def _swapped(table: CodeTable) -> CodeRow | None:
    """The first row of a map whose codes all are words and whose names all are codes; None of any other."""
    rows = list(table.rows.values())
    names = [name for row in rows for name in row.names or ("",)]
    swapped = len(rows) > 1 and not any(row.code.isascii() for row in rows) and all(map(_CODE.fullmatch, names))
    return rows[0] if swapped else None


def _spoilt(code: str) -> str:
    """What a spreadsheet program or a web page did to a code; empty when nothing."""
    if any(unicodedata.category(character) in ("Cc", "Cf") for character in code):
        return "has a character that cannot be seen: write it anew"
    if _SHORTENED.fullmatch(code):
        return "is how a spreadsheet program shows a long number: make the column text, and write the number"
    return "begins with the mark of a text cell: leave the ' out" if code.startswith("'") else ""


def _judged(
    table: CodeTable, row: CodeRow | None, system: str, code: str, fhir: Definitions, judge: Judge
) -> Iterator[Problem]:
    known = concepts(system, fhir)
    if known is not None and code not in known:
        yield at(table, row, "target_code", f"{system} has no code {code!r}")
        return
    wrong = misshapen(system, code) or judge(system, code)
    if wrong is not None:
        yield at(table, row, "target_code", f"{code!r} {wrong}")


def concepts(system: str, fhir: Definitions) -> frozenset[str] | None:
    """Every code of a code system, None when it is not known here in full."""
    found = fhir.code_system(system)
    if found is None or found.get("content") != "complete":
        return None
    return frozenset(_codes(found.get("concept", ())))


def _codes(rows: Iterable[Any]) -> Iterator[str]:
    for row in rows:
        yield str(row["code"] if isinstance(row, Mapping) else row[0])
        if isinstance(row, Mapping):
            yield from _codes(row.get("concept", ()))


def targets(table: CodeTable) -> Iterator[tuple[CodeRow | None, str, str]]:
    """Every target of a code map with its row; the target for unknown codes stands in the header."""
    if table.unknown:
        yield None, table.target_system, table.unknown
    for row in table.rows.values():
        if row.target_code:
            yield row, row.target_system, row.target_code


def at(table: CodeTable, row: CodeRow | None, column: str, reason: str) -> Problem:
    """A problem at a column of a row, or at the head of a code map."""
    line, place = (row.line, row.column(column)) if row is not None else (1, 1)
    return Problem(f"codes/{table.file}", line, reason, place)
