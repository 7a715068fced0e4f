"""The compiler of a field map: paths, values and conditions of its tables become readers (`hie.mapping.reader`)."""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

from hie.base.moment import is_form, no_form
from hie.base.text import LENGTHS
from hie.mapping.codes import CodeTable
from hie.mapping.context import Context
from hie.mapping.dialect import Dialect, SourcePath
from hie.mapping.exampled import refused
from hie.mapping.guarded import guarded
from hie.mapping.options import wrong_options
from hie.mapping.problem import Problem, meant
from hie.mapping.reader import (
    Change,
    Raw,
    Reader,
    Switch,
    all_at_once,
    always,
    both,
    either,
    first,
    joined_by,
    limits_of,
    never,
    of_envelope,
    one_by_one,
    parts_of,
    plain,
    plain_first,
    reader,
    there,
)
from hie.mapping.schema import CONDITION_KEYS, SEVERAL, VALUE_KEYS
from hie.mapping.tablecheck import check_inline
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import BUILTIN, READS, Transform, reads, reads_text

ENVELOPE = "envelope:"
"""Prefix of paths that are looked up in `Record.envelope` (a mapping) instead of the tree."""

ENVELOPED = frozenset({"rows"})
"""Dialects whose records have a mapping there."""

CODE_MAP_OPTIONS = frozenset({"table", "flags", "critical", "types"})
"""Options of transforms that name a code map."""

FORMS_OPTION = "forms"
"""Option of the transforms of dates: the forms that a sender uses beside the usual ones."""


class Lookup(NamedTuple):
    """A path where it is written, in the contexts around it from the outside in; without a `path` the innermost of the
    contexts itself. `empty` is what to say when records never fill it, `several` whether more than its first value
    counts."""

    contexts: tuple[str, ...]
    path: str | None
    empty: Problem
    several: bool = False


