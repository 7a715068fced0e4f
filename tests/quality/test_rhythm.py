"""When a feed counts as silent."""

from collections.abc import Collection
from datetime import datetime, timedelta

import pytest

from hie.base.clock import CHINA
from hie.quality.rhythm import not_silent

MONDAY = datetime(2026, 4, 6, tzinfo=CHINA)
LATER = timedelta(hours=11)
ASKED = not_silent(hours=3, weeks=4, share=0.75)


def silent(weeks: Collection[int], today: Collection[int] = (), at: timedelta = LATER) -> bool:
    """Whether a feed is silent that sent from 8 to 12 of the Mondays so many weeks ago, and in these hours of today."""
    hours = [timedelta(hours=hour) - timedelta(weeks=week) for week in weeks for hour in range(8, 13)]
    return not ASKED({MONDAY + at: 1 for at in (*hours, *(timedelta(hours=hour) for hour in today))}, MONDAY + at)


@pytest.mark.parametrize(
    ("weeks", "today", "at", "is_silent"),
    [
        ((1, 2, 3, 4), (), LATER, True),
        ((1, 2, 3, 4), (), timedelta(hours=10, minutes=59), False),
        ((1, 2, 3, 4), (8,), LATER, False),
        ((1, 2, 3, 4), (8,), timedelta(hours=12), True),
        ((1, 2, 3, 4), (11,), timedelta(hours=11, minutes=5), False),
        ((1, 2, 4), (), LATER, True),
        ((1, 4), (), LATER, False),
        ((1, 2), (), LATER, True),
        ((2, 3, 4, 5), (), LATER, True),
        ((20, 21, 22, 23), (), LATER, True),
        ((1,), (), LATER, False),
        ((), (), LATER, False),
    ],
    ids=[
        "three busy hours brought nothing",
        "two did",
        "one of the three brought something",
        "the three after that brought nothing",
        "something came in the hour under way",
        "busy in three weeks of four",
        "in two of four",
        "in both weeks there are",
        "for a week",
        "for twenty",
        "one week is no rhythm",
        "nothing ever came",
    ],
)
def test_a_feed_is_silent(weeks: tuple[int, ...], today: tuple[int, ...], at: timedelta, is_silent: bool) -> None:
    assert silent(weeks, today, at) is is_silent


@pytest.mark.parametrize("options", [(0, 4, 0.75), (3, 1, 0.75), (3, 4, 0), (3, 4, 1.01)])
def test_what_no_rhythm_can_be_is_refused(options: tuple[int, int, float]) -> None:
    hours, weeks, share = options
    with pytest.raises(ValueError, match="hours must be 1 or more"):
        not_silent(hours=hours, weeks=weeks, share=share)
