"""Scores as CSV for spreadsheets: UTF-8 with a byte order mark, so that Chinese is read right, and no cell that a
spreadsheet would take for a formula (OWASP, CSV injection)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from hie.admin.scoring import Board, Institution
from hie.base.finding import Severity
from hie.quality.rule import DIMENSIONS

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

_SEVERITIES = {
    Severity.SCORE: "评分",
    Severity.INFO: "提示",
    Severity.WARN: "警告",
    Severity.QUARANTINE: "隔离",
    Severity.REJECT: "拒绝",
}
_HEADS = (
    ("日期", "day"),
    ("通道", "feed"),
    ("机构代码", "institution code"),
    ("机构", "institution"),
    ("地区", "region"),
    ("接收件数", "items"),
    ("检查条数", "parts checked"),
    ("资源数", "resources"),
    *((zh, severity.value) for severity, zh in _SEVERITIES.items()),
    ("综合得分", "total"),
)


def scores_csv(board: Board, institutions: Mapping[str, Institution], language: str) -> bytes:
    """One line for each row of the board."""
    named = [*_HEADS, *((name, DIMENSIONS[name][1]) for name in board.dimensions)]
    return csv_bytes([zh if language == "zh" else en for zh, en in named], _rows(board, institutions))


def _rows(board: Board, institutions: Mapping[str, Institution]) -> Iterable[Sequence[object]]:
    for row in board.rows:
        institution = institutions.get(row.organisation or "")
        yield (
            row.day or f"{board.asked.days[0]}/{board.asked.days[-1]}",
            row.feed or "",
            row.organisation or "",
            institution.name if institution else "",
            institution.region if institution else "",
            row.items,
            row.checked,
            row.resources,
            *(row.findings.get(severity, 0) for severity in _SEVERITIES),
            "" if row.total is None else row.total,
            *("" if (share := row.dimensions[name]) is None else share for name in board.dimensions),
        )


def csv_bytes(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe(head) for head in heads])
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def safe(cell: object) -> object:
    """A cell that no spreadsheet calculates: text that begins like a formula gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
