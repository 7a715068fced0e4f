"""Options that a field map gives to a transform, held against the signature of its function."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin


def wrong_options(name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the options: one that the transform does not have, or lacks, or takes in another kind."""
    signature = _signature(function)
    parameters = signature.parameters
    try:
        signature.bind("", None, **options)
    except TypeError as error:
        has = ", ".join(list(parameters)[2:]) or "none"
        yield f"transform {name!r}: {error}; its options: {has}"
        return
    for option, value in options.items():
        kind = parameters[option].annotation if option in parameters else Any
        if not _fits(value, kind):
            yield f"transform {name!r}: option {option!r} must be {_called(kind)}"


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Maps name the same few functions thousands of times."""
    return inspect.signature(function)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a TOML value is of the kind of an annotation; any is, where the annotation names no kind of TOML."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if origin is not None and issubclass(origin, Sequence):
        return isinstance(value, list) and all(_fits(one, inner[0]) for one in value)
    if kind in (str, bool, int, float):
        return type(value) is kind or (kind is float and type(value) is int)
    return kind is not type(None)


_NAMES: Mapping[Any, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def _called(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(_called(one) for one in inner if one is not type(None))
    if origin is not None:
        return f"a {'table' if issubclass(origin, Mapping) else 'list'} of {_called(inner[-1])}"
    return _NAMES.get(kind, str(kind))
