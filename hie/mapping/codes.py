"""Code maps: `mappings/codes/*.csv`, loaded and checked at start; translation with findings (common rules §5.6).

A file starts with `#` lines, then a CSV with the columns of `COLUMNS`. Header lines:

- `# table: gender`: the name, equal to the file name without `.csv`; required.
- `# kind: closed` or `open`; required. A code missing from a closed table is `code-unknown`, from an open one
  `code-unmapped`.
- `# system: urn:oid:…`: source system of rows whose column is empty, and of codes that are not in the table.
- `# target: http://…`: target system of rows whose column is empty.
- `# unknown: unknown` and, optional, `# unknown-display: …`: the target code a closed table gives for a code it does
  not have. Without it such a code gives text only.
- `# names: strict`: any name that differs from the display is `code-name-conflict`; without this line only a name that
  belongs to another code of the table is.
- `# unmapped: unit-unmapped`: the finding for a missing translation in an open table, when not `code-unmapped`.

`display` may hold several names separated by `|`; the first is the display. An empty `target_code` means: known, but
without translation. Any other `#` line is a comment.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hie.base.finding import CODES
from hie.mapping.problem import BrokenTables, Problem, read_text

if TYPE_CHECKING:
    from hie.mapping.context import Context

COLUMNS = (
    "source_system",
    "code",
    "display",
    "target_system",
    "target_code",
    "target_display",
    "equivalence",
    "note",
)
"""The columns of a code map, in order."""

EQUIVALENCES = frozenset(
    {
        "relatedto",
        "equivalent",
        "equal",
        "wider",
        "subsumes",
        "narrower",
        "specializes",
        "inexact",
        "unmatched",
        "disjoint",
    }
)
"""FHIR R4 ConceptMapEquivalence; an empty cell means `equivalent`."""

SOURCE_CODING = "https://hie.example.org/fhir/StructureDefinition/source-coding"
"""Extension that keeps the source code on a plain `code` element (common rules §5.6)."""

_HEADERS = frozenset({"table", "kind", "system", "target", "unknown", "unknown-display", "names", "unmapped"})


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code: its names (the first is the display), systems and target; `line` is where it stands, `columns` where
    its cells begin, in the order of `COLUMNS`."""

    source_system: str
    code: str
    names: tuple[str, ...]
    target_system: str
    target_code: str
    target_display: str
    equivalence: str = "equivalent"
    note: str = ""
    line: int = 0
    columns: tuple[int, ...] = ()

    def column(self, name: str) -> int:
        """Where a cell begins, counted from 1."""
        return self.columns[COLUMNS.index(name)] if self.columns else 1

    @property
    def display(self) -> str:
        """The first name; empty when the row has none."""
        return self.names[0] if self.names else ""

    @property
    def target(self) -> dict[str, str] | None:
        """The target Coding, `None` when the row has no translation."""
        return _coding(self.target_system, self.target_code, self.target_display) if self.target_code else None


@dataclass(frozen=True)
class CodeTable:
    """One code map. `rows` by source code; `names` are all names of all rows; `translates` is False
    for a table without any target, which only names codes: there a missing translation is no finding."""

    name: str
    closed: bool
    rows: Mapping[str, CodeRow]
    system: str = ""
    target_system: str = ""
    unknown: str = ""
    unknown_display: str = ""
    strict_names: bool = False
    unmapped: str = "code-unmapped"
    file: str = ""
    names: frozenset[str] = field(default=frozenset())
    translates: bool = True

    def translate(self, code: str, name: str, context: "Context") -> "Translation":
        """Look a code up and note `code-unknown`, `code-unmapped` or `code-name-conflict` at the current path.

        What the table leaves open is asked of `context.terms`: a name that neither sender nor table gives, and whether
        an open table's code system has the code at all.
        """
        row = self.rows.get(code)
        if row is None:
            return self._beyond(code, name, context)
        if name and self.conflicts(row, name):
            context.note("code-name-conflict")
        if not row.target_code and not self.closed and self.translates:
            context.note(self.unmapped)
        display = row.display or name or context.terms.display(row.source_system, code) or ""
        return Translation(_coding(row.source_system, code, display), _named(row.target, context), name or display)

    def _beyond(self, code: str, name: str, context: "Context") -> "Translation":
        """A code that the table does not have."""
        code = " ".join(code.split())
        if self.closed:
            context.note("code-unknown")
        elif self.translates:
            context.note(self.unmapped)
        display = name if self.closed else context.called(self.system, code, name)
        target = _coding(self.target_system, self.unknown, self.unknown_display) if self.unknown else None
        return Translation(_coding(self.system, code, display), target, display or code, not self.closed)

    def conflicts(self, row: CodeRow, name: str) -> bool:
        """Whether the name sent with the code of `row` contradicts it."""
        if name in row.names or not row.names:
            return False
        return self.strict_names or name in self.names


