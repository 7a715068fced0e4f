"""Logic with three values, comparison and collection operators as tables (FHIRPath N1 §"Operations").

Arithmetic is in `hie.fhir.path.arithmetic`.
"""

from collections.abc import Callable

from hie.fhir.path.compare import all_alike, all_equal, distinct, distinct_set, ordered
from hie.fhir.path.function import one
from hie.fhir.path.node import Values
from hie.fhir.path.scope import single


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _xor(left: bool | None, right: bool | None) -> bool | None:
    return None if left is None or right is None else left != right


def _implies(left: bool | None, right: bool | None) -> bool | None:
    return _or(None if left is None else not left, right)


LOGIC: dict[str, Callable[[bool | None, bool | None], bool | None]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}
"""Operator -> truth table; None is empty."""

DECIDED = {"and": False, "or": True}
"""Operator -> the left value that settles the answer."""


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _contains(left: Values, right: Values) -> Values:
    item = single(right)
    return [] if item is None else [item in distinct_set(left)]


def _compare(sign: str) -> Callable[[Values, Values], Values]:
    def run(left: Values, right: Values) -> Values:
        first, second = single(left), single(right)
        return [] if first is None or second is None else one(ordered(sign, first, second))

    return run


OPERATORS: dict[str, Callable[[Values, Values], Values]] = {
    "=": lambda left, right: one(all_equal(left, right)),
    "!=": lambda left, right: one(_not(all_equal(left, right))),
    "~": lambda left, right: [all_alike(left, right)],
    "!~": lambda left, right: [not all_alike(left, right)],
    "|": lambda left, right: distinct(left + right),
    "contains": _contains,
    "in": lambda left, right: _contains(right, left),
    **{sign: _compare(sign) for sign in ("<", ">", "<=", ">=")},
}
"""Operator -> function of two collections."""