class Compiler:
    """Compiles the parts of one map for one record type; mistakes gather in `problems`, paths in `source_paths`,
    what is odd about them and about examples in `doubts`, what their standard does not have in `beyond`; `lookups` are
    paths and contexts where they are written."""

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
        self.beyond: list[Problem] = []
        self.source_paths: set[SourcePath] = set()
        self.lookups: set[Lookup] = set()
        self.contexts: tuple[str, ...] = ()

    def applies(self, data: Mapping[str, Any]) -> bool:
        """Whether a table without `types`, or with ours among them, is meant."""
        return "types" not in data or self.type in data["types"]

    def path(self, path: Any, table: Table, key: str, *, several: bool = False) -> Raw:
        """One source path; `several` says that not only its first value counts."""
        if not isinstance(path, str):
            self.problems.append(table.problem(f"{path!r} is no source path", key))
            return lambda node, context: ()
        lookup = Lookup(self.contexts, path, table.problem(f"nothing fills {path!r}", key), several)
        if path.startswith(ENVELOPE):
            name = path.removeprefix(ENVELOPE)
            if self.dialect.name not in ENVELOPED:
                self.doubts.append(table.problem(f"records of {self.dialect.name} have no {path!r}", key))
            self.lookups.add(lookup)
            return partial(of_envelope, name)
        try:
            read = self.dialect.compile_path(path)
        except ValueError as error:
            self.problems.append(table.problem(str(error), key))
            return lambda node, context: ()
        self.source_paths.add((self.contexts, path))
        self.lookups.add(lookup)
        self.doubt(path, table, key)
        return read

    def doubt(self, path: str, table: Table, key: str) -> None:
        """Note what is odd about a path or context, and what its standard does not have."""
        beyond = self.dialect.beyond(path, self.contexts)
        for reason, noted in ((self.dialect.doubt(path), self.doubts), (beyond, self.beyond)):
            if reason is not None:
                noted.append(table.problem(reason, key))

    def transform(self, name: str, options: Mapping[str, Any], table: Table) -> Callable[[Any, Context], Any]:
        """A transform with its options."""
        function = self.transforms.get(name)
        if function is None:
            known = (one for one in self.transforms if reads(one, self.dialect.name))
            near = meant(name, known) or ": it is a function of the package, entered in TRANSFORMS of its transforms.py"
            reason = f"no transform {name!r}{near}"
            self.problems.append(table.problem(reason, "transform"))
            return lambda value, context: None
        wrong = list(wrong_options(name, function, options))
        self.problems += [table.problem(reason, "options") for reason in wrong]
        if FORMS_OPTION in options and not wrong and function is BUILTIN.get(name):
            forms = (form for form in options[FORMS_OPTION] if not is_form(form))
            self.problems += [table.problem(no_form(form), "options") for form in forms]
        for needed in READS.get(name, ()):
            self.code_map(needed, table, "transform")
        for option in sorted(CODE_MAP_OPTIONS & options.keys()):
            self.code_map(options[option], table, "options")
        return guarded(name, partial(function, **options) if options else function)

    def code_map(self, name: Any, table: Table, key: str) -> CodeTable | None:
        """The code map of that name."""
        found = self.codes.get(name) if isinstance(name, str) else None
        if found is None:
            near = meant(str(name), self.codes) or ":"
            reason = f"no code map {name!r}{near} there is no file codes/{name}.csv"
            self.problems.append(table.problem(reason, key))
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
        limit = LENGTHS.get(data.get("limit", "short"), LENGTHS["short"])
        name = data.get("transform", transform)
        change = self.transform(name, data.get("options", {}), table) if name is not None else plain
        if "transform" not in data and transform:
            change = plain_first(change)
        if "transform" in data and "parts" not in data:
            self._refuse_components(data, table, key)
        manner = all_at_once if data.get("all") else one_by_one
        empty = ("",) * len(data["parts"]) if "parts" in data else ""
        unsent = empty if data.get("always") else None
        parts = [_path_of(part) for part in data.get("parts", ())]
        return reader(raw, first, Change(change, manner, limit, parts, deletes), _default(data), unsent)

    def field(self, table: Table, limit: str, *, deletes: bool) -> Reader:
        """What a field reads, with that class of length where it names none; its default is stated apart."""
        data = {key: value for key, value in table.data.items() if key in VALUE_KEYS and key != "default"}
        read = self.value({"limit": limit} | data, table, "source", deletes=deletes)
        if not self.problems and (reason := refused(table, self.transforms, self.dialect, self.codes)):
            self.doubts.append(table.problem(reason, "example"))
        return read

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
            return [(first, parts_of([self._part(path, table) for path in paths]))], first
        place = "source" if data is table.data or data.get("source") == table.get("source") else key
        several = bool(data.get("all")) or takes_several(table)
        where = key if _is_text(source) else place
        return [(str(p), self.path(p, table, where, several=several)) for p in paths], str(paths[0])

    def _part(self, part: Any, table: Table) -> Raw:
        """One of several parts: a path, `{source, join}` for all values of a path joined into one text, or
        `{low, high}` for two limits as one range."""
        if not isinstance(part, dict):
            return self.path(part, table, "parts")
        if part.keys() == {"low", "high"}:
            return limits_of(self.path(part["low"], table, "parts"), self.path(part["high"], table, "parts"))
        read, join = self.path(part.get("source"), table, "parts", several=True), str(part.get("join", "\n"))
        if part.keys() - {"source", "join"}:
            self.problems.append(table.problem("a part has 'source' and 'join', or 'low' and 'high'", "parts"))
        return joined_by(join, read)

    def switch(self, spec: Any, table: Table, key: str) -> Switch:
        """True, false, a condition, or a list of conditions that must all hold."""
        if isinstance(spec, bool):
            return always if spec else never
        conditions = [self._condition(part, table, key) for part in (spec if isinstance(spec, list) else [spec])]
        if never in conditions:
            return never
        real = [condition for condition in conditions if condition is not always]
        return reduce(both, real) if real else always

    def _any(self, source: Any, table: Table, key: str) -> Raw:
        """One path, or the first of several that carries data."""
        if not isinstance(source, list):
            return self.path(source, table, key)
        return either([self.path(path, table, key) for path in source])

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
            return lambda node, context: not there(read(node, context))
        if "source" not in spec:
            return always
        read = self._any(spec["source"], table, key)
        if "in" in spec:
            wanted = frozenset(spec["in"])
            return lambda node, context: first(read(node, context)) in wanted
        if "not_in" in spec:
            unwanted = frozenset(spec["not_in"])
            return lambda node, context: first(read(node, context)) not in unwanted
        return lambda node, context: there(read(node, context))


def _is_condition(spec: Any) -> bool:
    """Whether the keys of a condition go together: a path, perhaps with one list, or an absent one, or types only."""
    if not isinstance(spec, dict) or not spec:
        return False
    lists = spec.keys() & {"in", "not_in"}
    return len(spec.keys() & {"source", "absent"}) < 2 and (not lists or ("source" in spec and len(lists) == 1))


def takes_several(table: Table) -> bool:
    """Whether a field keeps more than the first of its values."""
    target = str(table.get("target", ""))
    return "[]" in target or target == SEVERAL


def _is_text(spec: Any) -> bool:
    """Whether a source is written as plain text."""
    return isinstance(spec, str)


def _default(data: Mapping[str, Any]) -> list[Any]:
    return [data["default"]] if "default" in data else []


def _path_of(part: Any) -> str:
    return str(part.get("source", part.get("low", ""))) if isinstance(part, dict) else str(part)
