"""Fields: the compiled form of `[[resource.field]]`, one function that states slots."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.draft import Key
from hie.base.slots import DEFAULT, JOINED
from hie.base.text import half_width
from hie.mapping.codes import CodeTable, Translation
from hie.mapping.compiler import Compiler
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED
from hie.mapping.problem import meant
from hie.mapping.reader import Raw, Reader, Switch, always, never
from hie.mapping.schema import SEVERAL, VALUE
from hie.mapping.toml import Table
from hie.mapping.transforms.texts import text, words

Slots = dict[str, Any]
State = Callable[[Any, Context, Slots, Mapping[str, Key | None]], None]
"""States what a field says about `node` in the slots; the mapping holds the keys of the named blocks."""

Put = Callable[[Slots, str, list[Any], Context], None]
PutCoded = Callable[[Slots, str, list[Translation], Context], None]

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
        return _coded(target, table, compiler, when, deletes)
    read = compiler.value(_with_limit(table, target), table, "source", deletes=deletes)
    put = _choice(table.data["choice"]) if "choice" in table.data else _put
    return _valued(target, read, when, table.get("required"), table.get("default"), put)


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


def _with_limit(table: Table, target: str) -> Mapping[str, Any]:
    element = target if target == "value[x]" else target.partition(".")[0].partition("[")[0]
    data = {key: table.data[key] for key in table.data if key in _READ}
    data.setdefault("limit", _LIMITS_BY_ELEMENT.get(element, "short"))
    return data


_READ = frozenset({"source", "parts", "transform", "options", "limit", "all", "always"})


def _block(table: Table, names: frozenset[str], compiler: Compiler) -> str:
    name = str(table.data["reference"])
    if name not in names:
        reason = f"no block or key {name!r} above{meant(name, names)}"
        compiler.problems.append(table.problem(reason, "reference"))
    return name


_TELLING = frozenset({"coding", "extension", "system"})
_WHOLE = ("coding", "extension", "type")
"""Elements that belong to the code or the system that is stated with them, and go with it."""


def _put(slots: Slots, target: str, values: list[Any], context: Context) -> None:
    """State the values: all of them in a repeating slot, the first in any other. In a slot that is joined a code, or
    a number with its system, takes the place of another, and words that of other words."""
    if "{id}" in target and context.current is not None:
        target = target.replace("{id}", context.current.id)
    if target == SEVERAL:
        for value in values:
            slots.update(value)
        return
    if target.endswith(JOINED):
        value = values[0]
        slots[target] = {**dict.fromkeys(_WHOLE), **value} if _TELLING & value.keys() else value
        return
    if "[]" not in target:
        slots[target] = values[0]
        return
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    if flat:
        slots[target] = flat


def _delete(slots: Slots, target: str, coded: bool = False) -> None:
    """Take the slot back; with a code the extension beside it too."""
    if target == SEVERAL:
        return
    slots[target] = None
    if coded:
        slots[_beside(target)] = None


def _beside(target: str) -> str:
    """The slot of the extensions of a primitive: `_gender`, `a._b`."""
    outer, dot, inner = target.rpartition(".")
    return f"{outer}{dot}_{inner}"


def _constant(target: str, constant: Any, when: Switch) -> State:
    value = [constant] if "[]" in target and not isinstance(constant, list) else constant
    shared = not isinstance(value, (dict, list))

    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        if when is always or when(node, context):
            slots[target] = value if shared else _copy(value)

    return state


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(part) for name, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def _own(target: str, when: Switch) -> State:
    """The key of the resource at work, as Identifier."""

    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        key = context.current
        if key is not None and when(node, context):
            _put(slots, target, [{"system": context.local_system(key.kind), "value": key.value}], context)

    return state


def _reference(target: str, name: str, when: Switch) -> State:
    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        key = keys.get(name)
        if key is not None and when(node, context):
            _put(slots, target, [{"reference": key.reference}], context)

    return state


def _choice(name: str) -> Put:
    """The value becomes the chosen element of a choice: `{"deceasedBoolean": true}`."""

    def put(slots: Slots, target: str, values: list[Any], context: Context) -> None:
        slots[target] = {name: values[0]}

    return put


def _valued(target: str, read: Reader, when: Switch, required: str | None, default: Any, put: Put) -> State:
    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        if when is not always and not when(node, context):
            return
        values = read(node, context)
        if not values:
            if required:
                context.note(required)
            if default is not None:
                put(slots, target.removesuffix(JOINED) + DEFAULT, [_copy(default)], context)
        elif values[0] is DELETED:
            if target:
                _delete(slots, target)
        elif target:
            put(slots, target, values, context)

    return state


def _coded(target: str, table: Table, compiler: Compiler, when: Switch, deletes: bool) -> State:
    code_table = compiler.code_map(table.data["codes"], table, "codes")
    if code_table is None:
        return lambda node, context, slots, keys: None
    data = {key: table.data[key] for key in table.data if key in _READ}
    data.setdefault("limit", "code")
    read = compiler.value(data, table, "source", deletes=deletes)
    read_name = _name_reader(table, compiler)
    put = _extension(table.data["url"]) if "url" in table.data else _FORMS[table.get("form", "concept")]
    default, required = table.get("default"), table.get("required")
    if "choice" in table.data:
        put = _chosen(table.data["choice"], put)
        default = None if default is None else {table.data["choice"]: default}
    empty = bool(table.get("always"))
    named = table.get("name")
    itself = named is not None and named == table.get("source")  # the code is the name, which is written like it

    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        if when is not always and not when(node, context):
            return
        values = read(node, context)
        path = context.path
        if values and values[0] is DELETED:
            _delete(slots, target, put is _put_code)
            return
        names = read_name(node, context)
        context.path = path
        sent = [half_width(str(code)).strip() for code in values]
        pairs = [(code, code if itself else names[n] if n < len(names) else "") for n, code in enumerate(sent)]
        if not pairs and (empty or names):
            pairs = [("", names[0] if names else "")]
        found = [_translate(code_table, code, name, context, empty) for code, name in pairs]
        put(slots, target, found, context)
        if not names and target.endswith(JOINED) and "text" in slots.get(target, ()):
            slots[target][f"text{DEFAULT}"] = slots[target].pop("text")
        if target not in slots:
            if required:
                context.note(required)
            if default is not None:
                slots[target.removesuffix(JOINED) + DEFAULT] = _copy(default)

    return state


def _translate(table: CodeTable, code: str, name: str, context: Context, empty: bool) -> Translation:
    if not code and not empty:
        return Translation({}, None, name)
    return table.translate(code, name, context)


def _name_reader(table: Table, compiler: Compiler) -> Callable[[Any, Context], list[str]]:
    """The names sent with the codes; null text is none where it is no code either (`words`, common rules §5.3)."""
    say = words if table.get("transform") == "words" else text
    spec = table.data.get("name", [])
    reads: list[Raw] = [compiler.path(path, table, "name") for path in (spec if isinstance(spec, list) else [spec])]

    def read(node: Any, context: Context) -> list[str]:
        for raw in reads:
            found = [name for value in raw(node, context) if isinstance(value, str) and (name := say(value, context))]
            if found:
                return found
        return []

    return read


def _chosen(name: str, put: PutCoded) -> PutCoded:
    """What `put` states becomes the chosen element of a choice."""

    def chosen(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
        stated: Slots = {}
        put(stated, target, found, context)
        if target in stated:
            slots[target] = {name: stated[target]}

    return chosen


def _put_concept(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
    concepts = [concept for translation in found if (concept := translation.concept)]
    if concepts:
        _put(slots, target, concepts, context)


def _extension(url: str) -> PutCoded:
    """Concepts as extensions of that URL."""

    def put(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
        concepts = [concept for translation in found if (concept := translation.concept)]
        if concepts:
            _put(slots, target, [{"url": url, "valueCodeableConcept": concept} for concept in concepts], context)

    return put


def _put_coding(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
    codings = [coding for translation in found if (coding := translation.coding)]
    if codings:
        _put(slots, target, codings, context)


def _put_code(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
    """A code and, beside it, the source code as extension of the primitive (`_gender`); that of an earlier statement
    goes when the code is stated without one."""
    if not found or found[0].code is None:
        return
    slots[target] = found[0].code
    extension = found[0].extension
    slots[_beside(target)] = {"extension": extension} if extension else None


_FORMS: Mapping[str, PutCoded] = {
    "code": _put_code,
    "coding": _put_coding,
    "concept": _put_concept,
}
