"""Keys: the natural key of what a block makes, from the source (common rules §4)."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from hie.base.draft import Key
from hie.base.finding import CODES
from hie.mapping.compiler import Compiler
from hie.mapping.context import Context
from hie.mapping.problem import meant
from hie.mapping.reader import Reader
from hie.mapping.run import MakeKey, Run, text_of
from hie.mapping.schema import KEY_KEYS, PART_KEYS
from hie.mapping.tablecheck import check_inline
from hie.mapping.toml import Table

_KIND_PATH = re.compile(r"\{([^{}]+)\}")
_KIND = re.compile(r"(?:[A-Za-z0-9._/:-]|\{[^{}]+\})+")


class KeyCompiler:
    """Compiles the keys of one map; `names` are the blocks and keys so far, which later ones may refer to."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.names: set[str] = set()

    def key(self, specs: Any, type: str, table: Table, name: str, required: str | None) -> MakeKey:
        """A natural key: the first of the alternatives whose value is there; else `required` is noted."""
        if required and required not in CODES:
            self.compiler.problems.append(table.problem(f"{required!r} is no finding code", _place(table)))
        options = [self._key(spec, type, table, name) for spec in (specs if isinstance(specs, list) else [specs])]

        def make(node: Any, run: Run) -> Key | None:
            for option in options:
                found = option(node, run)
                if found is not None:
                    return found
            if required and not _is_too_long(node, run.context):
                run.context.note(required)
            return None

        return make

    def _key(self, spec: Any, type: str, table: Table, name: str) -> MakeKey:
        problems = self.compiler.problems
        wrong = (
            check_inline(spec, KEY_KEYS, table, _place(table))
            if isinstance(spec, dict) and spec is not table.data
            else []
        )
        if not isinstance(spec, Mapping) or "kind" not in spec or "value" not in spec:
            wrong.append(table.problem("a key needs 'kind' and 'value'", _place(table)))
        elif not _KIND.fullmatch(str(spec["kind"])):
            wrong.append(table.problem(f"{spec['kind']!r} is no kind of number: an OID or a word", _place(table)))
        if wrong:
            problems += wrong
            return lambda node, run: None
        parts = spec["value"] if isinstance(spec["value"], list) else [spec["value"]]
        reads = [self._key_part(part, table, name) for part in parts]
        kind = self._kind(str(spec["kind"]), table)
        join = str(spec.get("join", ":"))

        def make(node: Any, run: Run) -> Key | None:
            texts: list[str] = []
            for read in reads:
                text = read(node, run, texts)
                if text is None:
                    return None
                texts.append(text)
            value = join.join(texts)
            path = run.context.path
            named = kind(node, run.context)
            run.context.path = path
            return run.context.key(type, named, value) if named else None

        return make

    def _key_part(self, part: Any, table: Table, name: str) -> Callable[[Any, Run, list[str]], str | None]:
        wrong = check_inline(part, PART_KEYS, table, _place(table)) if isinstance(part, dict) else []
        if isinstance(part, dict) and len(part.keys() & {"block", "text", "source", "parts"}) > 1:
            wrong.append(
                table.problem("a part of a key has one of 'block', 'text', 'source' and 'parts'", _place(table))
            )
        if wrong:
            self.compiler.problems += wrong
            return lambda node, run, texts: None
        if isinstance(part, dict) and "block" in part:
            block = self.known(table, _place(table), str(part["block"]))
            return lambda node, run, texts: key.value if (key := run.keys.get(block)) is not None else None
        if isinstance(part, dict) and "text" in part:
            text = str(part["text"])
            return lambda node, run, texts: text
        data = dict(part) if isinstance(part, dict) else {"source": part}
        ordinal, optional = data.pop("ordinal", False), data.pop("optional", False)
        data.setdefault("limit", "code")
        read: Reader | None = None
        if "source" in data or "parts" in data:
            read = self.compiler.value(data, table, _place(table), transform="number")
        if ordinal:
            return _ordinal(read, name)
        if read is None:
            self.compiler.problems.append(table.problem(f"{part!r} is no part of a key", _place(table)))
            return lambda node, run, texts: None
        reader = read
        return lambda node, run, texts: text_of(reader(node, run.context)) or ("" if optional else None)

    def _kind(self, kind: str, table: Table) -> Callable[[Any, Context], str]:
        """A kind with `{path}` in it is filled in; empty when a path has no value."""
        paths = _KIND_PATH.findall(kind)
        if not paths:
            return lambda node, context: kind
        reads = [self.compiler.value(path, table, _place(table), transform="number") for path in paths]

        def named(node: Any, context: Context) -> str:
            texts = [text_of(read(node, context)) for read in reads]
            return _KIND_PATH.sub("{}", kind).format(*texts) if all(texts) else ""

        return named

    def known(self, table: Table, key: str, name: str = "") -> str:
        """The name of a block or key above that a table refers to under `key`."""
        name = name or str(table.get(key))
        if name not in self.names:
            reason = f"no block or key {name!r} above{meant(name, self.names)}"
            self.compiler.problems.append(table.problem(reason, key))
        return name


def _place(table: Table) -> str:
    """The key of the table that holds a natural key, for problems."""
    return next((name for name in ("key", "any", "value") if name in table.data), "key")


def _is_too_long(node: Any, context: Context) -> bool:
    """Whether the value at hand was too long to be a key: it is held (common rules §5.5), not missing."""
    path = context.locate(node, context.path)
    return any(found.code == "field-too-long" and found.path == path for found in context.seen)


def _ordinal(read: Reader | None, name: str) -> Callable[[Any, Run, list[str]], str | None]:
    """The value of the path when it has one, else 1, 2, … among the resources with the same key so far.

    A value that stands a second time in one part (`DG1|1` twice) gets `.2`, `.3`, …, so that neither is lost.
    """

    def part(node: Any, run: Run, texts: list[str]) -> str | None:
        stated = text_of(read(node, run.context)) if read else ""
        taken = run.ordinals.setdefault((name, ":".join(texts)), set())
        free = stated and stated not in taken
        found = stated if free else next(one for one in _candidates(stated, len(taken)) if one not in taken)
        taken.add(found)
        return found

    return part


def _candidates(stated: str, before: int) -> Iterator[str]:
    """The numbers a resource may get, `before` others of its key being there already."""
    if stated:
        yield stated
        yield from (f"{stated}.{n}" for n in count(2))
    yield from (str(n) for n in count(before + 1))
