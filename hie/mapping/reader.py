"""Readers: the compiled form of everything in a field map that reads a value or decides something.

A reader is `read(node, context) -> values`: it tries the source paths in order, takes the first that carries data, sets
`context.path`, checks lengths (common rules §5.5) and runs the transform on each value. A deletion carries data only
where it deletes something; elsewhere it states nothing, like an empty field (Wujiang §1.2).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from hie.mapping.codes import CodeTable
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED, Dialect, Mention, Value
from hie.mapping.guarded import guarded
from hie.mapping.options import wrong_options
from hie.mapping.problem import Problem, meant
from hie.mapping.schema import CONDITION_KEYS, LIMITS, VALUE_KEYS, check_inline
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import BUILTIN, READS, Transform, reads, reads_text

Raw = Callable[[Any, Context], Sequence[Value]]
Reader = Callable[[Any, Context], list[Any]]
Switch = Callable[[Any, Context], bool]

ENVELOPE = "envelope:"
"""Prefix of paths that are looked up in `Record.envelope` (a mapping) instead of the tree."""

ENVELOPED = frozenset({"rows"})
"""Dialects whose records have a mapping there."""

CODE_MAP_OPTIONS = frozenset({"table", "flags", "critical", "types"})
"""Options of transforms that name a code map."""


def always(node: Any, context: Context) -> bool:
    """The condition that holds everywhere."""
    return True


def never(node: Any, context: Context) -> bool:
    """The condition that holds nowhere."""
    return False


class Compiler:
    """Compiles the parts of one map for one record type; mistakes gather in `problems`, paths in `mentions`,
    what is odd about them in `doubts`."""

    def __init__(
        self,
        dialect: Dialect,
        transforms: Mapping[str, Transform],
        type: str,
        codes: Mapping[str, CodeTable],
    ) -> None:
        self.dialect = dialect
        self.transforms = transforms
        self.codes = codes
        self.type = type
        self.problems: list[Problem] = []
        self.doubts: list[Problem] = []
        self.mentions: set[Mention] = set()
        self.contexts: tuple[str, ...] = ()

    def applies(self, data: Mapping[str, Any]) -> bool:
        """Whether a table without `types`, or with ours among them, is meant."""
        return "types" not in data or self.type in data["types"]

    def path(self, path: Any, table: Table, key: str) -> Raw:
        """One source path."""
        if not isinstance(path, str):
            self.problems.append(table.problem(f"{path!r} is no source path", key))
            return lambda node, context: ()
        if path.startswith(ENVELOPE):
            name = path.removeprefix(ENVELOPE)
            if self.dialect.name not in ENVELOPED:
                self.doubts.append(table.problem(f"records of {self.dialect.name} have no {path!r}", key))
            return partial(_of_envelope, name)
        try:
            read = self.dialect.compile_path(path)
        except ValueError as error:
            self.problems.append(table.problem(str(error), key))
            return lambda node, context: ()
        self.mentions.add((self.contexts, path))
        self.doubt(path, table, key)
        return read

    def doubt(self, path: str, table: Table, key: str) -> None:
        """Note what is odd about a path or context."""
        reason = self.dialect.doubt(path)
        if reason is not None:
            self.doubts.append(table.problem(reason, key))

    def transform(self, name: str, options: Mapping[str, Any], table: Table) -> Callable[[Any, Context], Any]:
        """A transform with its options."""
        function = self.transforms.get(name)
        if function is None:
            known = (one for one in self.transforms if reads(one, self.dialect.name))
            reason = f"no transform {name!r}{meant(name, known)}"
            self.problems.append(table.problem(reason, "transform"))
            return lambda value, context: None
        wrong = wrong_options(name, function, options)
        self.problems += [table.problem(reason, "options") for reason in wrong]
        for needed in READS.get(name, ()):
            self.code_map(needed, table, "transform")
        for option in sorted(CODE_MAP_OPTIONS & options.keys()):
            self.code_map(options[option], table, "options")
        return guarded(name, partial(function, **options) if options else function)

    def code_map(self, name: Any, table: Table, key: str) -> CodeTable | None:
        """The code map of that name."""
        found = self.codes.get(name) if isinstance(name, str) else None
        if found is None:
            self.problems.append(table.problem(f"no code map {name!r}{meant(str(name), self.codes)}", key))
        return found

    def value(
        self, spec: Any, table: Table, key: str, transform: str | None = None, *, deletes: bool = False
    ) -> Reader:
        """Anything that reads values: a path, a list of alternative paths, or a table with the keys of `VALUE_KEYS`.

        `transform` is used when the table names none; without any the text is taken, trimmed. With `deletes` a
        deletion is read as one.
        """
        data: Mapping[str, Any] = spec if isinstance(spec, dict) else {"source": spec}
        if data is spec and spec is not table.data:
            wrong = check_inline(data, VALUE_KEYS, table, key)
            if wrong:
                self.problems += wrong
                return lambda node, context: []
        raw, first = self._raw(data, table, key)
        limit = LIMITS.get(data.get("limit", "short"), LIMITS["short"])
        name = data.get("transform", transform)
        change = self.transform(name, data.get("options", {}), table) if name else _plain
        if "transform" not in data and transform:
            change = _plain_first(change)
        if "transform" in data and "parts" not in data:
            self._refuse_components(data, table, key)
        run = _run_all if data.get("all") else _run_each
        empty = ("",) * len(data["parts"]) if "parts" in data else ""
        unsent = empty if data.get("always") else None
        return _reader(raw, first, change, run, limit, _default(data), unsent, deletes=deletes)

    def _refuse_components(self, data: Mapping[str, Any], table: Table, key: str) -> None:
        """Note a path that gives components to a transform that reads text, and would fail or write them all."""
        name = data["transform"]
        source = data.get("source", ())
        for path in source if isinstance(source, list) else [source]:
            if reads_text(name) and self.transforms.get(name) is BUILTIN[name] and self.dialect.is_composed(str(path)):
                reason = f"{path!r} gives components, and {name!r} reads text: write '{path}.1' or '{path}:text'"
                self.problems.append(table.problem(reason, "source" if "source" in table.data else key))

    def _raw(self, data: Mapping[str, Any], table: Table, key: str) -> tuple[list[tuple[str, Raw]], str]:
        if ("source" in data) == ("parts" in data):
            self.problems.append(table.problem("give either 'source' or 'parts'", key))
            return [], ""
        source = data["parts"] if "parts" in data else data["source"]
        paths = source if isinstance(source, list) else [source]
        if not paths:
            self.problems.append(table.problem("no source path", key))
            return [], ""
        if "parts" in data:
            first = _path_of(paths[0])
            return [(first, _parts([self._part(path, table) for path in paths]))], first
        return [(str(p), self.path(p, table, key if _is_text(source) else "source")) for p in paths], str(paths[0])

    def _part(self, part: Any, table: Table) -> Raw:
        """One of several parts: a path, or `{source, join}` for all values of a path joined into one text."""
        if not isinstance(part, dict):
            return self.path(part, table, "parts")
        read, join = self.path(part.get("source"), table, "parts"), str(part.get("join", "\n"))
        if part.keys() - {"source", "join"}:
            self.problems.append(table.problem("a part has 'source' and 'join'", "parts"))
        return lambda node, context: (
            (join.join(v for v in found if isinstance(v, str)),) if (found := read(node, context)) else ()
        )

    def switch(self, spec: Any, table: Table, key: str) -> Switch:
        """True, false, a condition, or a list of conditions that must all hold."""
        if isinstance(spec, bool):
            return always if spec else never
        conditions = [self._condition(part, table, key) for part in (spec if isinstance(spec, list) else [spec])]
        if never in conditions:
            return never
        real = [condition for condition in conditions if condition is not always]
        if not real:
            return always
        return real[0] if len(real) == 1 else lambda node, context: all(check(node, context) for check in real)

    def _any(self, source: Any, table: Table, key: str) -> Raw:
        """One path, or the first of several that carries data."""
        if not isinstance(source, list):
            return self.path(source, table, key)
        return _either([self.path(path, table, key) for path in source])

    def _condition(self, spec: Any, table: Table, key: str) -> Switch:
        wrong = check_inline(spec, CONDITION_KEYS, table, key) if isinstance(spec, dict) else []
        if not wrong and not _is_condition(spec):
            reason = f"{key!r} must have 'source' (with 'in' or 'not_in'), 'absent' or 'types'"
            wrong = [table.problem(reason, key)]
        if wrong:
            self.problems += wrong
            return never
        if not self.applies(spec):
            return never
        if "absent" in spec:
            read = self.path(spec["absent"], table, key)
            return lambda node, context: not _there(read(node, context))
        if "source" not in spec:
            return always
        read = self._any(spec["source"], table, key)
        if "in" in spec:
            wanted = frozenset(spec["in"])
            return lambda node, context: _first(read(node, context)) in wanted
        if "not_in" in spec:
            unwanted = frozenset(spec["not_in"])
            return lambda node, context: _first(read(node, context)) not in unwanted
        return lambda node, context: _there(read(node, context))


def _of_envelope(name: str, node: Any, context: Context) -> Sequence[Value]:
    value = context.envelope.get(name) if isinstance(context.envelope, Mapping) else None
    return (value,) if value else ()


def _either(reads: Sequence[Raw]) -> Raw:
    """The values of the first path that carries data."""
    return lambda node, context: next((found for read in reads if _there(found := read(node, context))), ())


def _is_condition(spec: Any) -> bool:
    """Whether the keys of a condition go together: a path, perhaps with one list, or an absent one, or types only."""
    if not isinstance(spec, dict) or not spec:
        return False
    lists = spec.keys() & {"in", "not_in"}
    return len(spec.keys() & {"source", "absent"}) < 2 and (not lists or ("source" in spec and len(lists) == 1))


def _is_text(spec: Any) -> bool:
    """Whether a source is written as plain text."""
    return isinstance(spec, str)


def _default(data: Mapping[str, Any]) -> list[Any]:
    return [data["default"]] if "default" in data else []


def _plain(value: Value, context: Context) -> Any:
    """No transform: text trimmed; of components the first that is not empty; anything else as it is."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, tuple):
        return next((part.strip() for part in value if part.strip()), None)
    return value


