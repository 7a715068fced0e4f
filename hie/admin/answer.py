"""Scores as JSON."""

from typing import Any

from hie.admin.scoring import UNKNOWN, Board, Feeds, institutions, words_of
from hie.quality.rule import DIMENSIONS
from hie.quality.score import Fault, Score


def board_json(board: Board, feeds: Feeds) -> dict[str, Any]:
    """The answer of `GET /quality/scores`; no patient data in it."""
    asked = board.asked
    return {
        "from": asked.days[0],
        "to": asked.days[-1],
        "group": ["institution" if name == "organisation" else name for name in asked.group],
        "dimensions": [
            {"name": name, "code": DIMENSIONS[name][0], "english": DIMENSIONS[name][1]} for name in board.dimensions
        ],
        "scores": [_row(row, board, feeds) for row in board.rows],
        "faults": [_fault(fault, feeds) for fault in board.faults],
    }


def _row(row: Score, board: Board, feeds: Feeds) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if row.day is not None:
        shown["day"] = row.day
    if row.feed is not None:
        shown["feed"] = row.feed
    if row.organisation is not None:
        institution = institutions(feeds).get(row.organisation)
        shown |= {
            "institution": row.organisation or UNKNOWN,
            "institutionName": institution.name if institution else None,
            "region": institution.region if institution else None,
        }
    return shown | {
        "items": row.items,
        "checked": row.checked,
        "resources": row.resources,
        "findings": dict(row.findings),
        "dimensions": {DIMENSIONS[name][0]: row.dimensions[name] for name in board.dimensions},
        "total": row.total,
    }


def _fault(fault: Fault, feeds: Feeds) -> dict[str, Any]:
    zh, en = words_of(feeds, fault.feed, fault.code, fault.rule)
    return {
        "feed": fault.feed,
        "dimension": DIMENSIONS[fault.dimension][0],
        "code": fault.code,
        "rule": fault.rule or None,
        "path": fault.path,
        "severity": fault.severity.value,
        "found": fault.found,
        "share": fault.share,
        "zh": zh,
        "en": en,
        "institutions": [{"institution": code or UNKNOWN, "found": n} for code, n in fault.organisations],
        "sample": {"item": fault.sample[0], "part": fault.sample[1]} if fault.sample else None,
    }
