"""What part of the timeline is shown: filters in the URL, counts for their chips, pages by cursor."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from hie.browse.dates import days_before
from hie.browse.event import KINDS, Event

SPANS: Mapping[str, int] = {"30d": 30, "1y": 365, "3y": 1095, "all": 0}
"""Time ranges in days; 0 is everything."""
FIRST_PAGE = 30
NEXT_PAGE = 60
ENOUGH = 20
"""With fewer events than this in the last year, everything is shown unless the URL asks otherwise."""


@dataclass(frozen=True)
class Filter:
    """The filter of one URL; empty texts do not narrow."""

    region: str = ""
    kind: str = ""
    org: str = ""
    span: str = ""
    abnormal: str = ""

    def params(self, **changes: str) -> dict[str, str]:
        """The URL parameters of this filter with some of them changed, without the empty ones."""
        changed = replace(self, **changes)
        return {f.name: value for f in fields(changed) if (value := getattr(changed, f.name))}


@dataclass(frozen=True)
class Slice:
    """One page: `events`, the cursor of the next page or empty, how many match, and counts for the chips.

    `before` is the year of the event before the page, `rest` how many events are behind it. `counts[name][value]` is
    how many events would show if only that filter were changed to that value.
    """

    filter: Filter
    events: Sequence[Event]
    next: str
    matching: int
    total: int
    counts: Mapping[str, Mapping[str, int]]
    organisations: Sequence[tuple[str, str]]
    before: str
    rest: int


def read_filter(params: Mapping[str, str], events: Sequence[Event], now: datetime) -> Filter:
    """The filter that a URL asks for. Values that are not known narrow nothing."""
    span = params.get("span", "")
    if span not in SPANS:
        since = days_before(now, SPANS["1y"])
        recent = sum(1 for e in events if e.at >= since)
        span = "1y" if recent >= ENOUGH else "all"
    kind = params.get("kind", "")
    return Filter(
        region=params.get("region", "") if params.get("region", "") in {e.place.region for e in events} else "",
        kind=kind if kind in KINDS else "",
        org=params.get("org", "") if params.get("org", "") in {e.place.uscc for e in events} else "",
        span=span,
        abnormal="1" if params.get("abnormal") == "1" else "",
    )


def cut(events: Sequence[Event], chosen: Filter, now: datetime, after: str = "", size: int = 0) -> Slice:
    """The page of the events that `chosen` leaves, after the cursor `after`; `size` 0 is the usual one."""
    left = _passing(events, chosen, now)
    start = _start(left, after)
    size = size or (NEXT_PAGE if after else FIRST_PAGE)
    page = left[start : start + size]
    more = start + size < len(left)
    organisations = sorted({(e.place.uscc, e.place.name) for e in events if e.place.uscc}, key=lambda o: o[1])
    return Slice(
        filter=chosen,
        events=page,
        next=_cursor(page[-1]) if more else "",
        matching=len(left),
        total=len(events),
        counts=_counts(events, chosen, now),
        organisations=organisations,
        before=left[start - 1].year if start else "",
        rest=max(0, len(left) - start - size),
    )


def _passing(events: Iterable[Event], chosen: Filter, now: datetime) -> list[Event]:
    days = SPANS.get(chosen.span, 0)
    since = days_before(now, days) if days else ""
    return [e for e in events if _passes(e, chosen, since)]


def _passes(event: Event, chosen: Filter, since: str) -> bool:
    return (
        (not chosen.region or event.place.region == chosen.region)
        and (not chosen.kind or event.kind == chosen.kind)
        and (not chosen.org or event.place.uscc == chosen.org)
        and (not chosen.abnormal or event.abnormal)
        and (event.until or event.at) >= since
    )


def _counts(events: Sequence[Event], chosen: Filter, now: datetime) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for name, value in (("region", _region), ("kind", _kind), ("org", _org), ("abnormal", _abnormal)):
        left = _passing(events, replace(chosen, **{name: ""}), now)
        counts[name] = {**Counter(value(e) for e in left), "": len(left)}
    counts["span"] = {s: len(_passing(events, replace(chosen, span=s), now)) for s in SPANS}
    return counts


def _region(event: Event) -> str:
    return event.place.region


def _kind(event: Event) -> str:
    return event.kind


def _org(event: Event) -> str:
    return event.place.uscc


def _abnormal(event: Event) -> str:
    return "1" if event.abnormal else "0"


def _cursor(event: Event) -> str:
    return urlsafe_b64encode("~".join(event.key).encode()).decode().rstrip("=")


def _start(events: Sequence[Event], after: str) -> int:
    """Index of the first event behind the cursor; 0 when the cursor is unreadable."""
    if not after:
        return 0
    try:
        at, kind, ident = urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode().split("~")
    except ValueError:
        return 0
    return next((n for n, e in enumerate(events) if e.key < (at, kind, ident)), len(events))
