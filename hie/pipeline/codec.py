"""Contributions as stored bytes and back; decimals keep their digits."""

from typing import Any

from hie.base.draft import Contribution, Event, Key, Member
from hie.base.finding import Finding, Severity
from hie.store.table import Value
from hie.wire.safejson import dumps, loads_own

_FLAGS = ("seed", "complete", "correcting", "revoke", "withdraw", "whole")
_TEXTS = ("source", "subject", "encounter", "digest")


def encode(contribution: Contribution) -> bytes:
    """JSON with short names; what has its default value is left out."""
    row: dict[str, Any] = {"k": _key(contribution.target), "o": contribution.order, "s": dict(contribution.slots)}
    if contribution.members:
        row["m"] = [[_key(m.key), dict(m.slots), m.gone, m.listed] for m in contribution.members]
    if contribution.events:
        row["e"] = [[e.code, e.at, e.location] for e in contribution.events]
    if contribution.tier:
        row["t"] = contribution.tier
    if not contribution.exists:
        row["x"] = False
    if contribution.parent is not None:
        row["p"] = _key(contribution.parent)
    if contribution.mentions:
        row["n"] = list(contribution.mentions)
    flags = [name for name in _FLAGS if getattr(contribution, name)]
    if flags:
        row["f"] = flags
    for name in _TEXTS:
        if value := getattr(contribution, name):
            row[name] = value
    return dumps(row)


def decode(body: Value) -> Contribution:
    """The contribution that `encode` wrote."""
    row = stored(body)
    given: dict[str, Any] = dict.fromkeys(row.get("f", ()), True)
    given.update((name, row[name]) for name in _TEXTS if name in row)
    return Contribution(
        target=Key(*row["k"]),
        order=row["o"],
        slots=row["s"],
        members=tuple(Member(Key(*key), slots, gone, listed) for key, slots, gone, listed in row.get("m", ())),
        events=tuple(Event(code, at, location) for code, at, location in row.get("e", ())),
        tier=row.get("t", 0),
        exists=row.get("x", True),
        parent=Key(*row["p"]) if "p" in row else None,
        mentions=tuple(row.get("n", ())),
        **given,
    )


def _key(key: Key) -> list[str]:
    return [key.region, key.organisation, key.type, key.kind, key.value]


def encode_findings(findings: tuple[Finding, ...]) -> bytes:
    """Findings as a JSON list of [code, path, detail, severity], and the id of the rule where one noted it."""
    return dumps([[f.code, f.path, f.detail, f.severity.value, *([f.rule] if f.rule else ())] for f in findings])


def decode_findings(body: Value) -> tuple[Finding, ...]:
    """What `encode_findings` wrote; nothing for nothing."""
    return tuple(_finding(*row) for row in stored(body)) if body else ()


def stored(body: Value) -> Any:
    """A JSON column as a value."""
    assert isinstance(body, bytes)
    return loads_own(body)


def _finding(code: str, path: str, detail: str, severity: str, rule: str = "") -> Finding:
    return Finding(code, path, detail, Severity(severity), rule)
