"""`hie adapters diff`: what a change of maps does to a folder of items, all that is said of a part compared line by
line."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from hie.app import bind_feeds
from hie.base.draft import Alias, Claim, Contribution, Draft, Event, Key, Member, Merge
from hie.base.errors import HieError
from hie.base.finding import Finding
from hie.base.record import Delivery
from hie.commands.adapters import adapter_of, delivery_of, must_hold_tables, runtime_of, some_samples
from hie.mapping.traffic import WHOLE
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared, prepare
from hie.plugin import Adapter
from hie.wire.safejson import dumps

NO_PART = -1
"""The number under which is told what is said of an item as a whole."""


@dataclass(frozen=True)
class Changed:
    """What a change of maps does to one part of a file (`NO_PART`: to the item as a whole): what is said before and not
    after, and the reverse."""

    file: str
    part: int
    label: str
    lost: tuple[str, ...]
    gained: tuple[str, ...]


def differences(region: str, folder: Path, against: Path, shared: Path | None = None) -> Iterator[Changed]:
    """What the maps in `against` (a folder like `mappings/`) make of the samples in `folder`, and the maps at work do
    not, and the reverse; only parts that change, each when it is found. `shared`: the folder of the tables at work, the
    shipped ones unless told otherwise.

    Raises `BrokenTables` when the new maps are broken, `HieError` when those at work are, NOT_FOUND when `against` has
    no field maps or `folder` no items.
    """
    adapter = adapter_of(region)
    must_hold_tables(against)
    paths = some_samples(folder)
    other = adapter if adapter.mappings is None else replace(adapter, mappings=against)
    now = _at_work(adapter, shared)
    tables = against if adapter.mappings is None else shared
    later = {runtime.feed.id: runtime for runtime in bind_feeds([other], tables)}
    return (changed for path in paths for changed in _of_file(path, folder, now, later))


def _at_work(adapter: Adapter, shared: Path | None) -> dict[str, FeedRuntime]:
    try:
        return {runtime.feed.id: runtime for runtime in bind_feeds([adapter], shared)}
    except HieError as error:
        raise HieError(error.category, f"The tables at work, not the changed ones: {error.message}") from error


def _of_file(
    path: Path, folder: Path, now: Mapping[str, FeedRuntime], later: Mapping[str, FeedRuntime]
) -> Iterator[Changed]:
    runtime, door = runtime_of(path, now)
    delivery = delivery_of(runtime, door, path.read_bytes())  # one for both, because it has the time of reception
    was, will = (_said(one, delivery) for one in (runtime, later[runtime.feed.id]))
    for before, after in _pairs(was, will, _SAME_PART):  # other row tables may find other rows
        lost, gained = _compared(before, after)
        if lost or gained:
            shown = (*before, *after)[0]
            yield Changed(path.relative_to(folder).as_posix(), shown.number, shown.label, lost, gained)


@dataclass(frozen=True)
class _Stated:
    """A resource that is stated: its key, its lines without its name, the members that live with it."""

    key: Key
    lines: tuple[str, ...]
    members: tuple["_Stated", ...] = ()


@dataclass(frozen=True)
class _Part:
    """What is said of one part: number, label and key of its record, the lines of no resource, the resources."""

    number: int
    label: str
    key: str
    lines: tuple[str, ...]
    stated: tuple[_Stated, ...] = ()


_Trait = Callable[[Any], Hashable]
_SAME_PART: tuple[_Trait, ...] = (attrgetter("label", "key"), attrgetter("label"), attrgetter("number"))
_SAME_RESOURCE: tuple[_Trait, ...] = (attrgetter("key"), attrgetter("key.type"))
"""By what a part, and a resource, of before is found again: where the first does not find it, by the next."""

_T = TypeVar("_T")


def _pairs(
    before: Sequence[_T], after: Sequence[_T], same: Iterable[_Trait]
) -> Iterator[tuple[tuple[_T, ...], tuple[_T, ...]]]:
    """What stands before, each with what it is after, in the order of before; then what is there only after. An empty
    tuple stands for what is not there."""
    found: dict[int, int] = {}
    for trait in same:
        free: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for number in sorted(set(range(len(after))) - set(found.values())):
            free[trait(after[number])].append(number)
        for number, one in enumerate(before):
            if number not in found and free[trait(one)]:
                found[number] = free[trait(one)].popleft()
    for number, one in enumerate(before):
        yield (one,), (after[found[number]],) if number in found else ()
    yield from (((), (after[number],)) for number in sorted(set(range(len(after))) - set(found.values())))


def _compared(before: Sequence[_Part], after: Sequence[_Part]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines of a part that are said before and not after, and the reverse."""
    was, will = (Counter(line for part in parts for line in part.lines) for parts in (before, after))
    stated, later = ([one for part in parts for one in part.stated] for parts in (before, after))
    for name, one, other in _resources(stated, later):
        was.update(f"{name} {line}" for resource in one for line in resource.lines)
        will.update(f"{name} {line}" for resource in other for line in resource.lines)
    return tuple(sorted((was - will).elements())), tuple(sorted((will - was).elements()))