@dataclass(frozen=True, slots=True)
class Translation:
    """What a code map makes of one code: the source Coding, the target Coding if any, and the text. `known` False: a
    closed table does not have the code."""

    source: dict[str, str]
    target: dict[str, str] | None
    text: str
    known: bool = True

    @property
    def concept(self) -> dict[str, Any]:
        """A CodeableConcept: source coding first and `userSelected`, then the translation; text only without a code.

        A code that its closed table does not have is no code of that system: with no target for the unknown the
        concept is the text only, and the code stays in the extension (common rules §5.6).
        """
        found: dict[str, Any] = {}
        source, target = self.source, self.target
        if not self.known and target is None:
            kept = {"extension": self.extension} if self.extension else {}
            return {**kept, "text": self.text} if self.text else kept
        codings: list[dict[str, Any]] = []
        if source.get("code") and source.get("system"):
            codings.append({**source, "userSelected": True})
        if target and (source.get("system"), source.get("code")) != (target.get("system"), target["code"]):
            codings.append(dict(target))
        if codings:
            found["coding"] = codings
        if self.text:
            found["text"] = self.text
        return found

    @property
    def coding(self) -> dict[str, Any] | None:
        """The target Coding with the source coding as extension, for elements of type Coding; `None` without target."""
        if self.target is None:
            return None
        return {"extension": self.extension, **self.target} if self.extension else dict(self.target)

    @property
    def code(self) -> str | None:
        """The target code, for elements of type code."""
        return self.target["code"] if self.target else None

    @property
    def extension(self) -> list[dict[str, Any]]:
        """The source-coding extension for a plain `code` element; empty when no code was sent."""
        if not self.source.get("code"):
            return []
        extension: dict[str, Any] = {"url": SOURCE_CODING, "valueCoding": dict(self.source)}
        return [extension]


def _named(target: dict[str, str] | None, context: "Context") -> dict[str, str] | None:
    """A target with the name that its code system gives it, when the table gives none."""
    if target is None or "display" in target:
        return target
    display = context.terms.display(target.get("system", ""), target["code"])
    return target if display is None else {**target, "display": display}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if system:
        found["system"] = system
    if code:
        found["code"] = code
    if display:
        found["display"] = display
    return found


def load_codes(folder: Path) -> dict[str, CodeTable]:
    """Every code map of a folder by name. Raises `BrokenTables` with everything that is wrong in any of them."""
    tables: dict[str, CodeTable] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.csv")):
        text, unreadable = read_text(path, path.name)
        if unreadable:
            problems += unreadable
            continue
        table, found = read_table(path.name, text)
        problems += found
        tables[table.name] = table
    if problems:
        raise BrokenTables(problems)
    return tables


def read_table(file: str, text: str) -> tuple[CodeTable, list[Problem]]:
    """One code map from its text, and everything that is wrong with it."""
    problems: list[Problem] = []
    header, first = _read_header(file, text, problems)
    rows: dict[str, CodeRow] = {}
    lines = text.splitlines()[first:]
    for number, cells in _cells(lines, first, file, problems):
        row = _read_row(cells, header, number, _starts(lines[number - first - 1]), file, problems)
        if row.code in rows:
            reason = f"code {row.code!r} stands twice: it is in line {rows[row.code].line} already"
            problems.append(Problem(file, number, reason, row.column("code")))
        rows[row.code] = row
    return _table(file, header, rows, problems), problems


