"""Coded fields: the compiled form of a `[[resource.field]]` with `codes`; codes are translated, with their names."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from hie.base.draft import Key
from hie.base.slots import DEFAULT, JOINED
from hie.base.text import half_width
from hie.mapping.codes import CodeTable, Translation
from hie.mapping.compiler import Compiler, takes_several
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED, Value
from hie.mapping.putting import Slots, State, copied, half_of, put, take_back
from hie.mapping.reader import Raw, Switch, always
from hie.mapping.toml import Table
from hie.mapping.transforms.texts import text, words

PutCoded = Callable[[Slots, str, list[Translation], Context], None]
"""Puts translated codes into the slot of that name, in one of the forms of `hie.mapping.schema.FORMS`."""


def coded(target: str, table: Table, compiler: Compiler, when: Switch, deletes: bool) -> State:
    """A field with `codes`: translated by that code map, unmapped ones kept as they were sent (common rules §5.6)."""
    code_table = compiler.code_map(table.data["codes"], table, "codes")
    if code_table is None:
        return lambda node, context, slots, keys: None
    read = compiler.field(table, "code", deletes=deletes)
    read_name = _name_reader(table, compiler)
    put_in = _form(table)
    default, required = table.get("default"), table.get("required")
    if default is not None and "choice" in table.data:
        default = {table.data["choice"]: default}
    empty = bool(table.get("always"))
    named = table.get("name")
    itself = named is not None and named == table.get("source")  # the code is the name, which is written like it

    def state(node: Any, context: Context, slots: Slots, keys: Mapping[str, Key | None]) -> None:
        if when is not always and not when(node, context):
            return
        values = read(node, context)
        path = context.path
        if values and values[0] is DELETED:
            take_back(slots, target)
            if put_in is _put_code:
                slots[half_of(target)] = None
            return
        names = read_name(node, context)
        context.path = path
        if values or names or empty:
            pairs = _named(values, names, itself) or [("", names[0] if names else "")]
            put_in(slots, target, [_translate(code_table, code, name, context, empty) for code, name in pairs], context)
        if not names and target.endswith(JOINED) and "text" in slots.get(target, ()):
            slots[target][f"text{DEFAULT}"] = slots[target].pop("text")
        if target not in slots:
            if required:
                context.note(required)
            if default is not None:
                slots[target.removesuffix(JOINED) + DEFAULT] = copied(default)

    return state


def _named(values: Sequence[Value], names: Sequence[str], itself: bool) -> list[tuple[str, str]]:
    """Each code with the name sent in its place, empty for one without; a code that names `itself` with itself."""
    codes = [half_width(str(code)).strip() for code in values]
    return list(zip(codes, codes if itself else chain(names, repeat("")), strict=False))


def _translate(table: CodeTable, code: str, name: str, context: Context, empty: bool) -> Translation:
    if not code and not empty:
        return Translation({}, None, name)
    return table.translate(code, name, context)


def _name_reader(table: Table, compiler: Compiler) -> Callable[[Any, Context], list[str]]:
    """The names sent with the codes; null text is none where it is no code either (`words`, common rules §5.3)."""
    say = words if table.get("transform") == "words" else text
    spec = table.data.get("name", [])
    several, paths = takes_several(table), spec if isinstance(spec, list) else [spec]
    reads: list[Raw] = [compiler.path(path, table, "name", several=several) for path in paths]

    def read(node: Any, context: Context) -> list[str]:
        for raw in reads:
            found = [name for value in raw(node, context) if isinstance(value, str) and (name := say(value, context))]
            if found:
                return found
        return []

    return read


def _form(table: Table) -> PutCoded:
    """What the codes of a field become."""
    put_in = _extension(table.data["url"]) if "url" in table.data else _FORMS[table.get("form", "concept")]
    return _chosen(table.data["choice"], put_in) if "choice" in table.data else put_in


def _chosen(name: str, put_in: PutCoded) -> PutCoded:
    """What `put_in` states becomes the chosen element of a choice."""

    def chosen(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
        stated: Slots = {}
        put_in(stated, target, found, context)
        if target in stated:
            slots[target] = {name: stated[target]}

    return chosen


def _put_concept(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
    concepts = [concept for translation in found if (concept := translation.concept)]
    if concepts:
        put(slots, target, concepts, context)


def _extension(url: str) -> PutCoded:
    """Concepts as extensions of that URL."""

    def extended(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
        concepts = [concept for translation in found if (concept := translation.concept)]
        if concepts:
            put(slots, target, [{"url": url, "valueCodeableConcept": concept} for concept in concepts], context)

    return extended


def _put_coding(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
    codings = [coding for translation in found if (coding := translation.coding)]
    if codings:
        put(slots, target, codings, context)


def _put_code(slots: Slots, target: str, found: list[Translation], context: Context) -> None:
    """A code and, beside it, the source code as extension of the primitive (`_gender`); that of an earlier statement
    goes when the code is stated without one."""
    if not found or found[0].code is None:
        return
    slots[target] = found[0].code
    extension = found[0].extension
    slots[half_of(target)] = {"extension": extension} if extension else None


_FORMS: Mapping[str, PutCoded] = {
    "code": _put_code,
    "coding": _put_coding,
    "concept": _put_concept,
}