def _plain_first(change: Callable[[Any, Context], Any]) -> Callable[[Any, Context], Any]:
    """A transform for text, given the plain text of components."""

    def changed(value: Value, context: Context) -> Any:
        text = _plain(value, context) if isinstance(value, tuple) else value
        return None if text is None else change(text, context)

    return changed


def _first(values: Sequence[Value]) -> str:
    if not values:
        return ""
    value = values[0]
    if isinstance(value, tuple):
        value = value[0] if value else ""
    return value.strip() if isinstance(value, str) else ("" if value is DELETED else str(value))


def _path_of(part: Any) -> str:
    return str(part.get("source", "")) if isinstance(part, dict) else str(part)


def _there(values: Sequence[Value]) -> bool:
    return bool(values) and values[0] is not DELETED


def _part(values: Sequence[Value]) -> Value:
    """One part: text as `_first` gives it, a node of the dialect as it is."""
    if not values:
        return ""
    value = values[0]
    if type(value) is str:
        return value.strip()
    return _first(values) if value is DELETED or isinstance(value, (str, tuple)) else value


def _parts(reads: Sequence[Raw]) -> Raw:
    """The first value of each path, as one tuple; no value when all are empty."""

    def read(node: Any, context: Context) -> Sequence[Value]:
        found = tuple([_part(part(node, context)) for part in reads])
        return (found,) if found.count("") < len(found) else ()

    return read


