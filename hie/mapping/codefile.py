"""Code maps: `mappings/codes/*.csv`, loaded and checked at start, with file, line and column.

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
from itertools import takewhile
from pathlib import Path

from hie.base.finding import CODES
from hie.base.tablefile import table_files
from hie.mapping.codes import COLUMNS, CodeRow, CodeTable
from hie.mapping.problem import BrokenTables, Problem, meant, read_text

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

_KINDS = ", ".join(sorted(EQUIVALENCES))
_MORE = ": a name with a comma in it stands in quotation marks"
_WIDE = ": a full-width comma (，) separates nothing, write ,"
_HEADERS = frozenset({"table", "kind", "system", "target", "unknown", "unknown-display", "names", "unmapped"})


def load_codes(folder: Path) -> dict[str, CodeTable]:
    """Every code map of a folder by name. Raises `BrokenTables` with everything that is wrong in any of them."""
    tables: dict[str, CodeTable] = {}
    problems: list[Problem] = []
    for path in table_files(folder, "*.csv"):
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
    comments = list(takewhile(lambda line: line.startswith("#"), map(_comment, text.splitlines())))
    lines: dict[str, int] = {}
    for number, line in enumerate(comments, start=1):
        before, colon, value = line[1:].replace("：", ":", 1).partition(":")
        name = before.strip()
        if colon and name in _HEADERS:
            if name in lines:
                reason = f"header line '# {name}:' stands twice: it is in line {lines[name]} already"
                problems.append(Problem(file, number, reason))
            if not value.strip():
                problems.append(Problem(file, number, f"header line '# {name}:' says nothing: leave it out"))
            header[name] = value.strip()
            lines[name] = number
        elif colon and (near := meant(name, _HEADERS)):
            problems.append(Problem(file, number, f"there is no header line '# {name}:'{near}"))
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


def _comment(line: str) -> str:
    """A line above the rows as it was written: a spreadsheet program may quote it, and fills it up with commas."""
    return ",".join(next(csv.reader([line]), [])).rstrip(",") if line.startswith(("#", '"#')) else line


def _cells(lines: list[str], first: int, file: str, problems: list[Problem]) -> list[tuple[int, dict[str, str]]]:
    reader = csv.reader(lines)
    columns = next(reader, [])
    behind = [""] * (len(columns) - len(COLUMNS))  # empty columns that a spreadsheet program puts behind the last one
    if columns != [*COLUMNS, *behind]:
        reason = f"the columns must be {','.join(COLUMNS)}, with commas between them{_lacking(columns)}"
        problems.append(Problem(file, first + 1, reason))
        return []
    found = []
    begin = first + reader.line_num + 1
    for cells in reader:
        number, begin = begin, first + reader.line_num + 1
        if not any(cells) or cells[0].startswith("#"):
            continue
        if begin > number + 1:
            problems.append(Problem(file, number, "a cell that begins with a quotation mark does not end on its line"))
            continue
        if len(cells) != len(columns) or cells[len(COLUMNS) :] != behind:
            hint = _MORE if len(cells) > len(COLUMNS) else _WIDE if any("，" in cell for cell in cells) else ""
            problems.append(Problem(file, number, f"{len(cells)} cells instead of {len(COLUMNS)}{hint}"))
            continue
        found.append((number, dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=False))))
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
        "equivalence": (f"unknown equivalence {row.equivalence!r}: {_KINDS}", row.equivalence in EQUIVALENCES),
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
