"""Readers: the compiled form of everything in a field map that reads a value or decides something.

A reader is `read(node, context) -> values`: it tries the source paths in order, takes the first that carries data, sets
`context.path`, checks lengths (common rules §5.5) and runs the transform on each value. A deletion carries data only
where it deletes something; elsewhere it states nothing, like an empty field (Wujiang §1.2). Maps are compiled to them
by `hie.mapping.compiler`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hie.mapping.context import Context
from hie.mapping.dialect import DELETED, Value

Raw = Callable[[Any, Context], Sequence[Value]]
Reader = Callable[[Any, Context], list[Any]]
Switch = Callable[[Any, Context], bool]


def always(node: Any, context: Context) -> bool:
    """The condition that holds everywhere."""
    return True


def never(node: Any, context: Context) -> bool:
    """The condition that holds nowhere."""
    return False


def of_envelope(name: str, node: Any, context: Context) -> Sequence[Value]:
    """What the envelope of the part says under that name."""
    return enveloped(name, context.envelope)


def enveloped(name: str, envelope: Any) -> Sequence[Value]:
    """What an envelope says under that name; nothing when it is no mapping."""
    value = envelope.get(name) if isinstance(envelope, Mapping) else None
    return (value,) if value else ()


def either(reads: Sequence[Raw]) -> Raw:
    """The values of the first path that carries data."""

    def read(node: Any, context: Context) -> Sequence[Value]:
        for one in reads:
            found = one(node, context)
            if found and found[0] is not DELETED:
                return found
        return ()

    return read


def both(one: Switch, other: Switch) -> Switch:
    """The condition that holds where both do."""
    return lambda node, context: one(node, context) and other(node, context)


def plain(value: Value, context: Context) -> Any:
    """No transform: text trimmed; of components the first that is not empty; anything else as it is."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, tuple):
        return next((part.strip() for part in value if part.strip()), None)
    return value


def plain_first(change: Callable[[Any, Context], Any]) -> Callable[[Any, Context], Any]:
    """A transform for text, given the plain text of components."""

    def changed(value: Value, context: Context) -> Any:
        text = plain(value, context) if isinstance(value, tuple) else value
        return None if text is None else change(text, context)

    return changed


def first(values: Sequence[Value]) -> str:
    """The first value as text, trimmed: of components the first; empty for a deletion."""
    if not values:
        return ""
    value = values[0]
    if isinstance(value, tuple):
        value = value[0] if value else ""
    return value.strip() if isinstance(value, str) else ("" if value is DELETED else str(value))


def there(values: Sequence[Value]) -> bool:
    """Whether values carry data: a deletion does not."""
    return bool(values) and values[0] is not DELETED


def _part(value: Value) -> Value:
    """One part: text as `first` gives it, a node of the dialect as it is."""
    return first((value,)) if value is DELETED or isinstance(value, (str, tuple)) else value


def parts_of(reads: Sequence[Raw]) -> Raw:
    """The first value of each path, as one tuple; no value when all are empty."""

    def read(node: Any, context: Context) -> Sequence[Value]:
        found: list[Value] = []
        for part in reads:
            values = part(node, context)
            if not values:
                found.append("")
            else:
                value = values[0]
                found.append(value.strip() if type(value) is str else _part(value))
        return (tuple(found),) if found.count("") < len(found) else ()

    return read


def joined_by(join: str, read: Raw) -> Raw:
    """All texts of a path as one."""

    def joined(node: Any, context: Context) -> Sequence[Value]:
        found = read(node, context)
        if not found or (len(found) == 1 and type(found[0]) is str):
            return found
        return (join.join([value for value in found if isinstance(value, str)]),)

    return joined


def limits_of(low: Raw, high: Raw) -> Raw:
    """Two limits that stand apart, as one text that says a range: `3.5-9.5`, `≥3.5` or `≤9.5`."""

    def read(node: Any, context: Context) -> Sequence[Value]:
        below, above = first(low(node, context)), first(high(node, context))
        if below and above:
            return (f"{below}-{above}",)
        return (f"≥{below}",) if below else (f"≤{above}",) if above else ()

    return read


def _note_too_long(value: Value, limit: int, parts: Sequence[str], context: Context) -> None:
    """Note a text over the limit at its path; of several, each that is too long, at the path of its part if there are
    `parts`."""
    several = value if isinstance(value, tuple) else (value,)
    paths = parts if len(parts) == len(several) else (context.path,) * len(several)
    for path, part in zip(paths, several, strict=True):
        if isinstance(part, str) and len(part) > limit:
            context.note("field-too-long", f"more than {limit} characters", path=path)


Manner = Callable[[Callable[[Any, Context], Any], Sequence[Value], Context], list[Any]]
"""How a transform gets the values of a source: `one_by_one` or `all_at_once`."""


def one_by_one(change: Callable[[Any, Context], Any], values: Sequence[Value], context: Context) -> list[Any]:
    """The transform at work on each value; what it states nothing of is left out."""
    return [found for value in values if (found := change(value, context)) is not None]


def all_at_once(change: Callable[[Any, Context], Any], values: Sequence[Value], context: Context) -> list[Any]:
    """The transform at work on all values at once."""
    found = change(tuple(values), context)
    return [] if found is None else [found]


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with the values of a source: `change` them in a `manner`, and note those longer than `limit` (common
    rules §5.5), at the path of their part if there are `parts`; a deletion counts if it `deletes`, else it is nothing.
    """

    change: Callable[[Any, Context], Any]
    manner: Manner
    limit: int
    parts: Sequence[str]
    deletes: bool

    def of(self, values: Sequence[Value], context: Context) -> list[Any]:
        """What the values of one path come to."""
        if DELETED in values:
            if self.deletes:
                return [DELETED]
            values = [value for value in values if value is not DELETED]
        for value in values:
            if type(value) is not str or len(value) > self.limit:
                _note_too_long(value, self.limit, self.parts, context)
        return self.manner(self.change, values, context)


def reader(
    sources: Iterable[tuple[str, Raw]], first: str, work: Change, default: list[Any], empty: Value | None
) -> Reader:
    """The reader itself; `empty` is what the transform gets when nothing was sent, None when it is not called then."""
    alternatives = tuple(sources)
    change, alone = work.change, work.manner is one_by_one

    def read(node: Any, context: Context) -> list[Any]:
        for path, raw in alternatives:
            values = raw(node, context)
            if not values:
                continue
            context.path = path
            if alone and len(values) == 1 and (value := values[0]) is not DELETED:  # of almost every field
                if type(value) is not str or len(value) > work.limit:
                    _note_too_long(value, work.limit, work.parts, context)
                one = change(value, context)
                found = [] if one is None else [one]
            else:
                found = work.of(values, context)
            if found:
                return found
        if empty is not None and not any(there(raw(node, context)) for _, raw in alternatives):
            context.path = first
            return work.manner(change, (empty,), context) or default
        if default:
            return default
        context.path = first
        return []

    return read
