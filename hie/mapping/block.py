"""Blocks: the compiled form of `[[key]]` and `[[resource]]`, which make keys, members and contributions."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hie.base.draft import Alias, Claim, Contribution, Event, Key, Member, Merge
from hie.base.finding import CODES
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED
from hie.mapping.field import Field, Slots, compile_field
from hie.mapping.problem import meant
from hie.mapping.reader import Compiler, Reader, Switch, always, never
from hie.mapping.schema import EVENTS
from hie.mapping.toml import Table

ORDER_SEPARATOR = "\x1f"
"""Between the parts of an order key; it sorts before every character that can be part of one."""

_KIND_PATH = re.compile(r"\{([^{}]+)\}")


@dataclass(slots=True)
class Run:
    """The state of mapping one part: keys of named blocks and where `[[key]]`s stand in the source, the order key of
    the part, and what has been made."""

    context: Context
    body: bytes
    order: str
    keys: dict[str, Key | None] = field(default_factory=dict)
    ordinals: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)
    needs: list[Key] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    binaries: list[tuple[Key, str, bytes]] = field(default_factory=list)


MakeKey = Callable[[Any, Run], Key | None]
Step = Callable[[Any, Run], None]


@dataclass(frozen=True, slots=True)
class _Member:
    """A compiled member block."""

    nodes: Callable[[Any], Iterable[Any]]
    when: Switch
    key: MakeKey
    gone: Switch
    fields: tuple[Field, ...]
    listed: str | None
    name: str


class BlockCompiler:
    """Compiles the blocks of one map for one record type, in the order of the file."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.names: set[str] = set()

    def order(self, items: Any, table: Table) -> Callable[[Any, Context], str]:
        """An order key: the values of its items, joined so that text order is item order."""
        reads = [self.compiler.value(item, table, "order") for item in items]

        def order(node: Any, context: Context) -> str:
            return ORDER_SEPARATOR.join(text_of(read(node, context)) for read in reads)

        return order

    def key_block(self, table: Table) -> Step | None:
        """`[[key]]`: a named key that other blocks refer to; with `need` its resource must be known."""
        if not self.compiler.applies(table.data):
            return None
        when = self.compiler.switch(table.data.get("when", True), table, "when")
        specs = table.data.get("any") or [{k: table.data[k] for k in ("kind", "value", "join") if k in table.data}]
        make = self.key(specs, str(table.get("type")), table, str(table.get("name")), table.get("required"))
        need = self.compiler.switch(table.data.get("need", False), table, "need")
        name = str(table.get("name"))
        self.names.add(name)

        def step(node: Any, run: Run) -> None:
            run.keys[name] = key = make(node, run) if when(node, run.context) else None
            run.places[name] = run.context.locate(node, run.context.path)
            if key is not None and need(node, run.context):
                run.needs.append(key)

        return step

    def resource(
        self, table: Table, fields: Sequence[Table], events: Sequence[Table], members: "Members"
    ) -> Step | None:
        """`[[resource]]` without `root`: one contribution for each node of its context."""
        compiler = self.compiler
        if not compiler.applies(table.data):
            return None
        when = compiler.switch(table.data.get("when", True), table, "when")
        if when is never:
            return None
        name = str(table.get("name", ""))
        outer = compiler.contexts
        nodes = self._context(table)
        make = self.key(table.get("key"), str(table.get("type")), table, name, _required(table))
        if name:
            self.names.add(name)
        states = self._fields(fields, bool(table.get("deletes")))
        makes = [member for part in members(name) if (member := self.member(*part)) is not None] if name else []
        happen = [event for part in events if (event := self._event(part)) is not None]
        finish = self._contribution(table)
        compiler.contexts = outer

        def step(tree: Any, run: Run) -> None:
            context = run.context
            for node in nodes(tree):
                context.node = node
                if when is not always and not when(node, context):
                    continue
                key = make(node, run)
                if name:
                    run.keys[name] = key
                if key is None:
                    continue
                context.current = key
                context.mentions = ()
                slots: Slots = {}
                for part in states:
                    part.state(node, context, slots, run.keys)
                stated = [m for member in makes for m in _members(member, node, run, slots)]
                context.node, context.current = node, key
                stated_events = tuple(e for event in happen if (e := event(node, context)) is not None)
                run.contributions.append(finish(node, run, key, slots, tuple(stated), stated_events))
            context.node = tree

        return step

    def member(self, table: Table, fields: Sequence[Table]) -> _Member | None:
        """`[[resource]]` with `root`: members of the contribution of that block."""
        compiler = self.compiler
        if not compiler.applies(table.data):
            return None
        when = compiler.switch(table.data.get("when", True), table, "when")
        if when is never:
            return None
        outer = compiler.contexts
        name = str(table.get("name", ""))
        nodes = self._context(table)
        key = self.key(table.get("key"), str(table.get("type")), table, name, _required(table))
        gone = compiler.switch(table.data.get("gone", False), table, "gone")
        states = self._fields(fields, False)
        compiler.contexts = outer
        if name:
            self.names.add(name)
        return _Member(nodes, when, key, gone, states, table.get("listed"), name)

    def key(self, specs: Any, type: str, table: Table, name: str, required: str | None) -> MakeKey:
        """A natural key: the first of the alternatives whose value is there; else `required` is noted."""
        if required and required not in CODES:
            self.compiler.problems.append(table.problem(f"{required!r} is no finding code", "key"))
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
        if not isinstance(spec, Mapping) or "kind" not in spec or "value" not in spec:
            problems.append(table.problem("a key needs 'kind' and 'value'", "key"))
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
        if isinstance(part, dict) and "block" in part:
            block = self.known(table, "key", str(part["block"]))
            return lambda node, run, texts: key.value if (key := run.keys.get(block)) is not None else None
        if isinstance(part, dict) and "text" in part:
            text = str(part["text"])
            return lambda node, run, texts: text
        data = dict(part) if isinstance(part, dict) else {"source": part}
        ordinal, optional = data.pop("ordinal", False), data.pop("optional", False)
        data.setdefault("limit", "code")
        read: Reader | None = None
        if "source" in data or "parts" in data:
            read = self.compiler.value(data, table, "key", transform="number")
        if ordinal:
            return _ordinal(read, name)
        if read is None:
            self.compiler.problems.append(table.problem(f"{part!r} is no part of a key", "key"))
            return lambda node, run, texts: None
        reader = read
        return lambda node, run, texts: text_of(reader(node, run.context)) or ("" if optional else None)

    def _kind(self, kind: str, table: Table) -> Callable[[Any, Context], str]:
        """A kind with `{path}` in it is filled in; empty when a path has no value."""
        paths = _KIND_PATH.findall(kind)
        if not paths:
            return lambda node, context: kind
        reads = [self.compiler.value(path, table, "key", transform="number") for path in paths]

        def named(node: Any, context: Context) -> str:
            texts = [text_of(read(node, context)) for read in reads]
            return _KIND_PATH.sub("{}", kind).format(*texts) if all(texts) else ""

        return named

    def _context(self, table: Table) -> Callable[[Any], Iterable[Any]]:
        path = table.get("context")
        if path is None:
            return lambda tree: (tree,)
        try:
            nodes = self.compiler.dialect.compile_context(path)
        except ValueError as error:
            self.compiler.problems.append(table.problem(str(error), "context"))
            return lambda tree: ()
        self.compiler.contexts = (*self.compiler.contexts, path)
        self.compiler.doubt(path, table, "context")
        return nodes

    def _fields(self, tables: Sequence[Table], deletes: bool) -> tuple[Field, ...]:
        names = frozenset(self.names)
        made = (compile_field(table, self.compiler, names, deletes) for table in tables)
        return tuple(part for part in made if part is not None)

    def _event(self, table: Table) -> Callable[[Any, Context], Event | None] | None:
        if not self.compiler.applies(table.data):
            return None
        code = str(table.get("code"))
        if code not in EVENTS:
            self.compiler.problems.append(table.problem(f"{code!r} is no event", "code"))
        when = self.compiler.switch(table.data.get("when", True), table, "when")
        at = self.compiler.value(table.data["at"], table, "at", "date-time") if "at" in table.data else None
        location = self.compiler.value(table.data["location"], table, "location") if "location" in table.data else None

        def event(node: Any, context: Context) -> Event | None:
            if not when(node, context):
                return None
            place = location(node, context) if location else []
            stated = place[0] if place and place[0] is not DELETED else None
            return Event(code, text_of(at(node, context)) or None if at else None, stated)

        return event

    def _contribution(self, table: Table) -> Callable[..., Contribution]:
        compiler, data = self.compiler, table.data
        flags = {
            name: compiler.switch(data[name], table, name)
            for name in ("seed", "complete", "correcting", "revoke", "withdraw", "exists")
            if name in data
        }
        order = self.order(data["order"], table) if "order" in data else None
        document = compiler.value(data["document"], table, "document", "number") if "document" in data else None
        tier = int(data.get("tier", 0))
        subject, encounter, parent = (
            self.known(table, name) if name in data else "" for name in ("subject", "encounter", "parent")
        )
        digest, creates = self._digest(table), self._creates(table)

        def finish(
            node: Any, run: Run, key: Key, slots: Slots, members: tuple[Member, ...], events: tuple[Event, ...]
        ) -> Contribution:
            context = run.context
            switches: dict[str, Any] = {name: check(node, context) for name, check in flags.items()}
            return Contribution(
                target=key,
                order=order(node, context) if order else run.order,
                slots=slots,
                members=members,
                events=events,
                tier=0 if switches.get("seed") else tier,
                source=text_of(document(node, context)) if document else "",
                subject=_reference(run.keys.get(subject)),
                encounter=_reference(run.keys.get(encounter)),
                parent=run.keys.get(parent),
                digest=digest(node, run),
                creates=creates(node, context),
                mentions=context.mentions,
                **switches,
            )

        return finish

    def _digest(self, table: Table) -> Callable[[Any, Run], str]:
        """What recognises an unchanged part: the value of a path, or with `true` the hash of its bytes."""
        spec = table.data.get("digest")
        if isinstance(spec, str):
            read = self.compiler.value(spec, table, "digest")
            return lambda node, run: text_of(read(node, run.context))
        return lambda node, run: hashlib.sha256(run.body).hexdigest() if spec else ""

    def _creates(self, table: Table) -> Callable[[Any, Context], str]:
        """The finding for a resource that is not known yet; a table `{finding, when}` restricts it."""
        spec = table.get("creates", "")
        data = spec if isinstance(spec, dict) else {"finding": spec}
        code = str(data.get("finding", ""))
        if code and code not in CODES:
            self.compiler.problems.append(table.problem(f"{code!r} is no finding code", "creates"))
        when = self.compiler.switch(data.get("when", True), table, "creates")
        return lambda node, context: code if when(node, context) else ""

    def known(self, table: Table, key: str, name: str = "") -> str:
        """The name of a block or key above that a table refers to under `key`."""
        name = name or str(table.get(key))
        if name not in self.names:
            reason = f"no block or key {name!r} above{meant(name, self.names)}"
            self.compiler.problems.append(table.problem(reason, key))
        return name


