"""What a function of FHIRPath is to the compiler, and the helpers that every group of functions uses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hie.fhir.path.node import Node, Value, Values, system
from hie.fhir.path.scope import Evaluation, PathError, single

Closure = Callable[[Evaluation, Values], Values]
"""A compiled expression: the evaluation and the items it starts from -> items."""


@dataclass(frozen=True, slots=True)
class Function:
    """`run(evaluation, items, *arguments)`; `low` to `high` arguments.

    A lazy function gets its arguments as closures, to run per item; any other gets their values.
    """

    run: Callable[..., Values]
    low: int = 0
    high: int = 0
    lazy: bool = False


def truth(values: Values) -> bool | None:
    """A collection as a condition: empty is None, a boolean itself, any other single item true."""
    if not values:
        return None
    value = system(single(values, "a single condition"))
    return value if isinstance(value, bool) else True


def condition(values: Values) -> bool:
    """A collection that must be a boolean or empty; empty is false."""
    value = system(single(values, "a single condition"))
    if value is None:
        return False
    if not isinstance(value, bool):
        raise PathError("a condition must be true or false")
    return value


def one(value: Value | None) -> Values:
    """A collection of one, or of none for None."""
    return [] if value is None else [value]


def each(evaluation: Evaluation, items: Values, closure: Closure) -> Iterator[tuple[Value, Values]]:
    """Every item with what `closure` gives for it, `$this` and `$index` set."""
    outer = evaluation.this, evaluation.index
    try:
        for index, item in enumerate(items):
            evaluation.spend(1)
            evaluation.this, evaluation.index = item, index
            yield item, closure(evaluation, [item])
    finally:
        evaluation.this, evaluation.index = outer


def text(values: Values) -> str | None:
    """The only item, which must be a string."""
    value = system(single(values, "a single string"))
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, Node):
        raise PathError("a string expected")
    raise PathError("a string expected, found an element")


def whole(values: Values) -> int | None:
    """The only item, which must be an integer."""
    value = system(single(values, "a single integer"))
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise PathError("an integer expected")
    return value


def per_value(work: Callable[[Any], Value | None]) -> Callable[[Evaluation, Values], Values]:
    """A function without arguments of the single item's System value."""

    def run(evaluation: Evaluation, items: Values) -> Values:
        value = system(single(items))
        return [] if value is None else one(work(value))

    return run
