"""Contributions, prefixes of folds and findings as stored bytes and back; decimals keep their digits."""

import zlib
from typing import Any

from hie.base.draft import Contribution, Event, Key, Member
from hie.base.finding import Finding, Severity
from hie.fold.fold import Folded, MemberState
from hie.fold.prefix import Placed, Prefix
from hie.store.table import Value
from hie.wire.safejson import dumps, loads_own

_FLAGS = ("seed", "only_new", "complete", "correcting", "revoke", "withdraw", "whole")
_TEXTS = ("source", "subject", "encounter", "digest")


LARGE = 1500
"""Bytes from which a column of JSON is compressed: a report of thirty results is 42 KB, and 2.4 KB then."""

_COMPRESSED = b"\x78"
"""How a zlib stream begins (RFC 1950 §2.2), and no JSON that is written here."""


def packed(body: bytes) -> bytes:
    """A column of JSON as it is stored."""
    return zlib.compress(body, 1) if len(body) >= LARGE else body


def encode(contribution: Contribution) -> bytes:
    """JSON with short names; what has its default value is left out."""
    row: dict[str, Any] = {"k": _key(contribution.target), "o": contribution.order, "s": dict(contribution.slots)}
    if contribution.members:
        row["m"] = [_member(member) for member in contribution.members]
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
        members=tuple(Member(Key(*key), *said) for key, *said in row.get("m", ())),
        events=tuple(Event(code, at, location) for code, at, location in row.get("e", ())),
        tier=row.get("t", 0),
        exists=row.get("x", True),
        parent=Key(*row["p"]) if "p" in row else None,
        mentions=tuple(row.get("n", ())),
        **given,
    )


def _member(member: Member) -> list[Any]:
    said = [_key(member.key), dict(member.slots), member.gone, member.listed]
    return [*said, member.adds, member.aside] if member.adds or member.aside else said


def _key(key: Key) -> list[str]:
    return [key.region, key.organisation, key.type, key.kind, key.value]


def encode_prefix(prefix: Prefix) -> bytes:
    """A prefix without `upto`, which has a column of its own."""
    state = prefix.state
    return dumps(
        {
            "of": [state.type, state.id, state.region, state.organisation],
            "flags": [state.exists, state.revoked, state.restored, prefix.fresh],
            "slots": state.slots,
            "members": [[m.type, m.id, m.slots, m.gone, m.listed, m.exists] for m in state.members.values()],
            "events": [[e.code, e.at, e.location] for e in state.events],
            "context": [state.subject, state.encounter, state.parent],
            "span": [state.first_order, state.last_order],
            "digest": state.digest,
            "mentions": state.mentions,
            "aside": sorted(state.aside),
            "sources": state.sources,
            "seed": prefix.seed,
            "tier": prefix.tier,
            "waiting": [[encode(w.contribution).decode(), w.item, w.part, w.n] for w in prefix.waiting],
            "aliases": sorted(prefix.aliases),
        }
    )


def decode_prefix(body: Value, upto: str) -> Prefix:
    """The prefix that `encode_prefix` wrote."""
    row = stored(body)
    resource_type, identity, region, organisation = row["of"]
    exists, revoked, restored, fresh = row["flags"]
    subject, encounter, parent = row["context"]
    first, last = row["span"]
    state = Folded(
        resource_type,
        identity,
        region,
        organisation,
        exists=exists,
        revoked=revoked,
        restored=restored,
        slots=row["slots"],
        members={f"{member[0]}/{member[1]}": MemberState(*member) for member in row["members"]},
        events=[Event(*event) for event in row["events"]],
        subject=subject,
        encounter=encounter,
        parent=parent,
        first_order=first,
        last_order=last,
        digest=row["digest"],
        mentions=tuple(row["mentions"]),
        aside=set(row["aside"]),
        sources=row.get("sources", {}),
    )
    seed = None if row["seed"] is None else tuple(row["seed"])
    waiting = [Placed(decode(text.encode()), *place) for text, *place in row["waiting"]]
    return Prefix(state, fresh, seed, row["tier"], upto, waiting, frozenset(row["aliases"]))


def encode_findings(findings: tuple[Finding, ...]) -> bytes:
    """Findings as a JSON list of [code, path, detail, severity], the id of the rule where one noted it or a dimension
    follows, and the dimension where it was kept."""
    return dumps([[f.code, f.path, f.detail, f.severity.value, *_counted(f)] for f in findings])


def _counted(found: Finding) -> tuple[str, ...]:
    if found.dimension is not None:
        return (found.rule, found.dimension)
    return (found.rule,) if found.rule else ()


def decode_findings(body: Value) -> tuple[Finding, ...]:
    """What `encode_findings` wrote; nothing for nothing."""
    return tuple(_finding(*row) for row in stored(body)) if body else ()


def stored(body: Value) -> Any:
    """A JSON column, `packed` or not, as a value."""
    assert isinstance(body, bytes)
    return loads_own(zlib.decompress(body) if body.startswith(_COMPRESSED) else body)


def _finding(code: str, path: str, detail: str, severity: str, rule: str = "", dimension: str | None = None) -> Finding:
    return Finding(code, path, detail, Severity(severity), rule, dimension)