def _resources(
    before: Sequence[_Stated], after: Sequence[_Stated], holder: str = ""
) -> Iterator[tuple[str, tuple[_Stated, ...], tuple[_Stated, ...]]]:
    """Each resource under one name for before and after: a further one, and one that goes, renames no other."""
    numbers: Counter[str] = Counter()
    for place, (one, other) in enumerate(_pairs(before, after, _SAME_RESOURCE)):
        type = (*one, *other)[0].key.type
        which = f"{holder} {place}" if holder else numbers[type]
        name = f"{type}[{which}]" if which else type
        numbers[type] += 1
        yield name, one, other
        members, later = ([inner for resource in either for inner in resource.members] for either in (one, other))
        yield from _resources(members, later, name)


def _said(runtime: FeedRuntime, delivery: Delivery) -> list[_Part]:
    """What is said of an item as a whole, and of each part of it by their numbers."""
    parsed, parts = prepare(runtime, delivery)
    whole = _Part(NO_PART, WHOLE, "", tuple(_findings(parsed.findings)))
    return [whole, *sorted((_part(part) for part in parts), key=attrgetter("number"))]


def _part(part: Prepared) -> _Part:
    record, draft = part.record, part.draft
    lines, stated = [*_findings(part.findings)], tuple(map(_stated, draft.contributions if draft is not None else ()))
    if draft is not None:
        lines += _lines(draft)
    return _Part(record.part, record.label or record.type, record.key, tuple(lines), stated)


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    for found in findings:
        rule = f"[{found.rule}]" if found.rule else ""
        yield " ".join(filter(None, ("finding", found.severity.value, found.code, found.path, found.detail, rule)))


def _lines(draft: Draft) -> Iterator[str]:
    """What a draft says beside findings and resources: unknown fields, and how keys hang together."""
    yield from (f"unknown {path}" for path in draft.unmapped)
    for name, others in (
        ("alias", draft.aliases),
        ("merge", draft.merges),
        ("claim", draft.claims),
        ("needs", draft.needs),
        ("binary", [f"{_written(key)} {content_type}" for key, content_type, _ in draft.binaries]),
    ):
        yield from (f"{name} {_written(one)}" for one in others)
    yield from (f"{name} {value}" for name, value in (("message", draft.message_id), ("label", draft.key)) if value)


def _stated(stated: Contribution | Member) -> _Stated:
    """A resource with its key and slots, and all else that is said of it."""
    root = stated if isinstance(stated, Contribution) else None
    key = stated.target if isinstance(stated, Contribution) else stated.key
    lines = [f"key = {_written(key)}", *_others(stated)]
    lines += [f"{slot} = {dumps(value).decode()}" for slot, value in stated.slots.items()]
    lines += [f"event {_written(event)}" for event in (root.events if root else ())]
    return _Stated(key, tuple(lines), tuple(map(_stated, root.members if root else ())))


_BETWEEN = "\x1f"
"""What stands between the parts of an order key."""

_APART = frozenset({"target", "key", "slots", "members", "events"})
"""What is said of a resource in lines of its own."""


def _others(stated: Contribution | Member) -> Iterator[str]:
    """What else is said of a resource than what it is called and has, where that is not the usual."""
    for one in fields(stated):
        value = getattr(stated, one.name)
        if one.name not in _APART and (one.default is MISSING or value != one.default):
            yield f"{one.name} {_written(value)}"


def _written(value: Any) -> str:
    """A value on one line: a key by its kind and value, anything else by its parts."""
    if isinstance(value, Key):
        return f"{value.type} {value.kind} {value.value}"
    if isinstance(value, Alias | Claim | Event | Merge):
        parts = ((one.name, getattr(value, one.name)) for one in fields(value))
        return ", ".join(f"{name} {_written(part)}" for name, part in parts if part not in (None, "", ()))
    return value.replace(_BETWEEN, " ") if isinstance(value, str) else dumps(value).decode()
