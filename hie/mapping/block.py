"""Blocks: the compiled form of `[[key]]` and `[[resource]]`, which make keys, members and contributions."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hie.base.draft import Contribution, Event, Key, Member
from hie.base.finding import CODES
from hie.base.text import half_width
from hie.mapping.compiler import Compiler, Lookup
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED
from hie.mapping.field import Field, compile_field
from hie.mapping.keys import KeyCompiler
from hie.mapping.problem import meant
from hie.mapping.putting import Slots
from hie.mapping.reader import Switch, always, never
from hie.mapping.run import MakeKey, Run, Step, text_of
from hie.mapping.schema import CREATES_KEYS, EVENTS
from hie.mapping.tablecheck import check_inline
from hie.mapping.toml import Table

ORDER_SEPARATOR = "\x1f"
"""Between the parts of an order key; it sorts before every character that can be part of one."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A compiled member block; `constants` are the slots that it states whatever is sent."""

    nodes: Callable[[Any], Iterable[Any]]
    when: Switch
    key: MakeKey
    gone: Switch
    adds: bool
    exists: Switch
    fields: tuple[Field, ...]
    constants: frozenset[str]
    listed: str | None
    name: str


@dataclass(frozen=True, slots=True)
class _Root:
    """A compiled block without `root`; `finish` makes its contribution."""

    nodes: Callable[[Any], Iterable[Any]]
    when: Switch
    key: MakeKey
    fields: tuple[Field, ...]
    members: tuple[_Member, ...]
    events: tuple[Callable[[Any, Context], Event | None], ...]
    finish: Callable[..., Contribution]
    name: str


class BlockCompiler:
    """Compiles the blocks of one map for one record type, in the order of the file."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.keys = KeyCompiler(compiler)

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
        make = self.keys.key(specs, str(table.get("type")), table, str(table.get("name")), table.get("required"))
        need = self.compiler.switch(table.data.get("need", False), table, "need")
        name = str(table.get("name"))
        self.keys.names.add(name)

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
        when = self._when(table)
        if when is never:
            return None
        name = str(table.get("name", ""))
        outer = compiler.contexts
        nodes = self._context(table)
        make = self.keys.key(table.get("key"), str(table.get("type")), table, name, _required(table))
        if name:
            self.keys.names.add(name)
        states = self._fields(fields, bool(table.get("deletes")))
        parts = members(name) if name else ()
        stated = tuple(member for part in parts if (member := self.member(*part)) is not None)
        happen = tuple(event for part in events if (event := self._event(part)) is not None)
        root = _Root(nodes, when, make, states, stated, happen, self._contribution(table), name)
        compiler.contexts = outer
        return partial(_contribute, root)

    def member(self, table: Table, fields: Sequence[Table]) -> _Member | None:
        """`[[resource]]` with `root`: members of the contribution of that block."""
        compiler = self.compiler
        if not compiler.applies(table.data):
            return None
        when = self._when(table)
        if when is never:
            return None
        outer = compiler.contexts
        name = str(table.get("name", ""))
        nodes = self._context(table)
        key = self.keys.key(table.get("key"), str(table.get("type")), table, name, _required(table))
        gone = compiler.switch(table.data.get("gone", False), table, "gone")
        exists = compiler.switch(table.data.get("exists", True), table, "exists")
        states = self._fields(fields, False)
        compiler.contexts = outer
        if name:
            self.keys.names.add(name)
        adds = bool(table.get("adds"))
        constants = frozenset(str(field.get("target")) for field in fields if "constant" in field.data)
        return _Member(nodes, when, key, gone, adds, exists, states, constants, table.get("listed"), name)

    def _when(self, table: Table) -> Switch:
        """The condition of a block, which is asked of each node of its context."""
        compiler, outer = self.compiler, self.compiler.contexts
        compiler.contexts = (*outer, table.data["context"]) if "context" in table.data else outer
        when = compiler.switch(table.data.get("when", True), table, "when")
        compiler.contexts = outer
        return when

    def _context(self, table: Table) -> Callable[[Any], Iterable[Any]]:
        path = table.get("context")
        if path is None:
            return lambda tree: (tree,)
        try:
            nodes = self.compiler.dialect.compile_context(path)
        except ValueError as error:
            self.compiler.problems.append(table.problem(str(error), "context"))
            return lambda tree: ()
        self.compiler.doubt(path, table, "context")
        self.compiler.contexts = (*self.compiler.contexts, path)
        empty = table.problem(f"there is no {path!r}", "context")
        self.compiler.lookups.add(Lookup(self.compiler.contexts, None, empty))
        return nodes

    def _fields(self, tables: Sequence[Table], deletes: bool) -> tuple[Field, ...]:
        names = frozenset(self.keys.names)
        made = (compile_field(table, self.compiler, names, deletes) for table in tables)
        return tuple(part for part in made if part is not None)

    def _event(self, table: Table) -> Callable[[Any, Context], Event | None] | None:
        if not self.compiler.applies(table.data):
            return None
        code = str(table.get("code"))
        if code not in EVENTS:
            self.compiler.problems.append(table.problem(f"{code!r} is no event{meant(code, EVENTS)}", "code"))
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
            for name in ("seed", "only_new", "complete", "correcting", "revoke", "withdraw", "exists")
            if name in data
        }
        order = self.order(data["order"], table) if "order" in data else None
        document = compiler.value(data["document"], table, "document", "words") if "document" in data else None
        tier = int(data.get("tier", 0))
        subject, encounter, parent = (
            self.keys.known(table, name) if name in data else "" for name in ("subject", "encounter", "parent")
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
                source=half_width(text_of(document(node, context))) if document else "",
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
        wrong = check_inline(data, CREATES_KEYS, table, "creates")
        if not wrong and "finding" not in data:
            wrong = [table.problem("'creates' needs 'finding'", "creates")]
        self.compiler.problems += wrong
        code = str(data.get("finding", ""))
        if code and code not in CODES:
            self.compiler.problems.append(table.problem(f"{code!r} is no finding code", "creates"))
        when = never if wrong else self.compiler.switch(data.get("when", True), table, "creates")
        return lambda node, context: code if when(node, context) else ""


Members = Callable[[str], Iterable[tuple[Table, Sequence[Table]]]]
"""Name of a root block -> its member blocks with their fields."""


def _required(table: Table) -> str | None:
    spec = table.get("key")
    first = spec[0] if isinstance(spec, list) and spec else spec
    return first.get("required") if isinstance(first, dict) else None


def _contribute(root: _Root, tree: Any, run: Run) -> None:
    """One contribution for each node of the context of a block that has a key."""
    context = run.context
    for node in root.nodes(tree):
        context.node = node
        if root.when is not always and not root.when(node, context):
            continue
        key = root.key(node, run)
        if root.name:
            run.keys[root.name] = key
        if key is None:
            continue
        context.current = key
        context.mentions = ()
        slots: Slots = {}
        for part in root.fields:
            part.state(node, context, slots, run.keys)
        members = [m for member in root.members for m in _members(member, node, run, slots)]
        context.node, context.current = node, key
        events = tuple(e for event in root.events if (e := event(node, context)) is not None)
        run.contributions.append(root.finish(node, run, key, slots, tuple(members), events))
    context.node = tree


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
        if member.adds and slots.keys() <= member.constants:
            continue  # null text only: it states nothing (common rules §8)
        gone, aside = member.gone(inner, context), not member.exists(inner, context)
        yield Member(key, slots, gone, member.listed, member.adds, aside)


def _reference(key: Key | None) -> str | None:
    return key.reference if key is not None else None
