"""The predicate about a feed: whether it has gone silent against its own rhythm.

The rhythm is learnt from how many items came in each hour of the past weeks: an hour of the week (Monday 08:00) counts
as busy when something came in it in most of those weeks. A feed is silent when several busy hours in a row, up to now,
brought nothing. A feed that never sends at night is thus not silent in the morning.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hie.base.moment import CHINA
from hie.quality.predicate import Arrivals, FeedTest, Predicate

_HOUR, _WEEK = timedelta(hours=1), timedelta(weeks=1)


def not_silent(*, hours: int, weeks: int, share: float) -> FeedTest:
    """Of the last `hours` busy hours at least one brought an item, or the hour under way has.

    An hour of the week is busy when it brought one in at least `share` of the last `weeks` weeks, of which there must
    be records of two at the least; a feed without a rhythm is never silent.
    """
    if hours < 1 or weeks < 2 or not 0 < share <= 1:
        raise ValueError("hours must be 1 or more, weeks 2 or more, share above 0 and at most 1")

    def test(arrivals: Arrivals, now: datetime) -> bool:
        counts = {_hour(at): count for at, count in arrivals.items() if count}
        if not counts or _hour(now) in counts:
            return True
        known = min(weeks, (_hour(now) - min(counts)) // _WEEK)
        if known < 2:
            return True
        quiet = 0
        for hour in _back(now, weeks):
            if hour in counts:
                return True
            quiet += _busy(counts, hour, known, share)
            if quiet == hours:
                return False
        return True

    return test


def _busy(counts: Arrivals, hour: datetime, weeks: int, share: float) -> bool:
    return sum(hour - _WEEK * n in counts for n in range(1, weeks + 1)) >= share * weeks


def _back(now: datetime, weeks: int) -> Iterator[datetime]:
    """The full hours before the one that is under way, the latest first."""
    hour = _hour(now)
    for n in range(1, weeks * 7 * 24):
        yield hour - _HOUR * n


def _hour(at: datetime) -> datetime:
    return at.astimezone(CHINA).replace(minute=0, second=0, microsecond=0)


PREDICATES = {"not-silent": Predicate("feed", not_silent)}
