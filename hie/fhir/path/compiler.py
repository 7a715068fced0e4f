"""Syntax tree to Python closures: each node becomes one function of (evaluation, items)."""

from collections.abc import Callable

from hie.fhir.path import collections, fhir, numbers, strings
from hie.fhir.path.arithmetic import calculate, negate
from hie.fhir.path.collections import sort
from hie.fhir.path.function import Closure, Function, one, truth, whole
from hie.fhir.path.leaves import empty, literal, member, navigate, special, variable
from hie.fhir.path.lexer import invalid
from hie.fhir.path.node import Values
from hie.fhir.path.operators import DECIDED, LOGIC, OPERATORS
from hie.fhir.path.parser import type_name_of
from hie.fhir.path.scope import Evaluation, PathError, single
from hie.fhir.path.syntax import (
    Binary,
    Call,
    Dot,
    Empty,
    Index,
    Literal,
    Member,
    Special,
    Syntax,
    TypeTest,
    Unary,
    Variable,
)
from hie.fhir.path.types import is_a

Applied = Callable[[Evaluation, Values, Values], Values]
"""A step after a dot: (evaluation, items before the dot, items of the outer context) -> items."""

FUNCTIONS: dict[str, Function] = {
    **collections.FUNCTIONS,
    **strings.FUNCTIONS,
    **numbers.FUNCTIONS,
    **fhir.FUNCTIONS,
}
"""Every function that takes values or expressions; `is`, `as`, `ofType`, `sort` and the keys take types or signs."""

_UNORDERED = frozenset(("children", "descendants"))
_ORDERED = frozenset(("first", "last", "tail", "skip", "take"))


def compile_tree(tree: Syntax) -> Closure:
    """The closure of a syntax tree; raises `HieError(INVALID)` for unknown functions and wrong arguments."""
    return _COMPILERS[type(tree)](tree)


def _placed(position: int, closure: Closure) -> Closure:
    """`closure` with mistakes reported at `position`."""

    def run(evaluation: Evaluation, items: Values) -> Values:
        try:
            return closure(evaluation, items)
        except PathError as error:
            raise invalid(str(error), position) from None

    return run


# -- paths -------------------------------------------------------------------------------------------------------


def _dot(tree: Dot) -> Closure:
    left = compile_tree(tree.left)
    if isinstance(tree.right, Member):
        return _path(left, tree.right, _narrowed(tree.left))
    if isinstance(tree.right, Call):
        apply, checked = _call(tree.right), _unordered(tree)

        def run(evaluation: Evaluation, items: Values) -> Values:
            if checked and evaluation.scope.strict:
                raise invalid("the order of these items is not defined", tree.right.position)
            return apply(evaluation, left(evaluation, items), items)

        return run
    raise invalid("an element or a function expected", tree.right.position)


def _path(left: Closure, member: Member, narrowed: str | None) -> Closure:
    """`left.member`; in strict mode a type that `left` was narrowed to must have the element."""
    steps = navigate(member.name, member.position)
    if narrowed is None:
        return lambda evaluation, items: steps(evaluation, left(evaluation, items))

    def run(evaluation: Evaluation, items: Values) -> Values:
        definitions = evaluation.definitions
        if evaluation.scope.strict and member.name not in definitions.children(narrowed):
            raise invalid(f"no element {member.name!r} in {narrowed}", member.position)
        return steps(evaluation, left(evaluation, items))

    return run


def _narrowed(tree: Syntax) -> str | None:
    """The complex FHIR type that an `as` or `ofType()` leaves."""
    call = tree.right if isinstance(tree, Dot) else tree
    name = call.type_name if isinstance(call, TypeTest) and call.operator == "as" else None
    if isinstance(call, Call) and call.name in ("as", "ofType") and len(call.arguments) == 1:
        name = type_name_of(call.arguments[0])
    return name if name and name[:1].isupper() and "." not in name else None


def _unordered(tree: Dot) -> bool:
    """Whether the call takes items by order from `children()` or `descendants()`."""
    source = tree.left.right if isinstance(tree.left, Dot) else tree.left
    return (
        isinstance(tree.right, Call)
        and tree.right.name in _ORDERED
        and isinstance(source, Call)
        and source.name in _UNORDERED
    )


def _head_call(tree: Call) -> Closure:
    apply = _call(tree)
    return lambda evaluation, items: apply(evaluation, items, items)


def _call(tree: Call) -> Applied:
    special = _SPECIAL_CALLS.get(tree.name)
    if special is not None:
        return special(tree)
    function = FUNCTIONS.get(tree.name)
    if function is None:
        raise invalid(f"unknown function {tree.name}()", tree.position)
    if not function.low <= len(tree.arguments) <= function.high:
        raise invalid(f"{tree.name}() takes {function.low} to {function.high} arguments", tree.position)
    arguments = [compile_tree(argument) for argument in tree.arguments]
    work = _lazy(function, arguments) if function.lazy else _eager(function, arguments)
    return _counted(work, tree.position)


