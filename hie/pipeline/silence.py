"""Silence: what has stopped sending against its own rhythm.

The rhythm is read from the tallies; the rules of scope `feed` judge it. `watch` notes institutions once a day, in one
process; that is counted like any finding, so that it stands in the scores, on the quality pages and in the report of
the day. `silences` says what is silent now, for the pages of those who read records.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from hie.base.clock import Clock, from_micros
from hie.base.finding import Finding
from hie.base.silence import Silence
from hie.pipeline.feed import FeedRuntime
from hie.quality.predicate import FeedTest, HourCounts
from hie.quality.rule import Rule
from hie.staging.tables import RAW_ITEM
from hie.staging.tallies import Tallying, arrivals, counts_of_part, day_of, tallies
from hie.store.lease import Lease, fenced, take
from hie.store.port import Reader, Store, Transaction

LEASE_NAME = "watch-feeds"
LEASE_SECONDS = 120
MEMORY = timedelta(weeks=5)
"""How far back a rhythm is read."""

Noted = tuple[str, str, str]
"""Feed, organisation and rule."""

_HOUR = timedelta(hours=1)


async def watch(
    store: Store, feeds: Mapping[str, FeedRuntime], rules: Sequence[Rule], clock: Clock, holder: str
) -> list[Noted]:
    """Note what has fallen silent and was not noted today; returns what was noted.

    Nothing happens in a process that does not lead. Raises as `Store.write` does.
    """
    lease = await take(store, clock, LEASE_NAME, holder, LEASE_SECONDS)
    if lease is None:
        return []
    found = []
    for runtime in feeds.values():
        now = clock.now()
        for organisation, came in (await arrivals(store, runtime.feed.id, now - MEMORY, now)).items():
            for rule in (rule for rule in rules if rule.holds_for(runtime.region)):
                if _breaks(rule, came, now) and await _note(store, lease, runtime, organisation, rule, clock):
                    found.append((runtime.feed.id, organisation, rule.id))
    return found


async def silences(
    reader: Reader, feeds: Iterable[FeedRuntime], rules: Sequence[Rule], now: datetime
) -> tuple[Silence, ...]:
    """What is silent `now`: a whole region, else the institutions of it that are, by region and organisation.

    The rhythm is that of the weeks before the last item of the region, so that its silence lasts as long as it does.
    Raises as `Reader.select` does.
    """
    regions: dict[str, list[FeedRuntime]] = defaultdict(list)
    for runtime in feeds:
        regions[runtime.region].append(runtime)
    found: list[Silence] = []
    for region, runtimes in sorted(regions.items()):
        last = max([at for one in runtimes if (at := await _last_item(reader, one.feed.id))], default=None)
        if last is not None:
            own = [rule for rule in rules if rule.holds_for(region)]
            found += _of_region(region, last, await _came(reader, runtimes, last), own, now)
    return tuple(found)


def _of_region(
    region: str, last: datetime, came: Mapping[str, HourCounts], rules: Sequence[Rule], now: datetime
) -> list[Silence]:
    whole: Counter[datetime] = Counter()
    for arrived in came.values():
        whole.update(arrived)
    if any(_breaks(rule, whole, now) for rule in rules):
        return [Silence(region, "", last)]
    return [
        Silence(region, organisation, max(arrived) + _HOUR)
        for organisation, arrived in sorted(came.items())
        if organisation and any(_breaks(rule, arrived, now) for rule in rules)
    ]


async def _came(reader: Reader, runtimes: Sequence[FeedRuntime], last: datetime) -> dict[str, Counter[datetime]]:
    """Items by organisation and hour up to the `last`, over all feeds of a region."""
    since = last - MEMORY
    came: dict[str, Counter[datetime]] = defaultdict(Counter)
    for runtime in runtimes:
        for organisation, hours in (await arrivals(reader, runtime.feed.id, since, last)).items():
            came[organisation].update(hours)
    return came


async def _last_item(reader: Reader, feed: str) -> datetime | None:
    rows = await reader.select(RAW_ITEM, {"feed": feed}, order=("received",), limit=1, descending=True)
    return from_micros(cast(int, rows[0]["received"])) if rows else None


def _breaks(rule: Rule, came: HourCounts, now: datetime) -> bool:
    return not cast(FeedTest, rule.test)(came, now)


async def _note(store: Store, lease: Lease, runtime: FeedRuntime, organisation: str, rule: Rule, clock: Clock) -> bool:
    """Count a silence, once for each day."""
    silence = Finding(rule.finding, "", "", rule.severity, rule.id)

    async def job(tx: Transaction) -> bool:
        now = clock.now()
        today = await tallies(tx, [day_of(now)], feed=runtime.feed.id, organisation=organisation)
        if any(cause.rule == rule.id for one in today for cause in one.found):
            return False
        counts = counts_of_part(runtime.weighed((silence,)), 0, runtime.dimension)
        del counts["type|"]
        tallying = Tallying(runtime.feed.id, now)
        tallying.add(organisation, counts)
        await tallying.flush(tx)
        return True

    return await fenced(store, lease, job)