def _read_header(file: str, text: str, problems: list[Problem]) -> tuple[dict[str, str], int]:
    header: dict[str, str] = {}
    comments = list(takewhile(lambda line: line.startswith("#"), text.splitlines()))
    lines: dict[str, int] = {}
    for number, line in enumerate(comments, start=1):
        name, colon, value = line[1:].partition(":")
        if colon and name.strip() in _HEADERS:
            header[name.strip()] = value.strip()
            lines[name.strip()] = number
    own = file.removesuffix(".csv")
    checks = {
        "table": (header.get("table") == own, f"write '# table: {own}', the name of the file"),
        "kind": (header.get("kind") in {"closed", "open"}, "write closed or open"),
        "names": (header.get("names", "strict") == "strict", "write strict, or leave it out"),
        "unmapped": (header.get("unmapped", "code-unmapped") in CODES, "it must be a finding code"),
    }
    problems += [
        Problem(file, lines.get(name, 1), f"header line '# {name}:' is missing or wrong: {hint}")
        for name, (right, hint) in checks.items()
        if not right
    ]
    return header, len(comments)


def _cells(lines: list[str], first: int, file: str, problems: list[Problem]) -> list[tuple[int, dict[str, str]]]:
    reader = csv.reader(lines)
    columns = next(reader, [])
    if tuple(columns) != COLUMNS:
        reason = f"the columns must be {','.join(COLUMNS)}, with commas between them{_lacking(columns)}"
        problems.append(Problem(file, first + 1, reason))
        return []
    found = []
    for cells in reader:
        number = first + reader.line_num
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) != len(COLUMNS):
            problems.append(Problem(file, number, f"{len(cells)} cells instead of {len(COLUMNS)}"))
            continue
        found.append((number, dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True))))
    return found


def _lacking(columns: list[str]) -> str:
    """Which columns are not there, where most of them are."""
    missing = [name for name in COLUMNS if name not in columns]
    return f"; missing: {', '.join(missing)}" if 0 < len(missing) < len(COLUMNS) else ""


def _starts(line: str) -> tuple[int, ...]:
    """The columns, from 1, at which the cells of a line begin."""
    starts, quoted = [1], False
    for place, character in enumerate(line, start=1):
        quoted = quoted != (character == '"')
        if character == "," and not quoted:
            starts.append(place + 1)
    return (*starts, *[len(line) + 1] * (len(COLUMNS) - len(starts)))


def _read_row(
    cells: dict[str, str],
    header: dict[str, str],
    number: int,
    columns: tuple[int, ...],
    file: str,
    problems: list[Problem],
) -> CodeRow:
    row = CodeRow(
        source_system=cells["source_system"] or header.get("system", ""),
        code=cells["code"],
        names=tuple(name.strip() for name in cells["display"].split("|") if name.strip()),
        target_system=cells["target_system"] or header.get("target", ""),
        target_code=cells["target_code"],
        target_display=cells["target_display"],
        equivalence=cells["equivalence"] or "equivalent",
        note=cells["note"],
        line=number,
        columns=columns,
    )
    checks = {
        "code": ("the code is empty", bool(row.code)),
        "source_system": ("no source system in the row and no '# system:' above", bool(row.source_system)),
        "target_system": ("a target code without target system", not row.target_code or bool(row.target_system)),
        "equivalence": (f"unknown equivalence {row.equivalence!r}", row.equivalence in EQUIVALENCES),
    }
    wrong = ((name, reason) for name, (reason, right) in checks.items() if not right)
    problems += [Problem(file, number, reason, row.column(name)) for name, reason in wrong]
    return row


def _table(file: str, header: dict[str, str], rows: dict[str, CodeRow], problems: list[Problem]) -> CodeTable:
    if header.get("unknown") and not header.get("target"):
        problems.append(Problem(file, 1, "'# unknown:' needs '# target:'"))
    return CodeTable(
        name=header.get("table", file.removesuffix(".csv")),
        closed=header.get("kind") == "closed",
        rows=rows,
        system=header.get("system", ""),
        target_system=header.get("target", ""),
        unknown=header.get("unknown", ""),
        unknown_display=header.get("unknown-display", ""),
        strict_names="names" in header,
        unmapped=header.get("unmapped", "code-unmapped"),
        file=file,
        names=frozenset(name for row in rows.values() for name in row.names),
        translates=bool(header.get("target")) or any(row.target_code for row in rows.values()),
    )
