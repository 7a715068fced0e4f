"""Rows: the `HieUpload` envelope of table rows to records (Qingpu interface document §2, §5).

The envelope is checked as a whole; then each row by itself. Records come in dependency order (patients, visits,
reports, indicators and details), numbered by their place in the envelope.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.moment import SENTINEL, Precision, read
from hie.base.record import Delivery, Parsed, Record
from hie.base.text import half_width, is_null_text, trimmed
from hie.parse.row_tables import CODE, RowTable, RowTables
from hie.wire.row import Header, Row
from hie.wire.safexml import parse_xml

ROOT = "HieUpload"
VERSION = "1.0"
ORGANISATION = "YLJGYQDM"
HEADER = (ORGANISATION, "JYM", "PCH", "SCSJ", "HS")
UPLOAD = "UPLOAD"
NO_VALUE = "-"

_DIGITS = 10
"""Digits of the number of a row in its order key."""

_LAST = 99
"""The rank of rows whose table is not in the dictionary: nothing waits for them."""


def parse(delivery: Delivery, organisations: Collection[str], tables: RowTables) -> Parsed:
    """The records of one envelope; `organisations` are the social credit codes registered for the feed.

    Findings of the whole: those of XML reading, `message-malformed`, `version-unsupported`, `key-missing`,
    `type-unknown`, `org-unknown`, `count-mismatch`; each of them refuses the envelope. `Parsed.context` holds the batch
    number and the `seq` of every row, in order, for the receipt. Records have no `body`: a row is a duplicate only of
    the row last applied for its key, by its digest (§3), never of any earlier row.
    """
    document = parse_xml(delivery.body)
    if document.root is None:
        return Parsed((), document.findings, document.charset, {"batch": "", "seq": []})
    columns = _columns(document.root.find("Header"))
    rows = [(name, row) for name, row in _rows(document.root)]
    numbers = _numbers(rows)
    context = {"batch": columns.get("PCH", ""), "seq": numbers}
    problems = tuple(_envelope_findings(document.root, columns, len(rows), organisations))
    findings = (*document.findings, *problems)
    if gravest(findings).rank >= Severity.QUARANTINE.rank:
        sender = columns.get(ORGANISATION, "").upper()
        return Parsed((), findings, document.charset, context, sender)
    records = _records(rows, numbers, _header(columns), tables)
    return Parsed(_in_order(records, tables), findings, document.charset, context)


def _envelope_findings(
    root: Any, columns: Mapping[str, str], rows: int, organisations: Collection[str]
) -> Iterable[Finding]:
    if root.tag != ROOT:
        yield finding("message-malformed", detail=f"the root element is not {ROOT}")
        return
    if root.get("version") != VERSION:
        yield finding("version-unsupported", f"{ROOT}/@version")
    for column in HEADER:
        if column not in columns:
            yield finding("key-missing", f"Header/{column}")
    if "SCSJ" in columns and _uploaded(columns["SCSJ"]) is None:
        yield finding("key-missing", "Header/SCSJ", "no date and time")
    if columns.get("JYM", UPLOAD) != UPLOAD:
        yield finding("type-unknown", "Header/JYM")
    if columns.get(ORGANISATION, "").upper() not in organisations and ORGANISATION in columns:
        yield finding("org-unknown", f"Header/{ORGANISATION}")
    if "HS" in columns and not _counts(columns["HS"], rows):
        yield finding("count-mismatch", "Header/HS", f"{rows} rows found")


def _counts(declared: str, rows: int) -> bool:
    return declared.isascii() and declared.isdigit() and (declared.lstrip("0") or "0") == str(rows)


def _header(columns: Mapping[str, str]) -> Header:
    uploaded = _uploaded(columns["SCSJ"])
    text, order = uploaded if uploaded else ("", "")
    return Header(columns[ORGANISATION].upper(), columns["PCH"], text, order)


def _uploaded(text: str) -> tuple[str, str] | None:
    """The upload time as FHIR dateTime and as comparable text; None without a time of day, or before 1900."""
    moment = read(half_width(text))
    if moment is None or moment.precision is not Precision.TIME or moment.date <= SENTINEL:
        return None
    return moment.text, moment.utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def _columns(element: Any) -> dict[str, str]:
    """Column name -> value of a header; null text is no value (common rules §5.3)."""
    found = _values(element)
    return {column: half_width(value) for column, value in found.items() if not is_null_text(value)}


def _values(element: Any) -> dict[str, str]:
    """Column name -> trimmed value; empty and `-` are no value. Of a column that stands twice the first counts."""
    found: dict[str, str] = {}
    for child in () if element is None else element:
        value = trimmed("".join(child.itertext()))
        if value is not None and value != NO_VALUE:
            found.setdefault(str(child.tag), value)
    return found


def _rows(root: Any) -> Iterable[tuple[str, Any]]:
    for table in root.iterfind("Table"):
        name = (table.get("name") or "").strip()
        for row in table.iterfind("Row"):
            yield name, row


def _numbers(rows: list[tuple[str, Any]]) -> list[str]:
    return [trimmed(row.get("seq")) or str(place) for place, (_, row) in enumerate(rows, 1)]


def _places(numbers: list[str]) -> list[int]:
    """Where each row stands: by its `seq`, or by its place when the numbers are not distinct whole numbers. Numbers
    that are too long for an order key are counted off."""
    whole = [number.lstrip("0") for number in numbers if number.isascii() and number.isdigit()]
    if len(set(whole)) < len(numbers):
        return list(range(1, len(numbers) + 1))
    if all(len(number) <= _DIGITS for number in whole):
        return [int(number or "0") for number in whole]
    rising = sorted(whole, key=lambda number: (len(number), number))
    found = {number: place for place, number in enumerate(rising, 1)}
    return [found[number] for number in whole]


def _records(
    rows: list[tuple[str, Any]], numbers: list[str], header: Header, tables: RowTables
) -> list[tuple[int, Record]]:
    found = []
    seen: dict[tuple[str, str], str] = {}
    for part, ((name, element), place) in enumerate(zip(rows, _places(numbers), strict=True), 1):
        order = f"{header.order}\x1f{header.batch}\x1f{place:0{_DIGITS}d}"
        record = _record(part, name, _values(element), order, header, tables)
        if record.key and seen.setdefault((name, record.key), record.tree.digest) != record.tree.digest:
            again = finding("repeated-content", tables.tables[name].key[-1])
            record = replace(record, findings=(*record.findings, again))
        found.append((place, record))
    return found


def _record(part: int, name: str, values: dict[str, str], order: str, header: Header, tables: RowTables) -> Record:
    content = "\x1e".join((name, *(f"{column}\x1f{values[column]}" for column in sorted(values))))
    digest = hashlib.sha256(content.encode()).hexdigest()
    table = tables.tables.get(name)
    nulls = [c for c, value in values.items() if table and c not in table.text and is_null_text(value)]
    values = {column: value for column, value in values.items() if column not in nulls}
    if table:
        values = {c: half_width(value) if table.limit(c) == CODE else value for c, value in values.items()}
    revoking = tables.revokes(values)
    key = "|".join(values.get(column, "") for column in table.key) if table else ""
    row = Row(name, values, order, key, digest, revoking, header)
    findings = tuple(_row_findings(row, table, nulls)) if table else (finding("type-unknown", name),)
    return Record(
        part=part,
        type=name,
        tree=row,
        body=b"",
        findings=findings,
        organisation=header.organisation,
        envelope=header,
        label=name,
        key=key,
    )


def _row_findings(row: Row, table: RowTable, nulls: Iterable[str]) -> Iterable[Finding]:
    """`nulls` are the columns whose null text was taken as no value; those of a revoking row are not worth a word."""
    sender = row.values.get(ORGANISATION)
    for column in table.key if row.revoking else (*table.key, *table.required):
        if column not in row.values:
            yield finding("key-missing", column)
    if sender is not None and half_width(sender).upper() != row.organisation:
        yield finding("envelope-mismatch", ORGANISATION)
    for column in () if row.revoking else nulls:
        yield finding("null-text", column)
    for column, value in row.values.items():
        if len(value) > table.limit(column):
            yield finding("field-too-long", column, f"more than {table.limit(column)} characters")


def _in_order(records: list[tuple[int, Record]], tables: RowTables) -> tuple[Record, ...]:
    """Records by rank of their table, then by number; the first that can be processed carries the message id."""

    def rank(entry: tuple[int, Record]) -> tuple[int, int]:
        table = tables.tables.get(entry[1].type)
        return (table.rank if table else _LAST, entry[0])

    ordered = [record for _, record in sorted(records, key=rank)]
    first = next((n for n, record in enumerate(ordered) if gravest(record.findings) is not Severity.REJECT), None)
    if first is not None:
        header: Header = ordered[first].envelope
        ordered[first] = replace(ordered[first], message_id=header.batch)
    return tuple(ordered)
