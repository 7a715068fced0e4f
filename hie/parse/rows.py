"""Rows: an envelope of table rows to records (Qingpu interface document §2, §5).

The envelope is checked as a whole; then each row by itself. Records come in dependency order (patients, visits,
reports, indicators and details), numbered by their place in the envelope. What the envelope looks like and which tables
there are is said by the tables of the feed (`hie.parse.row_tables`).
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.record import Delivery, Parsed, Record
from hie.base.text import LENGTHS, half_width, is_null_text, trimmed
from hie.parse.row_envelope import AGAIN
from hie.parse.row_tables import RowTable, RowTables
from hie.wire.row import Header, Row
from hie.wire.safexml import parse_xml

_DIGITS = 10
"""Digits of the number of a row in its order key."""

_SHORTEST = min(LENGTHS.values())
"""What any column may have."""

_LAST = 99
"""The rank of rows whose table is not in the dictionary: nothing waits for them."""


def parse(delivery: Delivery, organisations: Collection[str], tables: RowTables) -> Parsed:
    """The records of one envelope; `organisations` are the social credit codes registered for the feed.

    Findings of the whole: those of XML reading, `message-malformed`, `version-unsupported`, `key-missing`,
    `type-unknown`, `org-unknown`, `count-mismatch`; each of them refuses the envelope; `date-future` does not.
    `Parsed.context` holds the batch number and the `seq` of every row, in order, for the receipt. Records have no
    `body`: a row is a duplicate only of the row last applied for its key, by its digest (§3), never of any earlier row.
    """
    document = parse_xml(delivery.body)
    if document.root is None:
        return Parsed((), document.findings, document.charset, {"batch": "", "seq": []})
    envelope = tables.envelope
    columns = envelope.columns(document.root)
    elements = list(envelope.rows(document.root, columns))
    rows = list(_rows(elements, tables))
    context = {"batch": columns.get(envelope.batch, ""), "seq": [row.number for row in rows]}
    problems = tuple(envelope.findings(document.root, columns, len(elements), organisations, delivery.received))
    findings = (*document.findings, *problems)
    if gravest(findings).rank >= Severity.QUARANTINE.rank:
        sender = columns.get(envelope.organisation, "").upper()
        return Parsed((), findings, document.charset, context, sender)
    records = _records(rows, columns, tables)
    return Parsed(_in_order(records, tables), findings, document.charset, context)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A row as it was sent: its table, its number in the envelope, its columns that have a value."""

    table: str
    number: str
    values: dict[str, str]


def _rows(elements: Iterable[tuple[str, Any]], tables: RowTables) -> Iterator[_Sent]:
    for place, (name, element) in enumerate(elements, 1):
        number = trimmed(element.get(tables.envelope.number)) or str(place)
        yield from _with_inner(_Sent(name, number, tables.envelope.values(element)), element, tables)


def _with_inner(row: _Sent, element: Any, tables: RowTables) -> Iterator[_Sent]:
    """A row, and after it the rows inside it, numbered `12.1`, `12.2` and so on; what holds them is no column."""
    inner = [
        (table, each) for table in tables.inner.get(row.table, ()) for each in tables.envelope.inside(element, table.at)
    ]
    for table, _ in inner:
        holder = table.at.partition("/")[0]
        row.values.pop(holder, None)
        row.values.pop(f"{holder}{AGAIN}", None)
    yield row
    for place, (table, each) in enumerate(inner, 1):
        takes = (table.takes or {}).items()
        taken = {name: row.values[column] for name, column in takes if column in row.values}
        values = taken | tables.envelope.values(each)
        yield from _with_inner(_Sent(table.name, f"{row.number}.{place}", values), each, tables)


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


def _records(rows: list[_Sent], columns: Mapping[str, str], tables: RowTables) -> list[tuple[int, Record]]:
    """The rows, each with its place; `columns` are those of the header, which field maps may read."""
    header = tables.envelope.head(columns)
    found = []
    seen: dict[tuple[str, str], str] = {}
    for part, (row, place) in enumerate(zip(rows, _places([row.number for row in rows]), strict=True), 1):
        order = f"{header.order}\x1f{header.batch}\x1f{place:0{_DIGITS}d}"
        record = replace(_record(part, row.table, row.values, order, header, tables), envelope=columns)
        if record.key and seen.setdefault((row.table, record.key), record.tree.digest) != record.tree.digest:
            again = finding("repeated-content", tables.tables[row.table].key[-1])
            record = replace(record, findings=(*record.findings, again))
        found.append((place, record))
    return found


def _record(part: int, name: str, values: dict[str, str], order: str, header: Header, tables: RowTables) -> Record:
    content = "\x1e".join((name, *(f"{column}\x1f{values[column]}" for column in sorted(values))))
    digest = hashlib.sha256(content.encode()).hexdigest()
    table = tables.tables.get(name)
    values = table.apart(values) if table else values
    nulls: list[str] = []
    if table:
        values = {c: half_width(value) if table.limit(c) == LENGTHS["code"] else value for c, value in values.items()}
        nulls = [c for c, value in values.items() if c not in table.text and is_null_text(value)]
        values = {column: value for column, value in values.items() if column not in nulls}
    revoking = tables.revokes(values)
    key = "|".join(values.get(column, "") for column in table.key) if table else ""
    row = Row(name, values, order, key, digest, revoking, header, tables.revoking_column)
    findings = (
        tuple(_row_findings(row, table, nulls, tables.envelope.sender)) if table else (finding("type-unknown", name),)
    )
    return Record(
        part=part,
        type=name,
        tree=row,
        body=b"",
        findings=findings,
        organisation=header.organisation,
        label=name,
        key=key,
    )


def _row_findings(row: Row, table: RowTable, nulls: Iterable[str], sender_column: str) -> Iterable[Finding]:
    """`nulls` are the columns whose null text was taken as no value; those of a revoking row are not worth a word."""
    sender = row.values.get(sender_column)
    for column in table.key if row.revoking else (*table.key, *table.required):
        if column not in row.values:
            yield finding("key-missing", column)
    if sender is not None and half_width(sender).upper() != row.organisation:
        yield finding("envelope-mismatch", sender_column)
    for column in () if row.revoking else nulls:
        yield finding("null-text", column)
    for column, value in row.values.items():
        if len(value) > _SHORTEST and len(value) > table.limit(column):
            yield finding("field-too-long", column, f"more than {table.limit(column)} characters")


def _in_order(records: list[tuple[int, Record]], tables: RowTables) -> tuple[Record, ...]:
    """Records by rank of their table, then by number; the first that can be processed carries the message id."""

    def rank(entry: tuple[int, Record]) -> tuple[int, int]:
        table = tables.tables.get(entry[1].type)
        return (table.rank if table else _LAST, entry[0])

    ordered = [record for _, record in sorted(records, key=rank)]
    first = next((n for n, record in enumerate(ordered) if gravest(record.findings) is not Severity.REJECT), None)
    if first is not None:
        ordered[first] = replace(ordered[first], message_id=ordered[first].tree.batch)
    return tuple(ordered)
