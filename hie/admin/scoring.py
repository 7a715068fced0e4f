"""What is asked about quality, and the answer as values: scores, trends, the worst faults; from tallies only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hie.admin.known import unknown
from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.base.finding import CODES
from hie.base.tally import Cause, Tally
from hie.pipeline.close import dimension_of
from hie.pipeline.feed import FeedRuntime
from hie.quality.rule import DIMENSIONS
from hie.quality.score import KEYS, Fault, Score, faults, scores
from hie.staging.tallies import day_of, tallies
from hie.store.port import Reader

DAYS = 7
"""How many days are shown when nobody says which."""

MOST_DAYS = 366
UNKNOWN = "-"
"""Stands for the organisation of what no registered one sent."""

Feeds = Mapping[str, FeedRuntime]


@dataclass(frozen=True, slots=True)
class Institution:
    """A registered sender: social credit code (empty for what no registered one sent), name, region."""

    code: str
    name: str
    region: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: the days, from the first to the last, and what to narrow to; None: everything."""

    days: tuple[str, ...]
    feed: str | None = None
    institution: str | None = None
    dimension: str | None = None
    group: tuple[str, ...] = ("feed", "organisation")


@dataclass(frozen=True)
class Board:
    """The answer: `rows` by what was asked, `days` all together for each day, `by_feed` for each feed and day."""

    asked: Asked
    rows: tuple[Score, ...]
    days: tuple[Score, ...]
    by_feed: tuple[Score, ...]
    whole: Score | None
    faults: tuple[Fault, ...]
    dimensions: tuple[str, ...]


def read_query(params: Mapping[str, str], feeds: Feeds, clock: Clock) -> Asked:
    """What the parameters `from`, `to` (days), `feed`, `institution`, `dimension` (name or code) and `group` (`day`,
    `feed`, `institution`, with commas) ask. Raises INVALID for what they do not know and for more than a year."""
    last = _day(params.get("to", ""), "to") or date.fromisoformat(day_of(clock.now()))
    first = _day(params.get("from", ""), "from") or date.fromordinal(max(1, last.toordinal() - DAYS + 1))
    if not 0 <= (last - first).days < MOST_DAYS:
        raise HieError(Category.INVALID, f"Ask for 1 to {MOST_DAYS} days, the first before the last.")
    feed = params.get("feed") or None
    if feed is not None and feed not in feeds:
        raise unknown("feed", feed, feeds)
    institution = params.get("institution") or None
    return Asked(
        tuple(f"{first + timedelta(days=n)}" for n in range((last - first).days + 1)),
        feed,
        "" if institution == UNKNOWN else institution,
        _dimension(params.get("dimension", "")),
        _group(params.get("group", "feed,institution")),
    )


def _day(text: str, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise HieError(Category.INVALID, f"Parameter {name!r} must be a day like 2026-01-18.") from None


def _dimension(text: str) -> str | None:
    if not text:
        return None
    for name, (code, _) in DIMENSIONS.items():
        if text in (name, code):
            return name
    raise unknown("dimension", text, DIMENSIONS)


def _group(text: str) -> tuple[str, ...]:
    named = ["organisation" if name == "institution" else name for name in text.split(",") if name]
    if not set(named) <= set(KEYS):
        raise HieError(Category.INVALID, "Group by day, feed or institution.", expression="group")
    return tuple(name for name in KEYS if name in named)


async def board(reader: Reader, feeds: Feeds, asked: Asked) -> Board:
    """The answer to what is asked."""
    counted = await tallies(reader, asked.days, feed=asked.feed, organisation=asked.institution)
    found = [one for one in counted if one.items or one.checked]  # a replay may take all of a sender back
    shown = (asked.dimension,) if asked.dimension else tuple(DIMENSIONS)
    judged = {name: runtime.judged & frozenset(shown) for name, runtime in feeds.items()}
    return Board(
        asked,
        tuple(scores(found, judged, asked.group)),
        tuple(scores(found, judged, ("day",))),
        tuple(scores(found, judged, ("day", "feed"))),
        next(iter(scores(found, judged, ())), None),
        tuple(worst(found, feeds, asked.dimension)),
        shown,
    )


def worst(found: Sequence[Tally], feeds: Feeds, dimension: str | None) -> list[Fault]:
    """What costs most points, in one dimension or in all."""

    def against(feed: str, cause: Cause) -> str:
        name = dimension_of(cause, feeds[feed]) if feed in feeds else ""
        return name if dimension in (None, name) else ""

    return faults(found, against)


def institutions(feeds: Feeds) -> dict[str, Institution]:
    """Every registered sender by its code."""
    return {
        organisation.uscc: Institution(organisation.uscc, organisation.name, runtime.region)
        for runtime in feeds.values()
        for organisation in runtime.adapter.organisations
    }


def words_of(feeds: Feeds, feed: str, code: str, rule: str) -> tuple[str, str]:
    """What is wrong, in Chinese and English: the sentence of the rule, else that of the finding."""
    runtime = feeds.get(feed)
    if runtime is not None and rule in runtime.rules:
        return runtime.rules[rule]
    row = CODES.get(code)
    return (row.zh, row.en) if row is not None else (code, code)
