"""Silence: institutions that have stopped sending against their own rhythm, noted once a day by one process.

The rhythm is read from the tallies; the rules of scope `feed` judge it. What they note is counted like any finding, so
that it stands in the scores, on the quality pages and in the report of the day.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from hie.base.clock import CHINA, Clock
from hie.base.finding import Finding
from hie.pipeline.feed import FeedRuntime
from hie.quality.predicate import FeedTest
from hie.quality.rule import Rule
from hie.staging.tallies import Tallying, arrivals, counts_of_part, day_of, tallies
from hie.store.lease import Lease, fenced, take
from hie.store.port import Store, Transaction

LEASE_NAME = "watch-feeds"
LEASE_SECONDS = 120
MEMORY = timedelta(weeks=5)
"""How far back a rhythm is read."""

Silence = tuple[str, str, str]
"""Feed, organisation and rule."""


async def watch(
    store: Store, feeds: Mapping[str, FeedRuntime], rules: Sequence[Rule], clock: Clock, holder: str
) -> list[Silence]:
    """Note what has fallen silent and was not noted today; returns what was noted.

    Nothing happens in a process that does not lead. Raises as `Store.write` does.
    """
    lease = await take(store, clock, LEASE_NAME, holder, LEASE_SECONDS)
    if lease is None:
        return []
    found = []
    for runtime in feeds.values():
        for organisation, hours in (await arrivals(store, runtime.feed.id, clock.now() - MEMORY, clock.now())).items():
            came = _by_hour(hours, clock.now() - MEMORY)
            for rule in rules:
                holds = cast(FeedTest, rule.test)(came, clock.now())
                if not holds and await _note(store, lease, runtime, organisation, rule, clock):
                    found.append((runtime.feed.id, organisation, rule.id))
    return found


def _by_hour(hours: Sequence[int], since: datetime) -> dict[datetime, int]:
    start = since.astimezone(CHINA).replace(minute=0, second=0, microsecond=0)
    return {start + timedelta(hours=n): count for n, count in enumerate(hours) if count}


async def _note(store: Store, lease: Lease, runtime: FeedRuntime, organisation: str, rule: Rule, clock: Clock) -> bool:
    """Count a silence, once for each day."""
    silence = Finding(rule.finding, "", "", rule.severity, rule.id)

    async def job(tx: Transaction) -> bool:
        now = clock.now()
        today = await tallies(tx, [day_of(now)], feed=runtime.feed.id, organisation=organisation)
        if any(cause.rule == rule.id for one in today for cause in one.found):
            return False
        counts = counts_of_part((silence,), 0, runtime.dimension)
        del counts["type|"]
        tallying = Tallying(runtime.feed.id, now)
        tallying.add(organisation, counts)
        await tallying.flush(tx)
        return True

    return await fenced(store, lease, job)
