"""Filters as SQL conditions on a row `c` of `concept`; the meaning is that of `hie.terminology.filters`."""

from collections.abc import Callable, Sequence

from hie.terminology.concept import HIERARCHICAL, OF_CODE, Filter, Selection
from hie.terminology.filters import listed

Sql = tuple[str, tuple[object, ...]]
"""A condition and the values of its `?`."""

_SCALAR = {
    "display": "c.display",
    "definition": "c.definition",
    "inactive": "(CASE c.inactive WHEN 1 THEN 'true' ELSE 'false' END)",
    "notSelectable": "(CASE c.abstract WHEN 1 THEN 'true' ELSE 'false' END)",
}
_KIN = {"parent": ("child", "parent"), "child": ("parent", "child")}

_TREE: dict[str, str] = {
    "is-a": "c.id IN (SELECT descendant FROM closure WHERE ancestor = {of})",
    "descendent-of": "c.id IN (SELECT descendant FROM closure WHERE ancestor = {of} AND descendant <> {of})",
    "is-not-a": "c.id NOT IN (SELECT descendant FROM closure WHERE ancestor = {of})",
    "generalizes": "c.id IN (SELECT ancestor FROM closure WHERE descendant = {of})",
}
_FLAT: dict[str, str] = {
    "is-a": "c.id = {of}",
    "descendent-of": "0",
    "is-not-a": "c.id IS NOT {of}",
    "generalizes": "c.id = {of}",
}
"""The same in a code system without hierarchy."""


def conditions(system: int, hierarchical: bool, fold: Callable[[str], str], wanted: Selection) -> Sql:
    """A selection as one condition; `fold` makes the key of a code."""
    text, values = _all(system, hierarchical, fold, wanted.filters)
    for group in wanted.without:
        inside, more = _all(system, hierarchical, fold, group)
        text, values = f"{text} AND NOT ({inside})", (*values, *more)
    text += " AND c.inactive = 0" if wanted.active_only else ""
    text += " AND c.abstract = 0" if wanted.selectable_only else ""
    return text + " AND instr(c.search, ?)" * len(wanted.words), (*values, *wanted.words)


def _all(system: int, hierarchical: bool, fold: Callable[[str], str], filters: Sequence[Filter]) -> Sql:
    texts: list[str] = ["1"]
    values: list[object] = []
    for row in filters:
        text, more = _tree(system, hierarchical, fold, row) if row.op in HIERARCHICAL else _valued(system, row)
        texts.append(text)
        values += more
    return " AND ".join(texts), tuple(values)


def _tree(system: int, hierarchical: bool, fold: Callable[[str], str], row: Filter) -> Sql:
    of = "(SELECT id FROM concept WHERE system = ? AND key = ?)"
    text = (_TREE if hierarchical else _FLAT)[row.op]
    return text.format(of=of), (system, fold(row.value)) * text.count("{of}")


def _valued(system: int, row: Filter) -> Sql:
    if row.property in OF_CODE:
        return _compared("c.code", row)
    if row.property in _SCALAR:
        return _compared(_SCALAR[row.property], row)
    test, values = _any(row)
    if row.property in _KIN:
        here, there = _KIN[row.property]
        found = (
            f"SELECT e.{here} FROM edge e JOIN concept v ON v.id = e.{there} WHERE v.system = ? AND {test('v.code')}"  # noqa: S608
        )
        given: tuple[object, ...] = (system, *values)
    else:
        found = f"SELECT concept FROM property WHERE system = ? AND name = ? AND {test('value')}"  # noqa: S608
        given = (system, row.property, *values)
    outside = row.op == "not-in" or (row.op == "exists" and row.value == "false")
    return f"c.id {'NOT ' if outside else ''}IN ({found})", given


def _compared(column: str, row: Filter) -> Sql:
    if row.op == "exists":
        return f"({column} <> '') = ?", (row.value == "true",)
    test, values = _any(row)
    return f"{'NOT ' if row.op == 'not-in' else ''}({column} <> '' AND {test(column)})", values


def _any(row: Filter) -> tuple[Callable[[str], str], tuple[object, ...]]:
    """What one value must meet, as SQL on its column; `not-in` and `exists` are turned around outside."""
    if row.op == "exists":
        return lambda column: "1", ()
    if row.op == "regex":
        return lambda column: f"{column} REGEXP ?", (row.value,)
    if row.op in ("in", "not-in"):
        among = tuple(sorted(listed(row.value)))
        return lambda column: f"{column} IN ({', '.join('?' * len(among))})", among
    return lambda column: f"{column} = ?", (row.value,)
