"""Tallies: what quality is judged by, counted when an item is settled; nobody scans resources for it later.

One row per feed, sending organisation and day (China time, by reception) holds all counters. It is changed in the job
that settles the item, so counters are as durable and as exact as the item: what a settled item or part stands for is a
function of its stored row (`counts_of_item`, `counts_of_part`), and every change of such a row adds the difference.
Receiving an item twice therefore counts once, and a replay or a release takes back what was counted before.

A tally that changed is `open` until its day is closed; a change after that opens it again.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from hie.base.clock import CHINA
from hie.base.finding import Finding, Severity, place_of
from hie.base.tally import Cause, Tally
from hie.staging.tables import TALLY
from hie.store.port import Reader, Transaction
from hie.store.table import AtMost, OneOf, Row, Where

OPEN, CLOSED = "open", "closed"

Counts = dict[str, int]
"""Counters by name: `items`, `hour|08`, `checked`, `resources`, `failed|<dimension>`,
`fault|<dimension>|<severity>|<code>|<rule>|<path>`, `found|<severity>|<code>|<rule>|<path>` for findings of which no
dimension is kept, `type|<type>`, `unmapped|<type>`, `unknown|<type>|<path>`."""

NO_MAP = frozenset({"type-unknown", "event-unknown"})
"""Findings that say that no map covers a part."""

NO_FIELD = frozenset({"field-unmapped", "segment-unmapped"})
"""Findings that say that no map mentions what is filled at their path."""

OTHERS = "…"
"""Stands for all types and all places beyond those that a tally can name."""

Dimension = Callable[[Finding], str]
"""The dimension that a finding belongs to by its rule, empty for none."""

MOST_NAMES = 400
"""How many different counters one tally may have: senders choose what stands in some paths and types. Further findings
are counted under `OTHERS` in place of their path, further types together, and what is taken back is taken from there
when it does not stand under its own name: which was counted where is not kept, how many there are is exact."""

_STAND_IN: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "fault": (5, (f"|{OTHERS}",)),
    "found": (4, (f"|{OTHERS}", "|")),
    "type": (1, (f"|{OTHERS}",)),
    "unmapped": (1, (f"|{OTHERS}",)),
    "unknown": (1, (f"|{OTHERS}|",)),
}
"""Kind of counter -> how many words of its name stay when there is no room for it, and what follows them: now, and
before."""

_CAUSES = ("found|", "fault|")
_LONGEST_PATH = 120
_LONGEST_TYPE = 40


def day_of(at: datetime) -> str:
    """The day of an instant in China: `2026-01-18`."""
    return at.astimezone(CHINA).date().isoformat()


def place(path: str) -> str:
    """A source path without indexes, cut at 120 characters; what two findings of one cause have in common."""
    return place_of(path)[:_LONGEST_PATH]


def counts_of_item(received: datetime, findings: Iterable[Finding], dimension: Dimension) -> Counts:
    """What a settled item stands for: one arrival, and a checked envelope when there is something to say about it."""
    counts = {"items": 1, f"hour|{received.astimezone(CHINA).hour:02}": 1}
    found = tuple(findings)
    return {**counts, **counts_of_part(found, 0, dimension)} if found else counts


def counts_of_part(findings: Iterable[Finding], resources: int, dimension: Dimension, label: str = "") -> Counts:
    """What a part stands for that was checked: not a copy of a known one. `label` is its type; `dimension` is asked
    about findings that were stored without theirs."""
    kind = label.replace("|", "/")[:_LONGEST_TYPE]
    counts = {"checked": 1, f"type|{kind}": 1}
    if resources:
        counts["resources"] = resources
    failed = set()
    for one in findings:
        kept = "found" if one.dimension is None else f"fault|{one.dimension}"
        name = f"{kept}|{one.severity.value}|{one.code}|{one.rule}|{place(one.path)}"
        counts[name] = counts.get(name, 0) + 1
        if one.code in NO_MAP:
            counts[f"unmapped|{kind}"] = 1
        if one.code in NO_FIELD:
            counts[f"unknown|{kind}|{place(one.path)}"] = 1
        if one.severity is not Severity.INFO:
            failed.add(dimension(one) if one.dimension is None else one.dimension)
    counts.update((f"failed|{name}", 1) for name in failed if name)
    return counts


class Tallying:
    """The changes that one item makes to tallies; `flush` writes them, one row for each organisation that it names."""

    def __init__(
        self,
        feed: str,
        received: datetime,
        changes: dict[str, Counts] | None = None,
        samples: dict[str, str] | None = None,
    ) -> None:
        """`changes` by organisation and `samples` by counter may be those of another, found out elsewhere."""
        self._feed = feed
        self._day = day_of(received)
        self.changes: dict[str, Counts] = {} if changes is None else changes
        self.samples: dict[str, str] = {} if samples is None else samples

    def add(self, organisation: str, counts: Counts, sample: str = "") -> None:
        """Count something; `sample` is the part (`item/number`) that it was found in."""
        changes = self.changes.get(organisation)
        if changes is None:
            self.changes[organisation] = dict(counts)
        else:
            for name, n in counts.items():
                changes[name] = changes.get(name, 0) + n
        if sample:
            self.samples.update((name, sample) for name in counts if name.startswith(_CAUSES))

    def take_back(self, organisation: str, counts: Counts) -> None:
        """Take back what was counted before."""
        self.add(organisation, {name: -n for name, n in counts.items()})

    async def flush(self, tx: Transaction) -> None:
        """Change the rows."""
        for organisation, changes in self.changes.items():
            if any(changes.values()):
                await self._change(tx, organisation, changes)
        self.clear()

    def clear(self) -> None:
        """Forget what was counted."""
        self.changes, self.samples = {}, {}

    async def _change(self, tx: Transaction, organisation: str, changes: Counts) -> None:
        row = await tx.get(TALLY, self._day, self._feed, organisation)
        body = _changed({"n": {}, "s": {}} if row is None else _content(row), changes, self.samples)
        key: Row = {"day": self._day, "feed": self._feed, "organisation": organisation}
        await tx.upsert(TALLY, {**key, "state": OPEN, "body": body})


async def tallies(
    reader: Reader, days: Sequence[str], *, feed: str | None = None, organisation: str | None = None
) -> list[Tally]:
    """The tallies of some days, in order of day, feed and organisation."""
    where: Where = {"day": OneOf(tuple(days))}
    if feed is not None:
        where = {**where, "feed": feed}
    found = [tally(row) for row in await reader.select(TALLY, where)]
    found.sort(key=lambda one: (one.day, one.feed, one.organisation))
    return [one for one in found if organisation in (None, one.organisation)]


async def open_tallies(reader: Reader, until: str, limit: int) -> list[Tally]:
    """Tallies that changed since they were closed, or never were, up to and with the day `until`, in order of day, feed
    and organisation."""
    order = ("day", "feed", "organisation")
    rows = await reader.select(TALLY, {"state": OPEN, "day": AtMost(until)}, order=order, limit=limit)
    return [tally(row) for row in rows]


async def close(tx: Transaction, day: str, feed: str, organisation: str) -> Tally | None:
    """Mark a tally as closed; returns it as it is now, None when it is closed already."""
    row = await tx.get(TALLY, day, feed, organisation)
    if row is None or row["state"] == CLOSED:
        return None
    await tx.update(TALLY, {"day": day, "feed": feed, "organisation": organisation, "state": CLOSED})
    return tally(row)


async def arrivals(reader: Reader, feed: str, since: datetime, until: datetime) -> dict[str, Counter[datetime]]:
    """Items by organisation and beginning of the hour, from that of `since` to that of `until`: the rhythm of a feed.

    An organisation that sent nothing in all that time is not there; the empty one stands for items whose sender could
    not be told.
    """
    start = since.astimezone(CHINA).replace(minute=0, second=0, microsecond=0)
    hours = int((until - start) / timedelta(hours=1)) + 1
    asked = {(day_of(at), at.hour): at for at in (start + timedelta(hours=n) for n in range(hours))}
    found: dict[str, Counter[datetime]] = defaultdict(Counter)
    days = tuple(dict.fromkeys(day for day, _ in asked))
    for row in await reader.select(TALLY, {"day": OneOf(days), "feed": feed}):
        day, organisation = str(row["day"]), str(row["organisation"])
        for hour, n in enumerate(_hours(_content(row)["n"])):
            if n and (day, hour) in asked:
                found[organisation][asked[day, hour]] += n
    return found


def tally(row: Row) -> Tally:
    """A stored tally."""
    content = _content(row)
    counts: dict[str, int] = content["n"]
    failed, found, unknown = {}, {}, {}
    types: dict[str, dict[str, int]] = {"type": {}, "unmapped": {}}
    for name, n in counts.items():
        what, _, rest = name.partition("|")
        if what == "failed":
            failed[rest] = n
        elif name.startswith(_CAUSES):
            found[_cause(name)] = n
        elif what in types:
            types[what][rest] = n
        elif what == "unknown":
            kind, _, path = rest.partition("|")
            unknown[kind, path] = n
    return Tally(
        str(row["day"]),
        str(row["feed"]),
        str(row["organisation"]),
        str(row["state"]),
        counts.get("items", 0),
        counts.get("checked", 0),
        counts.get("resources", 0),
        failed,
        found,
        dict(_sample(*one) for one in content["s"].items()),
        types["type"],
        types["unmapped"],
        unknown,
    )


def _hours(counts: Counts) -> tuple[int, ...]:
    return tuple(counts.get(f"hour|{hour:02}", 0) for hour in range(24))


def _sample(name: str, sample: str) -> tuple[Cause, tuple[str, int]]:
    item, _, part = sample.partition("/")
    return _cause(name), (item, int(part))


def _cause(name: str) -> Cause:
    what, _, rest = name.partition("|")
    if what == "found":
        return Cause(*rest.split("|", 3))
    dimension, severity, code, rule, path = rest.split("|", 4)
    return Cause(severity, code, rule, path, dimension)


def _content(row: Row) -> dict[str, Any]:
    body = row["body"]
    assert isinstance(body, bytes)
    content: dict[str, Any] = orjson.loads(body)
    return content


def _changed(content: dict[str, Any], changes: Counts, samples: Mapping[str, str]) -> bytes:
    counts, kept = content["n"], content["s"]
    for name, n in changes.items():
        if n > 0:
            if name not in counts and len(counts) >= MOST_NAMES:
                name = _together(name)[0]
            counts[name] = counts.get(name, 0) + n
            if name in samples:
                kept.setdefault(name, samples[name])
        elif n < 0:
            _take(content, name, -n)
    return orjson.dumps(content)


def _take(content: dict[str, Any], name: str, n: int) -> None:
    """Take `n` from a counter, and what it does not hold from those that stood in for it."""
    counts, kept = content["n"], content["s"]
    for holder in (name, *_together(name)):
        left = counts.get(holder, 0) - n
        if left > 0:
            counts[holder] = left
            return
        counts.pop(holder, None)
        kept.pop(holder, None)
        n = -left


def _together(name: str) -> tuple[str, ...]:
    """The counter that stands in for one that there is no room for, then the one that once did; its own for one that
    there is always room for."""
    words = name.split("|")
    kept, ends = _STAND_IN.get(words[0], (len(words), ("",)))
    return tuple("|".join(words[:kept]) + end for end in ends)
