"""Search of the reference store: every clause tried on every resource of the types."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from hie.search import page
from hie.search.clause import ReferenceTest
from hie.search.hierarchy import resolved
from hie.search.match import Subject, World, holds, sort_value
from hie.search.plan import Include, Plan, SortKey, Total
from hie.store.port import Page, Version


class _World(World, Protocol):
    def types(self) -> list[str]: ...


def search(plan: Plan, world: _World, secret: bytes, version: Callable[[Subject], Version]) -> Page:
    """One page of `plan` over all of `world`."""
    position = page.decode(secret, plan)
    clause = resolved(plan.clause, lambda test: _line(test, world))
    found = [
        subject for kind in plan.types or world.types() for subject in world.all(kind) if holds(clause, subject, world)
    ]
    keyed = _sorted(plan.sort, found)
    rest = [
        item for item in keyed if position is None or _orderable(plan.sort, item[0]) > _orderable(plan.sort, position)
    ]
    shown = rest[: plan.count]
    more = page.encode(secret, plan, shown[-1][0]) if shown and len(rest) > plan.count else None
    matches = [subject for _, subject in shown]
    included = _included(plan.includes, matches, world)
    total = None if plan.total is Total.NONE else len(found)
    explained = {"types": list(plan.types), "steps": [{"step": "all", "rows": len(found)}]} if plan.explain else None
    return Page([version(one) for one in matches], [version(one) for one in included], more, total, explained)


def _line(test: ReferenceTest, world: World) -> list[str]:
    """What is above or below the resource of a test, itself first."""
    assert test.hierarchy is not None
    kind, start = test.type or "", test.id or ""
    found, fresh = [start], [start]
    while fresh:
        step = _parents if test.hierarchy.up else _children
        wave = (one for name in fresh for one in step(kind, name, test.hierarchy.parent, world))
        fresh = [name for name in dict.fromkeys(wave) if name not in found]
        found += fresh
    return found


def _parents(kind: str, name: str, param: str, world: World) -> list[str]:
    subject = world.find(kind, name)
    return [] if subject is None else _ends(subject, kind, param)


def _children(kind: str, name: str, param: str, world: World) -> list[str]:
    return [subject.id for subject in world.all(kind) if name in _ends(subject, kind, param)]


def _ends(subject: Subject, kind: str, param: str) -> list[str]:
    return [entry[2] for entry in subject.entries.reference if entry[:2] == (param, kind) and entry[2]]


def _key(sort: Sequence[SortKey], subject: Subject) -> list[Any]:
    return [*(sort_value(key, subject) for key in sort), subject.type, subject.id]


def _sorted(sort: Sequence[SortKey], found: Iterable[Subject]) -> list[tuple[list[Any], Subject]]:
    keyed = [(_key(sort, subject), subject) for subject in found]
    return sorted(keyed, key=lambda item: _orderable(sort, item[0]))


def _orderable(sort: Sequence[SortKey], position: Sequence[Any]) -> list[Any]:
    """The sort values so that Python orders them: missing last, descending reversed."""
    keys = [(value is None, _Reversed(value) if key.descending and value is not None else value)
            for key, value in zip(sort, position, strict=False)]  # fmt: skip
    return [*keys, *position[len(sort) :]]


class _Reversed:
    """A value that sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def _included(includes: Sequence[Include], matches: Sequence[Subject], world: _World) -> list[Subject]:
    seen = {(subject.type, subject.id): subject for subject in matches}
    fresh, first = list(matches), True
    while fresh:
        wave = [
            other
            for include in includes
            if first or include.iterate
            for subject in fresh
            for other in (_pointing(include, subject, world) if include.reverse else _pointed(include, subject, world))
        ]
        fresh = list({(s.type, s.id): s for s in wave if (s.type, s.id) not in seen}.values())
        seen.update({(subject.type, subject.id): subject for subject in fresh})
        first = False
    return list(seen.values())[len(matches) :]


def _pointed(include: Include, subject: Subject, world: _World) -> list[Subject]:
    if include.source not in (None, subject.type):
        return []
    ends = [entry[1:3] for entry in subject.entries.reference if include.param in (None, entry[0]) and entry[2]]
    found = (world.find(kind, name) for kind, name in ends if include.target in (None, kind))
    return [other for other in found if other is not None]


def _pointing(include: Include, subject: Subject, world: _World) -> list[Subject]:
    if include.target not in (None, subject.type):
        return []
    sources = [include.source] if include.source else world.types()
    return [
        other
        for kind in sources
        for other in world.all(kind)
        if any(
            entry[1:3] == (subject.type, subject.id) and include.param in (None, entry[0])
            for entry in other.entries.reference
        )
    ]
