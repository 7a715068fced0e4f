"""Mutations: take valid samples, break one thing at a time, and see what the pipeline says (`docs/quality.md`)."""

import asyncio
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hie.app import bind_feeds, load_adapters
from hie.base.clock import CHINA
from hie.base.finding import Finding
from hie.base.ids import raw_item_id
from hie.identity.tables import TABLES as IDENTITY
from hie.pipeline.codec import decode_findings
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.quality.resolve import resolver
from hie.quality.rule import Rule
from hie.staging.tables import PART, RAW_ITEM
from hie.staging.tables import TABLES as STAGING
from hie.store.memory import MemoryStore
from tests.clock import FixedClock

KINDS = Path(__file__).resolve().parents[1] / "tests" / "data" / "quality" / "mutations.toml"
FEEDS = {"wujiang": "wujiang-hl7v2", "jiashan": "jiashan-cda", "qingpu": "qingpu-xml"}
AT = datetime(2026, 4, 12, tzinfo=CHINA)

_PLACES = {
    "@real": r'(?<=xsi:type="REAL" value=")[\d.]+(?=")',
    "@first-id": r"(?<=<ZJHM>)\d{17}[\dX](?=</ZJHM>)",
    "@born": r"(?<=\|)(?:19|20)\d{6}(?=\|[MF12])",
    "@custodian": r'(?<=extension=")\w{18}(?="/>\s*<name>[^<]*</name></representedCustodianOrganization>)',
}
"""Names for places that differ from sample to sample."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault; a case is a sample and pairs of old and new text."""

    id: str
    zh: str
    en: str
    dimension: str
    cases: Sequence[Sequence[str]]
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    at: str = ""


@dataclass(frozen=True)
class Caught:
    """What became of one case: the rules that noted something new, those of the kind's own dimension first.

    `known` are the rules that the sample breaks as it is.
    """

    kind: Kind
    sample: str
    right: tuple[str, ...]
    other: tuple[str, ...]
    known: frozenset[str]


def load_kinds() -> list[Kind]:
    """Every kind of `tests/data/quality/mutations.toml`."""
    return [Kind(**row) for row in tomllib.loads(KINDS.read_text(encoding="utf-8"))["kind"]]


def run(rules: Sequence[Rule]) -> list[Caught]:
    """Every case of every kind, through the whole pipeline over a store in memory."""
    return asyncio.run(_run(rules))


def as_they_are(rules: Sequence[Rule]) -> set[str]:
    """The rules that any sample breaks as it is."""
    return asyncio.run(_as_they_are(rules))


async def _as_they_are(rules: Sequence[Rule]) -> set[str]:
    noted = set()
    for runtime in bind_feeds(load_adapters()):
        rule_of = resolver(rules, runtime.region)
        for path in sorted(runtime.adapter.samples.iterdir()):
            if path.suffix != ".md":
                found = await _found(runtime, (), await asyncio.to_thread(path.read_bytes), AT)
                noted |= {rule.id for _, f in found if (rule := rule_of(f)) is not None}
    return noted


async def _run(rules: Sequence[Rule]) -> list[Caught]:
    runtimes = {runtime.feed.id: runtime for runtime in bind_feeds(load_adapters())}
    return [await _case(runtimes, rules, kind, case) for kind in load_kinds() for case in kind.cases]


async def _case(runtimes: Mapping[str, FeedRuntime], rules: Sequence[Rule], kind: Kind, case: Sequence[str]) -> Caught:
    name, *changes = case
    runtime = runtimes[FEEDS[name.partition("/")[0]]]
    before = [sample(runtimes, earlier) for earlier in kind.after.get(name, ())]
    body = sample(runtimes, name)
    at = _time(kind.at) or AT
    later = at
    if changes[0] == "@sent":
        at, later, changes = _day(changes[1]), _day(changes[2]), []
    known = set() if body in before else await _found(runtime, before, body, at)
    new = await _found(runtime, before, mutated(body, changes), later) - known
    rule_of = resolver(rules, runtime.region)
    noted = [rule for _, f in sorted(new, key=str) if (rule := rule_of(f)) is not None]
    right = dict.fromkeys(rule.id for rule in noted if rule.dimension == kind.dimension)
    other = dict.fromkeys(rule.id for rule in noted if rule.dimension != kind.dimension)
    before_it = frozenset(rule.id for _, f in known if (rule := rule_of(f)) is not None)
    return Caught(kind, name, tuple(right), tuple(other), before_it)


def sample(runtimes: Mapping[str, FeedRuntime], name: str) -> bytes:
    """The bytes of a sample such as `qingpu/01`."""
    region, _, start = name.partition("/")
    folder = runtimes[FEEDS[region]].adapter.samples
    return next(path for path in sorted(folder.iterdir()) if path.name.startswith(f"{start}-")).read_bytes()


def mutated(body: bytes, changes: Sequence[str]) -> bytes:
    """A sample with each change made; raises `ValueError` when there is nothing to change."""
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        if old == "@cut":
            return body[: int(len(body) * float(new))]
        if old == "@pad":
            return body + b" " * int(new)
        if old == "@bytes":
            return body + b"\xff\xff\x80" if new == "broken" else body.decode().encode(new)
        body = _replaced(body, old, new)
    return body


def _replaced(body: bytes, old: str, new: str) -> bytes:
    charset = "utf-8" if _is_utf8(body) else "gb18030"
    text = body.decode(charset)
    new = new.replace("@long", "长" * 101)
    if old in _PLACES:
        changed = re.sub(_PLACES[old], lambda found: _checksum(found[0]) if new == "x" else new, text, count=1)
    elif old == "@repeat":
        changed = text.replace(new, new + new, 1)
    else:
        changed = text.replace(old, new, 1)
    if changed == text:
        raise ValueError(f"no {old!r} in the sample")
    return changed.encode(charset)


def _checksum(number: str) -> str:
    """A national id with another check digit."""
    return number[:17] + ("1" if number[17] != "1" else "2")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _time(text: str) -> datetime | None:
    return _day(text) if text else None


def _day(text: str) -> datetime:
    """Late in the evening of a day."""
    return datetime.fromisoformat(f"{text}T23:00:00+08:00").astimezone(CHINA)


async def _found(runtime: FeedRuntime, before: Sequence[bytes], body: bytes, at: datetime) -> set[tuple[int, Finding]]:
    """All findings about an item that is sent after others, with the number of the part (0: the item itself)."""
    store = MemoryStore((*STAGING, *IDENTITY))
    clock = FixedClock(at)
    ingest = Ingest(store, [runtime], clock)
    for earlier in before:
        await ingest.receive(runtime.feed.id, earlier)
        clock.advance(1)
    await ingest.receive("jiashan-soap" if b"Envelope" in body[:400] else runtime.feed.id, body)
    item = raw_item_id(runtime.feed.id, body)
    row: Any = await store.get(RAW_ITEM, item)
    found = [(0, f) for f in decode_findings(row["findings"])] if row is not None else []
    for part in await store.select(PART, {"item": item}):
        found += [(int(str(part["part"])), f) for f in decode_findings(part["findings"])]
    await store.close()
    return set(found)
