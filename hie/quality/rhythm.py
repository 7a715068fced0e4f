"""The predicate about a feed: whether it has gone silent against its own rhythm.

The rhythm is learnt from how many items came in each hour of the past weeks: an hour of the week (Monday 08:00) counts
as busy when something came in it in most of those weeks. A feed is silent when several busy hours in a row, up to now,
brought nothing. A feed that never sends at night is thus not silent in the morning.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hie.base.clock import CHINA
from hie.quality.predicate import FeedTest, HourCounts, Predicate

_HOUR, _WEEK = timedelta(hours=1), timedelta(weeks=1)


def not_silent(*, hours: int, weeks: int, share: float) -> FeedTest:
    """Since the last item, fewer than `hours` busy hours have gone by.

    An hour of the week is busy when it brought one in at least `share` of the `weeks` weeks before it, of which there
    must be records of two at the least; a feed without a rhythm is never silent. A silence does not end by lasting: the
    rhythm is that of the weeks before it.
    """
    if hours < 1 or weeks < 2 or not 0 < share <= 1:
        raise ValueError("hours must be 1 or more, weeks 2 or more, share above 0 and at most 1")

    def test(arrivals: HourCounts, now: datetime) -> bool:
        counts = {_hour(at): count for at, count in arrivals.items() if count}
        if not counts:
            return True
        first, last = min(counts), max(counts)
        missed = (_busy(counts, hour, min(weeks, (hour - first) // _WEEK), share) for hour in _after(last, now, weeks))
        return sum(missed) < hours

    return test


def _busy(counts: HourCounts, hour: datetime, weeks: int, share: float) -> bool:
    return weeks >= 2 and sum(hour - _WEEK * n in counts for n in range(1, weeks + 1)) >= share * weeks


def _after(last: datetime, now: datetime, weeks: int) -> Iterator[datetime]:
    """The full hours after the last arrival up to `now`, of the first `weeks` weeks: later ones know no rhythm."""
    until = min(_hour(now), last + weeks * _WEEK)
    hour = last + _HOUR
    while hour < until:
        yield hour
        hour += _HOUR


def _hour(at: datetime) -> datetime:
    return at.astimezone(CHINA).replace(minute=0, second=0, microsecond=0)


PREDICATES = {"not-silent": Predicate("feed", not_silent)}
