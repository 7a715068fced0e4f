"""Fields: the compiled form of `[[resource.field]]`, one function that states slots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.draft import Key
from hie.base.slots import DEFAULT, JOINED
from hie.mapping.coded_field import coded
from hie.mapping.compiler import Compiler
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED
from hie.mapping.problem import meant
from hie.mapping.putting import Put, Slots, State, copied, put, take_back
from hie.mapping.reader import Reader, Switch, always, never
from hie.mapping.schema import VALUE
from hie.mapping.toml import Table

_LIMITS_BY_ELEMENT: Mapping[str, str] = {
    "identifier": "code",
    "name": "name",
    "value[x]": "long",
    "conclusion": "long",
    "note": "long",
    "text": "long",
    "section": "long",
}
"""First element of a target -> class of length, when the field gives no `limit`; any other is short text."""


@dataclass(frozen=True, slots=True)
class Field:
    """A compiled field; `on_root` says that it states slots of the root its block belongs to."""

    state: State
    on_root: bool


def compile_field(table: Table, compiler: Compiler, names: frozenset[str], deletes: bool) -> Field | None:
    """A field for the record type of the compiler, `None` when it is not meant for that type."""
    if not compiler.applies(table.data):
        return None
    when = compiler.switch(table.data.get("when", True), table, "when")
    if when is never:
        return None
    state = _state(table, compiler, names, when, bool(table.get("deletes", deletes)))
    return Field(_filled(state, table.data["item"]) if "item" in table.data else state, bool(table.get("on_root")))


def _state(table: Table, compiler: Compiler, names: frozenset[str], when: Switch, deletes: bool) -> State:
    target = table.get("target", "")
    if "constant" in table.data:
        return _constant(target, table.data["constant"], when)
    if table.get("own"):
        return _own(target, when)
    if "reference" in table.data:
        return _reference(target, _block(table, names, compiler), when)
    if "codes" in table.data:
        return coded(target, table, compiler, when, deletes)
    element = target if target == "value[x]" else target.partition(".")[0].partition("[")[0]
    read = compiler.field(table, _LIMITS_BY_ELEMENT.get(element, "short"), deletes=deletes)
    put_in = _choice(table.data["choice"]) if "choice" in table.data else put
    return _valued(target, read, when, table.get("required"), table.get("default"), put_in)


def _filled(state: State, item: Any) -> State:
    """Each value in its place in an item of a repeating element: `{ actor = "{value}", status = "accepted" }`."""

    def filled(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        stated: Slots = {}
        state(node, context, stated, keys)
        for slot, values in stated.items():
            several = values if isinstance(values, list) else [values]
            slots[slot] = [_fill(item, value) for value in several] if values is not None else None

    return filled


def _fill(item: Any, value: Any) -> Any:
    if item == VALUE:
        return value
    if isinstance(item, dict):
        return {name: _fill(part, value) for name, part in item.items()}
    return [_fill(part, value) for part in item] if isinstance(item, list) else item


def _block(table: Table, names: frozenset[str], compiler: Compiler) -> str:
    name = str(table.data["reference"])
    if name not in names:
        reason = f"no block or key {name!r} above{meant(name, names)}"
        compiler.problems.append(table.problem(reason, "reference"))
    return name


def _constant(target: str, constant: Any, when: Switch) -> State:
    value = [constant] if "[]" in target and not isinstance(constant, list) else constant
    shared = not isinstance(value, (dict, list))

    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        if when is always or when(node, context):
            slots[target] = value if shared else copied(value)

    return state


def _own(target: str, when: Switch) -> State:
    """The key of the resource at work, as Identifier."""

    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        key = context.current
        if key is not None and when(node, context):
            put(slots, target, [{"system": context.local_system(key.kind), "value": key.value}], context)

    return state


def _reference(target: str, name: str, when: Switch) -> State:
    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        key = keys.get(name)
        if key is not None and when(node, context):
            put(slots, target, [{"reference": key.reference}], context)

    return state


def _choice(name: str) -> Put:
    """The value becomes the chosen element of a choice: `{"deceasedBoolean": true}`."""

    def chosen(slots: Slots, target: str, values: list[Any], context: Context) -> None:
        slots[target] = {name: values[0]}

    return chosen


def _valued(target: str, read: Reader, when: Switch, required: str | None, default: Any, put_in: Put) -> State:
    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        if when is not always and not when(node, context):
            return
        values = read(node, context)
        if not values:
            if required:
                context.note(required)
            if default is not None:
                put_in(slots, target.removesuffix(JOINED) + DEFAULT, [copied(default)], context)
        elif values[0] is DELETED:
            if target:
                take_back(slots, target)
        elif target:
            put_in(slots, target, values, context)

    return state
