"""`hie adapters diff`: what a change of maps does to a folder of items, all that a draft says compared line by line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from hie.app import bind_feeds
from hie.base.draft import Alias, Claim, Contribution, Draft, Event, Key, Member, Merge
from hie.base.finding import Finding
from hie.commands.adapters import adapter_of, delivery_of, must_hold_tables, runtime_of, samples
from hie.mapping.traffic import WHOLE
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared, prepare
from hie.wire.safejson import dumps

NO_PART = -1
"""The number of the part of an item that is refused as a whole."""


@dataclass(frozen=True)
class Changed:
    """What a change of maps does to one part of a file (`NO_PART`: to one of which no record is read): what is said
    before and not after, and the reverse."""

    file: str
    part: int
    label: str
    lost: tuple[str, ...]
    gained: tuple[str, ...]


def differences(region: str, folder: Path, against: Path, shared: Path | None = None) -> Iterator[Changed]:
    """What the maps in `against` (a folder like `mappings/`) make of the samples in `folder`, and the maps at work do
    not, and the reverse; only parts that change, each when it is found. `shared`: the folder of the tables at work, the
    shipped ones unless told otherwise.

    Raises `BrokenTables` when the new maps are broken, NOT_FOUND when `against` has no field maps.
    """
    adapter = adapter_of(region)
    must_hold_tables(against)
    other = adapter if adapter.mappings is None else replace(adapter, mappings=against)
    now = {runtime.feed.id: runtime for runtime in bind_feeds([adapter], shared)}
    tables = against if adapter.mappings is None else shared
    later = {runtime.feed.id: runtime for runtime in bind_feeds([other], tables)}
    return (changed for path in samples(folder) for changed in _of_file(path, folder, now, later))


def _of_file(
    path: Path, folder: Path, now: Mapping[str, FeedRuntime], later: Mapping[str, FeedRuntime]
) -> Iterator[Changed]:
    runtime, door = runtime_of(path, now)
    body = path.read_bytes()
    was, will = (_said(one, door, body) for one in (runtime, later[runtime.feed.id]))
    for part in sorted(was.keys() | will.keys()):  # other row tables may find other rows
        label, before = was.get(part, _NOTHING)
        later_label, after = will.get(part, _NOTHING)
        if before != after:
            lost, gained = ((one - other).elements() for one, other in ((before, after), (after, before)))
            name = path.relative_to(folder).as_posix()
            yield Changed(name, part, label or later_label, tuple(sorted(lost)), tuple(sorted(gained)))


_NOTHING: tuple[str, Counter[str]] = ("", Counter())


def _said(runtime: FeedRuntime, door: str, body: bytes) -> dict[int, tuple[str, Counter[str]]]:
    """What is said of each part of an item, by its number, with its label."""
    parsed, parts = prepare(runtime, delivery_of(runtime, door, body))
    if not parts:
        return {NO_PART: (WHOLE, Counter(_findings(parsed.findings)))}
    return {one.record.part: (one.record.label or one.record.type, Counter(_part(one))) for one in parts}


def _part(part: Prepared) -> Iterator[str]:
    return _lines(part.draft) if part.draft is not None else _findings(part.findings)


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    return (f"finding {found.code} {found.path}" for found in findings)


def _lines(draft: Draft) -> Iterator[str]:
    """A draft as lines that can be compared: findings, unknown fields, each resource that is stated with its key and
    slots, and what else is said of it."""
    yield from _findings(draft.findings)
    yield from (f"unknown {path}" for path in draft.unmapped)
    numbers: Counter[str] = Counter()
    for contribution in draft.contributions:
        type = contribution.target.type
        name = f"{type}[{numbers[type]}]" if numbers[type] else type  # a further one renames none before it
        numbers[type] += 1
        yield from _resource(name, contribution)
    for name, others in (
        ("alias", draft.aliases),
        ("merge", draft.merges),
        ("claim", draft.claims),
        ("needs", draft.needs),
        ("binary", [key for key, _, _ in draft.binaries]),
    ):
        yield from (f"{name} {_written(one)}" for one in others)
    yield from (f"{name} {value}" for name, value in (("message", draft.message_id), ("label", draft.key)) if value)


def _resource(name: str, contribution: Contribution) -> Iterator[str]:
    yield f"{name} key = {_written(contribution.target)}"
    yield from _others(name, contribution)
    yield from _slots(name, contribution.slots)
    yield from (f"{name} event {_written(event)}" for event in contribution.events)
    for number, member in enumerate(contribution.members):
        inner = f"{member.key.type}[{name} {number}]"
        yield f"{inner} key = {_written(member.key)}"
        yield from _others(inner, member)
        yield from _slots(inner, member.slots)


_BETWEEN = "\x1f"
"""What stands between the parts of an order key."""

_APART = frozenset({"target", "key", "slots", "members", "events"})
"""What is said of a resource in lines of its own."""


def _others(name: str, stated: Contribution | Member) -> Iterator[str]:
    """What else is said of a resource than what it is called and has, where that is not the usual."""
    for one in fields(stated):
        value = getattr(stated, one.name)
        if one.name not in _APART and (one.default is MISSING or value != one.default):
            yield f"{name} {one.name} {_written(value)}"


def _slots(name: str, slots: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name} {slot} = {dumps(value).decode()}" for slot, value in slots.items())


def _written(value: Any) -> str:
    """A value on one line: a key by its kind and value, anything else by its parts."""
    if isinstance(value, Key):
        return f"{value.type} {value.kind} {value.value}"
    if isinstance(value, Alias | Claim | Event | Merge):
        parts = ((one.name, getattr(value, one.name)) for one in fields(value))
        return ", ".join(f"{name} {_written(part)}" for name, part in parts if part not in (None, "", ()))
    return value.replace(_BETWEEN, " ") if isinstance(value, str) else dumps(value).decode()
