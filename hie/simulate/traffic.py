"""The stream of all items in the order of their arrival, with the truth beside them; memory does not grow with it.

What waits is a heap of small tuples: one per person under treatment and one per act that is due; everything else is
made anew from the seed when it is needed, but for the `KEPT` visits that were made last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from random import Random
from typing import Any

from hie.simulate.chance import chance, weighted
from hie.simulate.dirt import FAULTS, Dirt
from hie.simulate.history import Visit, World, first_seen, plan, visit
from hie.simulate.item import Act, Fault, Item, status_of
from hie.simulate.people import KEPT, Person
from hie.simulate.regions import REGIONS, Region

_STARTS = -1
"""Act number of the entry that begins a visit."""

_SWAP_DELAY = timedelta(seconds=40)

Entry = tuple[datetime, int, int, int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an act arrives; `place` is `late` or `early` when it has changed places with another, else empty;
    `findings` are those that follow from it."""

    at: datetime
    place: str = ""
    findings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """A visit with all its acts and when each of them arrives."""

    visit: Visit
    acts: tuple[Act, ...]
    arrivals: tuple[Arrival, ...]


def traffic(world: World) -> Iterator[Person | Item]:
    """Every person, just before their first item, and every item in order of arrival."""
    due: list[Entry] = []
    for number in range(world.patients):
        midnight = _midnight(first_seen(world, number))
        while due and due[0][0] < midnight:
            yield from _next(world, due)
        yield world.person(number)
        heappush(due, (plan(world, number)[0].at, number, 0, _STARTS))
    while due:
        yield from _next(world, due)


def _next(world: World, due: list[Entry]) -> Iterator[Item]:
    """What is due first: the items of an act, or a visit, which puts its acts and the next visit on the heap."""
    at, number, index, place = heappop(due)
    case = _case(world, number, index)
    if place != _STARTS:
        yield from _deliver(world, case, place, at)
        return
    for act, arrival in enumerate(case.arrivals):
        heappush(due, (arrival.at, number, index, act))
    planned = plan(world, number)
    if index + 1 < len(planned):
        heappush(due, (planned[index + 1].at, number, index + 1, _STARTS))


@lru_cache(maxsize=KEPT)
def _case(world: World, number: int, index: int) -> Case:
    now = visit(world, number, index)
    acts = tuple(REGIONS[now.hospital.region].acts(now))
    return Case(now, acts, tuple(arrivals(world, now, acts)))


def arrivals(world: World, now: Visit, acts: Sequence[Act]) -> list[Arrival]:
    """When each act of a visit arrives. A late one comes after the next of its thread; neither is spoilt otherwise."""
    region = REGIONS[now.hospital.region]
    found = [Arrival(act.at + region.lag) for act in acts]
    if not world.dirt.late:
        return found
    for place, act in enumerate(acts):
        partner = next((n for n in range(place + 1, len(acts)) if acts[n].thread == act.thread), None)
        if not act.swaps or partner is None or found[place].place:
            continue
        if _stream(world, now, place, "swap").random() < world.dirt.late:
            late = region.late if act.late is None else act.late
            early = region.early if act.early is None else act.early
            found[place] = Arrival(found[partner].at + _SWAP_DELAY, "late", late)
            found[partner] = replace(found[partner], place="early", findings=early)
    return found


def _deliver(world: World, case: Case, place: int, at: datetime) -> Iterator[Item]:
    """The item of an act: clean, spoilt, spoilt and then sent again as it should be, or sent twice."""
    now, act, moved = case.visit, case.acts[place], case.arrivals[place]
    region = REGIONS[now.hospital.region]
    message = region.message(now, act)
    stream = _stream(world, now, place, "fault")
    clean = _item(region, now, act, message, at)
    if moved.place:
        yield _moved(clean, moved)
        return
    drawn = stream.random()
    if drawn < world.dirt.duplicate:
        yield clean
        yield replace(clean, fault="sent-twice", status="duplicate")
        return
    chosen = None
    if drawn < world.dirt.duplicate + world.dirt.spoilt:
        chosen = _spoil(world.dirt, region, now, act, stream)
    if chosen is None:
        yield clean
        return
    fault, spoilt = chosen
    if fault.refused:
        region.rename(spoilt)
    item = _item(region, now, act, spoilt, at)
    if fault.refused:
        yield replace(item, fault=fault.name, status=fault.status, findings=fault.findings, perhaps=clean.findings)
        yield clean
        return
    status = fault.status if clean.taken else clean.status
    yield replace(item, fault=fault.name, status=status, findings=clean.findings | fault.findings)


def _spoil(dirt: Dirt, region: Region, now: Visit, act: Act, stream: Random) -> tuple[Fault[Any], Any] | None:
    """The first of the faults that can happen to this message: kinds in a random order weighted by their shares, and
    the faults of a kind in a random order."""
    kinds = [(kind, share) for kind in FAULTS if (share := getattr(dirt, kind)) > 0]
    while kinds:
        chosen = weighted(stream, kinds)
        kinds = [(kind, share) for kind, share in kinds if kind != chosen]
        faults = [fault for fault in region.faults if fault.kind == chosen]
        for fault in stream.sample(faults, len(faults)):
            message = region.message(now, act)
            if isinstance(message, fault.of) and fault.spoil(message):
                return fault, message
    return None


def _moved(item: Item, moved: Arrival) -> Item:
    findings = item.findings | moved.findings
    return replace(item, fault=moved.place, status=status_of(findings), findings=findings)


def _item(region: Region, now: Visit, act: Act, message: Any, at: datetime) -> Item:
    findings = region.habits(now, message)
    return Item(
        at=at,
        door=region.door(message),
        ending=region.ending,
        body=message.bytes(),
        label=f"{now.hospital.code} {act.what}",
        person=now.record.person.number,
        patient=region.patient(now, message),
        fault="",
        status=status_of(findings),
        findings=findings,
    )


def _stream(world: World, now: Visit, place: int, purpose: str) -> Random:
    return chance(world.seed, purpose, now.record.person.number, now.index, place)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
