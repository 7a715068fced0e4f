"""Closing days: every tally of a day that is over becomes a MeasureReport, by one process of all that share a store.

A tally that changes afterwards (a replay, a release, an item that was in flight at midnight) is open again, and the
next run issues its report anew, as the next version of the same resource.
"""

from collections.abc import Mapping
from datetime import timedelta

from hie.base.clock import Clock
from hie.base.finding import Finding
from hie.base.tally import Cause, Tally
from hie.fold.finish import organisation_reference
from hie.pipeline.feed import FeedRuntime
from hie.quality.measure import measure, measure_report
from hie.staging import tallies
from hie.store.lease import Lease, fenced, take
from hie.store.port import Store, Transaction
from hie.wire.safejson import loads

LEASE_NAME = "close-day"
LEASE_SECONDS = 120
"""How long a leader that stopped holds the others up."""

BATCH = 50
"""Tallies closed before the lease is prolonged."""


async def close_days(store: Store, feeds: Mapping[str, FeedRuntime], clock: Clock, holder: str) -> int:
    """Close every tally of the days before today (China time); returns how many reports were written.

    Nothing happens in a process that does not lead. Raises CONFLICT, with nothing half done, when the lead is lost on
    the way, and as `Store.write` does.
    """
    written = 0
    while True:
        lease = await take(store, clock, LEASE_NAME, holder, LEASE_SECONDS)
        if lease is None:
            return written
        yesterday = tallies.day_of(clock.now() - timedelta(days=1))
        due = await tallies.open_tallies(store, yesterday, BATCH)
        for tally in due:
            written += await _close(store, feeds, clock, lease, tally)
        if len(due) < BATCH:
            return written


async def _close(store: Store, feeds: Mapping[str, FeedRuntime], clock: Clock, lease: Lease, due: Tally) -> bool:
    async def job(tx: Transaction) -> bool:
        tally = await tallies.close(tx, due.day, due.feed, due.organisation)
        runtime = feeds.get(due.feed)
        if tally is None or runtime is None:
            return False
        await tx.put(measure(), unless_same=True)
        return await _put(tx, report_of(tally, runtime, clock))

    return await fenced(store, lease, job)


def report_of(tally: Tally, runtime: FeedRuntime, clock: Clock) -> dict[str, object]:
    """The report about a tally as it is now."""
    against = {cause: dimension_of(cause, runtime) for cause in tally.found}
    reporter = organisation_reference(runtime.region, tally.organisation) if tally.organisation else ""
    return measure_report(tally, runtime.region, runtime.judged, against, reporter, clock.now())


def dimension_of(cause: Cause, runtime: FeedRuntime) -> str:
    """The dimension that a cause was counted against, what its rule says now when that was not kept; empty for none."""
    if cause.dimension is not None:
        return cause.dimension
    return runtime.dimension(Finding(cause.code, cause.path, rule=cause.rule))


async def _put(tx: Transaction, report: dict[str, object]) -> bool:
    """Write a report unless it says the same as the one before but for the time it was made."""
    before = await tx.read("MeasureReport", str(report["id"]))
    if before is not None and not before.deleted and _said(loads(before.body)) == _said(report):
        return False
    await tx.put(report)
    return True


def _said(report: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in report.items() if name not in ("meta", "date")}