def _lazy(function: Function, arguments: list[Closure]) -> Applied:
    run = function.run
    return lambda evaluation, items, outer: run(evaluation, items, *arguments)


def _eager(function: Function, arguments: list[Closure]) -> Applied:
    run = function.run
    if not arguments:
        return lambda evaluation, items, outer: run(evaluation, items)
    return lambda evaluation, items, outer: run(evaluation, items, *[a(evaluation, outer) for a in arguments])


def _counted(work: Applied, position: int) -> Applied:
    def run(evaluation: Evaluation, items: Values, outer: Values) -> Values:
        evaluation.spend(1 + len(items))
        try:
            return work(evaluation, items, outer)
        except PathError as error:
            raise invalid(str(error), position) from None

    return run


def _index(tree: Index) -> Closure:
    operand, index = compile_tree(tree.operand), compile_tree(tree.index)

    def run(evaluation: Evaluation, items: Values) -> Values:
        found, at = operand(evaluation, items), whole(index(evaluation, items))
        return [] if at is None or at < 0 else found[at : at + 1]

    return _placed(tree.position, run)


# -- types -------------------------------------------------------------------------------------------------------


def _as(tree: TypeTest | Call, name: str) -> Closure:
    function = isinstance(tree, Call)

    def run(evaluation: Evaluation, items: Values) -> Values:
        if function and evaluation.scope.strict:
            single(items, "a single item before as()")
        is_a("", name, evaluation)
        return [item for item in items if is_a(item, name, evaluation, exact=True)]

    return _placed(tree.position, run)


def _is(position: int, name: str) -> Closure:
    def run(evaluation: Evaluation, items: Values) -> Values:
        item = single(items, "a single item before is")
        return [] if item is None else [is_a(item, name, evaluation)]

    return _placed(position, run)


def _type_test(tree: TypeTest) -> Closure:
    operand = compile_tree(tree.operand)
    test = _is(tree.position, tree.type_name) if tree.operator == "is" else _as(tree, tree.type_name)
    return lambda evaluation, items: test(evaluation, operand(evaluation, items))


def _type_argument(tree: Call) -> str:
    name = type_name_of(tree.arguments[0]) if len(tree.arguments) == 1 else None
    if name is None:
        raise invalid(f"{tree.name}() takes the name of a type", tree.position)
    return name


def _type_call(tree: Call) -> Applied:
    name = _type_argument(tree)
    if tree.name == "is":
        test = _is(tree.position, name)
    elif tree.name == "as":
        test = _as(tree, name)
    else:
        test = _as(TypeTest(tree.position, "as", tree, name), name)
    return lambda evaluation, items, outer: test(evaluation, items)


def _sort_call(tree: Call) -> Applied:
    keys: list[tuple[Closure, bool]] = []
    for argument in tree.arguments:
        falling = isinstance(argument, Unary) and argument.operator == "-"
        inner = argument.operand if isinstance(argument, Unary) and falling else argument
        keys.append((compile_tree(inner), falling))
    return _counted(lambda evaluation, items, outer: sort(evaluation, items, keys), tree.position)


def _key_call(tree: Call) -> Applied:
    name = _type_argument(tree) if tree.arguments else None
    return lambda evaluation, items, outer: fhir.reference_key(evaluation, items, name)


_SPECIAL_CALLS: dict[str, Callable[[Call], Applied]] = {
    "is": _type_call,
    "as": _type_call,
    "ofType": _type_call,
    "sort": _sort_call,
    "getReferenceKey": _key_call,
}


# -- operators ---------------------------------------------------------------------------------------------------


def _binary(tree: Binary) -> Closure:
    left, right, sign = compile_tree(tree.left), compile_tree(tree.right), tree.operator
    if sign in LOGIC:
        return _placed(tree.position, _logic(sign, left, right))
    work = OPERATORS.get(sign) or (lambda a, b: calculate(sign, a, b))

    def run(evaluation: Evaluation, items: Values) -> Values:
        found = work(left(evaluation, items), right(evaluation, items))
        evaluation.spend(1)
        return found

    return _placed(tree.position, run)


def _logic(sign: str, left: Closure, right: Closure) -> Closure:
    table, decided = LOGIC[sign], DECIDED.get(sign)

    def run(evaluation: Evaluation, items: Values) -> Values:
        first = truth(left(evaluation, items))
        if first is not None and first is decided:
            return [first]
        return one(table(first, truth(right(evaluation, items))))

    return run


def _unary(tree: Unary) -> Closure:
    operand = compile_tree(tree.operand)
    if tree.operator == "+":
        return operand
    return _placed(tree.position, lambda evaluation, items: negate(operand(evaluation, items)))


_COMPILERS: dict[type[Syntax], Callable[..., Closure]] = {
    Literal: literal,
    Empty: empty,
    Variable: variable,
    Special: special,
    Member: member,
    Dot: _dot,
    Call: _head_call,
    Index: _index,
    TypeTest: _type_test,
    Binary: _binary,
    Unary: _unary,
}
