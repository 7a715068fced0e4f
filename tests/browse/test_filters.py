"""Filters: what they narrow, what they count, and the cursor of a page."""

from hie.browse.event import Event
from hie.browse.filters import Filter, cut, read_filter
from hie.browse.source import Source
from hie.browse.timeline import timeline
from tests.browse import seed
from tests.browse.conftest import filled, source_of


async def events_of(source: Source, patient: str = seed.uid("golden", "gu")) -> tuple[Event, ...]:
    """The timeline of one person."""
    return timeline(await source.chart(patient))


async def test_filters_narrow_and_count(source: Source) -> None:
    events = await events_of(source)
    part = cut(events, Filter(region="jiashan", span="all"), seed.NOW)
    assert {e.place.region for e in part.events} == {"jiashan"}
    assert (part.matching, part.total) == (5, 11)
    assert part.counts["region"] == {"": 11, "wujiang": 3, "jiashan": 5, "qingpu": 3}
    assert part.counts["kind"]["lab"] == 1
    assert part.counts["span"] == {"30d": 0, "1y": 5, "3y": 5, "all": 5}
    abnormal = cut(events, Filter(abnormal="1", span="all"), seed.NOW)
    assert all(e.results for e in abnormal.events)
    assert abnormal.matching == 4


async def test_unknown_filter_values_narrow_nothing(source: Source) -> None:
    events = await events_of(source)
    assert read_filter({"region": "mars", "kind": "x", "org": "y", "span": "z"}, events, seed.NOW) == Filter(span="all")


async def test_paging_by_cursor_shows_every_event_once() -> None:
    store = await filled(seed.organizations(), seed.long_record(300))
    events = await events_of(source_of(store), seed.uid("golden", "long"))
    chosen = Filter(span="all")
    part = cut(events, chosen, seed.NOW)
    seen = [e.id for e in part.events]
    assert len(seen) == 30
    while part.next:
        part = cut(events, chosen, seed.NOW, part.next)
        seen += [e.id for e in part.events]
    assert seen == [e.id for e in events]
    assert len(set(seen)) == 300


async def test_the_default_is_one_year_when_that_is_enough() -> None:
    store = await filled(seed.long_record(1500))
    events = await events_of(source_of(store), seed.uid("golden", "long"))
    assert read_filter({}, events, seed.NOW).span == "1y"
