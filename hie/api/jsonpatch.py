"""JSON Patch (RFC 6902) with JSON Pointer (RFC 6901) on a parsed resource. Pure: the document given is not changed."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hie.base.errors import Category, HieError

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_MOST = 1000
"""Operations in one patch."""


def apply_json_patch(document: Any, patch: Any) -> Any:
    """The document after all operations, or none: raises INVALID for a patch that is none, UNPROCESSABLE for one that
    does not fit the document (a failed `test`, a path that leads nowhere)."""
    if not isinstance(patch, list) or not patch or len(patch) > _MOST:
        raise _malformed("A JSON Patch is an array of 1 to 1000 operations", 0)
    result = deepcopy(document)
    for place, operation in enumerate(patch):
        name = operation.get("op") if isinstance(operation, dict) else None
        if not isinstance(name, str) or name not in _OPERATIONS:
            raise _malformed("op is add, remove, replace, move, copy or test", place)
        try:
            result = _OPERATIONS[name](result, operation)
        except KeyError:
            raise _malformed("A member of the operation is missing", place) from None
        except _Malformed as error:
            raise _malformed(str(error), place) from None
        except _Misfit as error:
            raise HieError(
                Category.UNPROCESSABLE, f"Operation {place} of the patch: {error}", expression=f"patch[{place}]"
            ) from None
    return result


class _Malformed(Exception):
    """The operation is not RFC 6902."""


class _Misfit(Exception):
    """The operation does not fit the document."""


def _malformed(why: str, place: int) -> HieError:
    return HieError(Category.INVALID, f"{why} (operation {place})", issue="structure", expression=f"patch[{place}]")


def _tokens(pointer: Any) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise _Malformed("A path is a JSON Pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _step(value: Any, token: str) -> Any:
    if isinstance(value, dict) and token in value:
        return value[token]
    if isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
        return value[int(token)]
    raise _Misfit("the path leads nowhere")


def _get(document: Any, pointer: Any) -> Any:
    for token in _tokens(pointer):
        document = _step(document, token)
    return document


def _parent(document: Any, tokens: list[str]) -> Any:
    for token in tokens[:-1]:
        document = _step(document, token)
    return document


def _put(document: Any, pointer: Any, value: Any) -> Any:
    """RFC 6902 §4.1."""
    tokens = _tokens(pointer)
    if not tokens:
        return value
    parent, last = _parent(document, tokens), tokens[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and last == "-":
        parent.append(value)
    elif isinstance(parent, list) and _INDEX.fullmatch(last) and int(last) <= len(parent):
        parent.insert(int(last), value)
    else:
        raise _Misfit("nothing can be added there")
    return document


def _take(document: Any, pointer: Any) -> Any:
    tokens = _tokens(pointer)
    if not tokens:
        raise _Misfit("the whole resource cannot be removed")
    parent, last = _parent(document, tokens), tokens[-1]
    value = _step(parent, last)
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[int(last)]
    return value


def _add(document: Any, operation: dict[str, Any]) -> Any:
    return _put(document, operation["path"], deepcopy(operation["value"]))


def _remove(document: Any, operation: dict[str, Any]) -> Any:
    _take(document, operation["path"])
    return document


def _replace(document: Any, operation: dict[str, Any]) -> Any:
    value, tokens = deepcopy(operation["value"]), _tokens(operation["path"])
    if not tokens:
        return value
    parent, last = _parent(document, tokens), tokens[-1]
    _step(parent, last)
    parent[last if isinstance(parent, dict) else int(last)] = value
    return document


def _move(document: Any, operation: dict[str, Any]) -> Any:
    if _tokens(operation["path"])[: len(_tokens(operation["from"]))] == _tokens(operation["from"]):
        if operation["path"] == operation["from"]:
            _get(document, operation["from"])
            return document
        raise _Misfit("a value cannot be moved into itself")
    return _put(document, operation["path"], _take(document, operation["from"]))


def _copy(document: Any, operation: dict[str, Any]) -> Any:
    return _put(document, operation["path"], deepcopy(_get(document, operation["from"])))


def _test(document: Any, operation: dict[str, Any]) -> Any:
    if not _same(_get(document, operation["path"]), operation["value"]):
        raise _Misfit("the test fails")
    return document


def _same(one: Any, other: Any) -> bool:
    """RFC 6902 §4.6: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
