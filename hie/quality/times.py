"""Predicates about the order of times within a draft, and about how long something took."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from hie.base.draft import Contribution, Draft, Event
from hie.base.moment import Moment
from hie.base.moment import read as read_moment
from hie.base.resource import Resource
from hie.base.slots import EARLY_END
from hie.quality.about import About, Stated
from hie.quality.element import reader
from hie.quality.predicate import DocumentTest, Predicate, ResourceTest

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "y": timedelta(days=365.25)}

Times = Callable[[Resource], list[Moment]]


def period_forward(draft: Draft) -> Draft | None:
    """No visit ends before it starts; the end is left out, the status stays (common rules §5.2). So is an end that was
    stated before; this one is kept in a slot by itself, for whatever else is dated by it (Qingpu §4.6)."""
    if not any(_may_run_backwards(contribution) for contribution in draft.contributions):
        return None
    fixed = tuple(_without_early_end(contribution) for contribution in draft.contributions)
    return None if fixed == draft.contributions else replace(draft, contributions=fixed)


def ordered(*, first: str, then: str, years: int = 0) -> ResourceTest:
    """No time at `first` lies after one at `then` of the same resource (nor more than `years` before it)."""
    before, after = _times(first), _times(then)

    def test(stated: Stated, about: About) -> bool:
        late = after(stated.resource)
        return not late or not any(_wrong(a, b, years) for a in before(stated.resource) for b in late)

    return test


def ordered_in(*, first: str, then: str, years: int = 0) -> DocumentTest:
    """The same across the resources of a draft: `first` and `then` begin with a type (`Specimen.receivedTime`)."""
    type_before, _, path_before = first.partition(".")
    type_after, _, path_after = then.partition(".")
    before, after = _times(path_before), _times(path_after)

    def test(about: About) -> bool:
        late = [m for one in about.of(type_after) for m in after(one.resource)]
        if not late:
            return True
        early = [m for one in about.of(type_before) for m in before(one.resource)]
        return not any(_wrong(a, b, years) for a in early for b in late)

    return test


def lasts(*, first: str, then: str, most: str) -> ResourceTest:
    """From `first` to `then` passes no more time than `most` (`24h`, `3d`, `1y`)."""
    before, after, limit = _times(first), _times(then), duration(most)

    def test(stated: Stated, about: About) -> bool:
        late = after(stated.resource)
        return not late or all(b.start - a.end <= limit for a in before(stated.resource) for b in late)

    return test


def arrives_within(*, element: str, most: str, backfill: str = "90d") -> ResourceTest:
    """The item came no later than `most` after the time at `element`; what is older than `backfill` was loaded from
    an archive and is not judged."""
    read, limit, archive = _times(element), duration(most), duration(backfill)

    def test(stated: Stated, about: About) -> bool:
        received = about.received
        if received is None or not (stated.contribution.exists and not stated.contribution.seed):
            return True
        return all(lag <= limit or lag > archive for m in read(stated.resource) for lag in (received - m.end,))

    return test


_read = lru_cache(maxsize=1024)(read_moment)


def moment(value: Any) -> Moment | None:
    """The moment written in an element, None when there is none. The last ones are kept: a draft repeats its times."""
    return _read(value) if isinstance(value, str) else None


def duration(text: str) -> timedelta:
    """A duration as rules write it: `24h`, `3d`, `1y`. Raises `ValueError`."""
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isdigit():
        raise ValueError(f"{text!r} is no duration such as 24h, 3d or 1y")
    return unit * int(text[:-1])


def _times(path: str) -> Times:
    read = reader(path)
    return lambda resource: [m for value in read(resource) if (m := moment(value)) is not None]


def _wrong(first: Moment, then: Moment, years: int) -> bool:
    if years and then.start - first.end > _UNITS["y"] * years:
        return True
    return then.is_before(first)


def _may_run_backwards(contribution: Contribution) -> bool:
    return contribution.target.type == "Encounter" and ("period.end" in contribution.slots or bool(contribution.events))


def _without_early_end(contribution: Contribution) -> Contribution:
    if contribution.target.type != "Encounter" or contribution.revoke:
        return contribution
    start = moment(contribution.slots.get("period.start"))
    if start is None:
        return contribution
    end = moment(contribution.slots.get("period.end"))
    slots = contribution.slots
    if end is not None and end.is_before(start):
        slots = {**slots, "period.end": None, EARLY_END: slots["period.end"]}
    events = tuple(_without_early_time(event, start) for event in contribution.events)
    return replace(contribution, slots=slots, events=events)


def _without_early_time(event: Event, start: Moment) -> Event:
    at = moment(event.at)
    return replace(event, at=None) if event.code == "discharge" and at is not None and at.is_before(start) else event


PREDICATES = {
    "period-forward": Predicate("amend", lambda: period_forward),
    "ordered": Predicate("resource", ordered, ("first", "then")),
    "ordered-in": Predicate("document", ordered_in),
    "lasts": Predicate("resource", lasts, ("first", "then")),
    "arrives-within": Predicate("resource", arrives_within, ("element",)),
}