Members = Callable[[str], Iterable[tuple[Table, Sequence[Table]]]]
"""Name of a root block -> its member blocks with their fields."""


def _is_too_long(node: Any, context: Context) -> bool:
    """Whether the value at hand was too long to be a key: it is held (common rules §5.5), not missing."""
    path = context.locate(node, context.path)
    return any(found.code == "field-too-long" and found.path == path for found in context.seen)


def _required(table: Table) -> str | None:
    spec = table.get("key")
    first = spec[0] if isinstance(spec, list) and spec else spec
    return first.get("required") if isinstance(first, dict) else None


def _members(member: _Member, node: Any, run: Run, root_slots: Slots) -> Iterable[Member]:
    context = run.context
    for inner in member.nodes(node):
        context.node = inner
        if member.when is not always and not member.when(inner, context):
            continue
        key = member.key(inner, run)
        if key is None:
            continue
        context.current = key
        if member.name:
            run.keys[member.name] = key
        slots: Slots = {}
        for part in member.fields:
            part.state(inner, context, root_slots if part.on_root else slots, run.keys)
        yield Member(key, slots, member.gone(inner, context), member.listed)


def _ordinal(read: Reader | None, name: str) -> Callable[[Any, Run, list[str]], str | None]:
    """The value of the path when it has one, else 1, 2, … among the resources with the same key so far.

    A value that stands a second time in one part (`DG1|1` twice) gets `.2`, `.3`, …, so that neither is lost.
    """

    def part(node: Any, run: Run, texts: list[str]) -> str | None:
        stated = text_of(read(node, run.context)) if read else ""
        taken = run.ordinals.setdefault((name, ":".join(texts)), set())
        found = next(one for one in _candidates(stated, len(taken)) if one not in taken)
        taken.add(found)
        return found

    return part


def _candidates(stated: str, before: int) -> Iterator[str]:
    """The numbers a resource may get, `before` others of its key being there already."""
    if stated:
        yield stated
        yield from (f"{stated}.{n}" for n in count(2))
    yield from (str(n) for n in count(before + 1))


def text_of(values: list[Any]) -> str:
    """The first value of a reader as text, empty without one."""
    return str(values[0]) if values and values[0] is not DELETED else ""


def _reference(key: Key | None) -> str | None:
    return key.reference if key is not None else None
