"""Sort keys as expressions: values, order, and where a page begins. Resources without a value come last either way."""

from collections.abc import Sequence
from typing import Any

from hie.search.clause import Kind
from hie.search.plan import SortKey
from hie.store.mongo.keys import CODE, REFERENCE, URI
from hie.store.mongo.matching import Scope, after_mark
from hie.store.mongo.probing import Stage

_FIELDS = {Kind.DATE: ("d", "l"), Kind.STRING: ("s", "f"), Kind.NUMBER: ("q", "l"), Kind.SPECIAL: ("g", "a")}


def shown(referring: bool) -> dict[str, Any]:
    """The fields that are left of a document of a page: `_id`, `t`, `w`, `n`, `p`; if `referring`, the keys of its
    references as well, by which others are included."""
    fields: dict[str, Any] = {"t": 1, "w": 1, "n": 1, "p": 1}
    if referring:
        marked = {"$gte": [{"$indexOfBytes": ["$$one", REFERENCE]}, 0]}
        fields["k"] = {"$filter": {"input": {"$ifNull": ["$k", []]}, "as": "one", "cond": marked}}
    return fields


def keyed(keys: Sequence[SortKey], scope: Scope, fields: dict[str, Any]) -> Stage:
    """The stage that leaves `fields` and the sort values `v0`, `v1`, ... (null: none)."""
    values = {f"v{number}": _value(key, scope) for number, key in enumerate(keys)}
    return {"$project": {**fields, **values}}


def order(keys: Sequence[SortKey]) -> list[Stage]:
    """The stages that sort what `keyed` left."""
    empty = {f"w{number}": {"$eq": [f"$v{number}", None]} for number in range(len(keys))}
    by: dict[str, int] = {}
    for number, key in enumerate(keys):
        by |= {f"w{number}": 1, f"v{number}": -1 if key.descending else 1}
    return [{"$set": empty}, {"$sort": {**by, "n": -1 if _down(keys) else 1}}]


def after(keys: Sequence[SortKey], position: Sequence[Any]) -> Stage:
    """The stage that leaves what lies behind `position`: sort values, then the `n` of the last resource shown."""
    condition: dict[str, Any] = {"n": {"$lt" if _down(keys) else "$gt": position[-1]}}
    for number in reversed(range(len(keys))):
        field, value = f"v{number}", position[number]
        if value is None:
            condition = {field: {"$eq": None}, "$and": [condition]}
            continue
        beyond = {field: {"$lt" if keys[number].descending else "$gt": value}}
        same = {field: {"$eq": value}, "$and": [condition]}
        condition = {"$or": [{field: {"$eq": None}}, beyond, same]}
    return {"$match": condition}


def _down(keys: Sequence[SortKey]) -> bool:
    """Whether equal ones come in falling order of their number: as the first key does, whose index then has it."""
    return keys[0].descending


def _value(key: SortKey, scope: Scope) -> Any:
    if key.param == "_id":
        return {"$arrayElemAt": [{"$split": ["$_id", "/"]}, 1]}
    if key.param == "_lastUpdated":
        return "$u"
    least = "$max" if key.descending else "$min"
    return {"$ifNull": [{least: _values(key, scope)}, None]}


def _values(key: SortKey, scope: Scope) -> Any:
    match key.kind:
        case Kind.TOKEN:
            return after_mark(key.param, CODE)
        case Kind.URI:
            return after_mark(key.param, URI)
        case Kind.REFERENCE:
            return _without_versions(after_mark(key.param, REFERENCE))
        case Kind.QUANTITY:
            return _mapped("q", _names(key, scope), {"$ifNull": ["$$one.a", "$$one.l"]})
        case _:
            array, field = _FIELDS[key.kind]
            return _mapped(array, _names(key, scope), f"$$one.{field}")


def _without_versions(references: Any) -> Any:
    return {"$filter": {"input": references, "as": "at", "cond": {"$lt": [{"$indexOfBytes": ["$$at", "\x00"]}, 0]}}}


def _names(key: SortKey, scope: Scope) -> Any:
    return {"$literal": [f"{kind}.{key.param}" for kind in scope]}


def _mapped(array: str, params: Any, value: Any) -> Any:
    ours = {"$in": ["$$one.p", params]}
    chosen = {"$filter": {"input": {"$ifNull": [f"${array}", []]}, "as": "one", "cond": ours}}
    return {"$map": {"input": chosen, "as": "one", "in": value}}