def _too_long(value: Value, limit: int) -> bool:
    if isinstance(value, tuple):
        longest = max([len(part) for part in value if isinstance(part, str)], default=0)
        return longest > limit
    return isinstance(value, str) and len(value) > limit


Run = Callable[[Callable[[Any, Context], Any], Sequence[Value], Context], list[Any]]


def _run_each(change: Callable[[Any, Context], Any], values: Sequence[Value], context: Context) -> list[Any]:
    return [found for value in values if (found := change(value, context)) is not None]


def _run_all(change: Callable[[Any, Context], Any], values: Sequence[Value], context: Context) -> list[Any]:
    found = change(tuple(values), context)
    return [] if found is None else [found]


def _reader(
    sources: Iterable[tuple[str, Raw]],
    first: str,
    change: Callable[[Any, Context], Any],
    run: Run,
    limit: int,
    default: list[Any],
    empty: Value | None,
    *,
    deletes: bool,
) -> Reader:
    """The reader itself; `empty` is what the transform gets when nothing was sent, None when it is not called then."""
    alternatives = tuple(sources)
    each = run is _run_each

    def read(node: Any, context: Context) -> list[Any]:
        for path, raw in alternatives:
            values = raw(node, context)
            if not values:
                continue
            context.path = path
            if each and len(values) == 1:
                value = values[0]
                if value is DELETED:
                    if deletes:
                        return [DELETED]
                    continue
                if len(value) > limit if type(value) is str else _too_long(value, limit):
                    context.note("field-too-long", f"more than {limit} characters")
                one = change(value, context)
                if one is not None:
                    return [one]
                continue
            if DELETED in values:
                if deletes:
                    return [DELETED]
                values = [value for value in values if value is not DELETED]
            for value in values:
                if len(value) > limit if type(value) is str else _too_long(value, limit):
                    context.note("field-too-long", f"more than {limit} characters")
            found = run(change, values, context)
            if found:
                return found
        if empty is not None and not any(_there(raw(node, context)) for _, raw in alternatives):
            context.path = first
            return run(change, (empty,), context) or default
        if default:
            return default
        context.path = first
        return []

    return read
