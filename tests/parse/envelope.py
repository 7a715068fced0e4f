"""Writes `HieUpload` envelopes for tests."""

from datetime import UTC, datetime
from xml.sax.saxutils import escape

from hie.base.data import data_path
from hie.base.record import Delivery, Parsed
from hie.parse.row_tables import load_row_tables
from hie.parse.rows import parse

QPZS = "12310118MBHE03010J"
ORGANISATIONS = frozenset({QPZS, "12310118MBHE03029F", "12310118MBHE03037A"})
RECEIVED = datetime(2026, 4, 10, 14, 30, tzinfo=UTC)
TABLES = load_row_tables(data_path("mappings", "rows") / "qingpu-xml.toml")


def row(seq: object = None, **columns: str) -> str:
    number = "" if seq is None else f' seq="{seq}"'
    cells = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in {"YLJGYQDM": QPZS, **columns}.items())
    return f"<Row{number}>{cells}</Row>"


def table(name: str, *rows: str) -> str:
    return f'<Table name="{name}">{"".join(rows)}</Table>'


def envelope(*tables: str, version: str = "1.0", **header: str) -> bytes:
    count = str(sum(t.count("<Row") for t in tables))
    columns = {"YLJGYQDM": QPZS, "JYM": "UPLOAD", "PCH": "B1", "SCSJ": "2026-04-10 22:00:00", "HS": count, **header}
    cells = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in columns.items() if value != "absent")
    return f'<HieUpload version="{version}"><Header>{cells}</Header>{"".join(tables)}</HieUpload>'.encode()


def parsed(body: bytes) -> Parsed:
    return parse(Delivery("item", "qingpu-xml", "qingpu-xml", RECEIVED, body), ORGANISATIONS, TABLES)
