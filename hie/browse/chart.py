"""A chart: one person and everything known about them, as values; and the memory of recent ones."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from hie.base.resource import Resource
from hie.browse.elements import codes_of, targets, text_of
from hie.browse.person import Person
from hie.browse.place import Directory, owners, uscc_of
from hie.browse.result import WITHDRAWN
from hie.store.port import Version
from hie.wire.safejson import loads_own

T = TypeVar("T")
State = frozenset[tuple[str, str, int]]
Resources = Mapping[str, Mapping[str, Resource]]

_KEPT = 40_000
"""Resources of the charts that are kept, one of which there is always."""

_LONG = 500
"""Resources from which on a record is worked out in a thread."""

_MEANT = frozenset({"proposal", "plan", "option"})
_STANDING: Mapping[str, str] = {
    "abandoned": "cancelled",
    "cancelled": "cancelled",
    "declined": "not-done",
    "draft": "draft",
    "inactive": "stopped",
    "intended": "planned",
    "noshow": "not-done",
    "not-done": "not-done",
    "not-taken": "not-done",
    "on-hold": "on-hold",
    "onhold": "on-hold",
    "planned": "planned",
    "preparation": "planned",
    "proposed": "planned",
    "revoked": "cancelled",
    "stopped": "stopped",
}
"""Statuses of R4, of whatever type, of what is not simply done or ordered -> the mark that says so."""
GONE = frozenset({"withdrawn", "cancelled"})
"""Marks of what is shown for tracing only, and counted nowhere."""

OVER = frozenset({"resolved", "inactive", "remission"})
"""Clinical statuses of what a person has no more."""

_UNCERTAIN = frozenset({"provisional", "differential", "unconfirmed"})


@dataclass(frozen=True, eq=False)
class Chart:
    """One person and everything known about them.

    `failed` names the types that could not be read in time; `medicines` are the Medications that are referred to.
    """

    person: Person
    directory: Directory
    resources: Resources
    failed: frozenset[str]
    medicines: Mapping[str, Resource] = field(default_factory=dict)
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """How many resources it has."""
        return sum(map(len, self.resources.values()))

    def all(self, resource_type: str) -> list[Resource]:
        """The resources of one type."""
        return list(self.resources.get(resource_type, {}).values())

    def get(self, resource_type: str, ident: str) -> Resource | None:
        """One resource of the chart; None when it is not this person's."""
        return self.resources.get(resource_type, {}).get(ident)

    def once(self, make: Callable[["Chart"], T]) -> T:
        """`make` of this chart, worked out the first time it is asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        found: T = self._made[make]
        return found


@dataclass(frozen=True)
class Named:
    """What a chart names outside the record of the person: organisations by code and by id, medicines by id."""

    codes: tuple[str, ...]
    ids: tuple[str, ...]
    medicines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Kept:
    """The parsed form of some versions of one person, what it names, and the latest chart made of it by the versions of
    what it names."""

    state: State
    resources: Resources
    named: Named
    charts: dict[State, Chart] = field(default_factory=dict)

    async def chart(self, named: list[Version], make: Callable[[], Chart]) -> Chart:
        """The chart over what it names; `make` is asked when none is kept for these versions."""
        state = state_of(named)
        if state not in self.charts:
            made = await apart(len(self.state), make)
            self.charts.clear()
            self.charts[state] = made
        return self.charts[state]


class Charts:
    """Recent charts by person. A kept one is used only while every version it was made of is still the current one."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    async def of(self, person_id: str, versions: list[Version]) -> Kept:
        """What is kept of the versions of one person."""
        state = state_of(versions)
        kept = self._kept.get(person_id)
        if kept is None or kept.state != state:
            kept = Kept(state, *await apart(len(versions), partial(_parsed, versions)))
            self._kept[person_id] = kept
        self._kept.move_to_end(person_id)
        while len(self._kept) > 1 and sum(len(one.state) for one in self._kept.values()) > _KEPT:
            self._kept.popitem(last=False)
        return kept


async def apart(size: int, work: Callable[[], T]) -> T:
    """What `work` on a record of `size` resources comes to; on a long one in a thread, so that nobody else waits."""
    return await asyncio.to_thread(work) if size > _LONG else work()


def _parsed(versions: Iterable[Version]) -> tuple[Resources, Named]:
    resources: dict[str, dict[str, Resource]] = {}
    for version in versions:
        resources.setdefault(version.type, {})[version.id] = loads_own(version.body)
    return resources, _named(r for kind in resources.values() for r in kind.values())


def withdrawn(resource: Resource) -> bool:
    """Whether the issuer has taken it back."""
    return _status(resource) == WITHDRAWN or WITHDRAWN in codes_of(resource, "verificationStatus")


def _status(resource: Resource) -> str:
    """The status of whatever type; that of a Goal goes by another name."""
    return text_of(resource, "status") or text_of(resource, "lifecycleStatus")


def refuted(condition: Resource) -> bool:
    """Whether a diagnosis was ruled out: the person does not have it."""
    return "refuted" in codes_of(condition, "verificationStatus")


def suspected(condition: Resource) -> bool:
    """Whether a diagnosis is not certain yet."""
    return bool(codes_of(condition, "verificationStatus") & _UNCERTAIN)


def certainty(resource: Resource) -> tuple[str, ...]:
    """The mark of a diagnosis or allergy that is not simply so, if any."""
    checks = (("withdrawn", withdrawn), ("refuted", refuted), ("suspected", suspected))
    return tuple(mark for mark, holds in checks if holds(resource))[:1]


def standing(resource: Resource) -> str:
    """Key of the mark for a visit, order, plan or the like that is not simply done or ordered; else empty."""
    if withdrawn(resource):
        return "withdrawn"
    if resource.get("doNotPerform") is True:
        return "forbidden"
    mark = _STANDING.get(_status(resource), "")
    return mark or ("planned" if text_of(resource, "intent") in _MEANT else "")


def state_of(versions: Iterable[Version]) -> State:
    """What identifies a set of versions."""
    return frozenset((v.type, v.id, v.version) for v in versions)


def _named(resources: Iterable[Resource]) -> Named:
    codes: set[str] = set()
    ids: set[str] = set()
    medicines: set[str] = set()
    for resource in resources:
        codes.add(uscc_of(resource))
        ids.update(owners(resource))
        medicines.update(targets(resource, "medicationReference", "Medication"))
    return Named(tuple(sorted(codes - {""})), tuple(sorted(ids)), tuple(sorted(medicines)))
