"""Sort keys as expressions: values, order, and where a page begins. Resources without a value come last either way."""

from collections.abc import Sequence
from typing import Any

from hie.search.plan import Kind, SortKey
from hie.store.mongo.compile import Scope, Stage
from hie.store.mongo.keys import CODE, TOKEN, URI

_FIELDS = {Kind.DATE: ("d", "l"), Kind.STRING: ("s", "f"), Kind.NUMBER: ("q", "l"), Kind.SPECIAL: ("g", "a")}


def keyed(keys: Sequence[SortKey], scope: Scope) -> Stage:
    """The stage that leaves `_id`, `t`, `w`, `n`, `p`, `r` and the sort values `v0`, `v1`, ... (null: none)."""
    values = {f"v{number}": _value(key, scope) for number, key in enumerate(keys)}
    return {"$project": {"t": 1, "w": 1, "n": 1, "p": 1, "r": 1, **values}}


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
    """Whether equal ones come in falling order of their number: as the last key does, so that an index has it."""
    return keys[-1].descending


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
            return _after_mark(key.param + CODE, key.param + TOKEN)
        case Kind.URI:
            return _after_mark(key.param + URI, key.param + chr(ord(URI) + 1))
        case Kind.REFERENCE:
            return _mapped("r", {"$literal": [key.param]}, {"$ifNull": ["$$one.o", "$$one.w"]})
        case Kind.QUANTITY:
            return _mapped("q", _names(key, scope), {"$ifNull": ["$$one.a", "$$one.l"]})
        case _:
            array, field = _FIELDS[key.kind]
            return _mapped(array, _names(key, scope), f"$$one.{field}")


def _names(key: SortKey, scope: Scope) -> Any:
    return {"$literal": [f"{kind}.{key.param}" for kind in scope]}


def _mapped(array: str, params: Any, value: Any) -> Any:
    ours = {"$in": ["$$one.p", params]}
    chosen = {"$filter": {"input": {"$ifNull": [f"${array}", []]}, "as": "one", "cond": ours}}
    return {"$map": {"input": chosen, "as": "one", "in": value}}


def _after_mark(start: str, stop: str) -> Any:
    between = {"$and": [{"$gte": ["$$one", {"$literal": start}]}, {"$lt": ["$$one", {"$literal": stop}]}]}
    chosen = {"$filter": {"input": {"$ifNull": ["$k", []]}, "as": "one", "cond": between}}
    rest = {"$substrBytes": ["$$one", len(start.encode()), -1]}
    return {"$map": {"input": chosen, "as": "one", "in": rest}}
