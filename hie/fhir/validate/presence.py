"""Invariants that the names of the present elements decide, without looking at a value.

`decide(tree, names, values)` gives True or False where presence is enough and None where it is not. Most R4
invariants are of this kind (`extension.exists() != value.exists()`), so a shape settles them once (see `shape`).
"""

from collections.abc import Collection

from hie.fhir.path.syntax import Binary, Call, Dot, Index, Literal, Member, Syntax, TypeTest

Known = bool | None


def decide(tree: Syntax, type_name: str, names: Collection[str], values: Collection[str]) -> Known:
    """What `tree` gives on an object of `type_name` with the elements `names`, of which `values` have a value."""
    return _Presence(type_name, names, values).of(tree)


class _Presence:
    """Three-valued reading of a tree; None stands for "it depends"."""

    def __init__(self, type_name: str, names: Collection[str], values: Collection[str]) -> None:
        self._type = type_name
        self._names = names
        self._values = values

    def of(self, tree: Syntax) -> Known:
        """The truth of a tree as far as presence tells."""
        if isinstance(tree, Literal):
            return tree.value if isinstance(tree.value, bool) else None
        if isinstance(tree, Binary):
            return self._operator(tree)
        if isinstance(tree, Dot) and isinstance(tree.right, Call):
            return self._call(tree.left, tree.right)
        return None

    def _operator(self, tree: Binary) -> Known:
        left, right = self.of(tree.left), self.of(tree.right)
        if tree.operator == "and":
            return False if False in (left, right) else _both(left, right, True)
        if tree.operator == "or":
            return True if True in (left, right) else _both(left, right, False)
        if tree.operator == "implies":
            return True if left is False or right is True else _both(left, right, False)
        if left is None or right is None:
            return None
        if tree.operator in ("xor", "!="):
            return left != right
        return left == right if tree.operator == "=" else None

    def _call(self, operand: Syntax, call: Call) -> Known:
        if call.name == "not":
            found = self.of(operand)
            return None if found is None else not found
        if call.name == "exists":
            return self._exists(operand, bool(call.arguments))
        if call.name == "empty":
            found = self._exists(operand, False)
            return None if found is None else not found
        if call.name == "hasValue" and isinstance(operand, Member):
            return operand.name in self._values
        return None

    def _exists(self, operand: Syntax, filtered: bool) -> Known:
        """Whether a path has items: certain when its first step is absent, or when it has no further step."""
        if isinstance(operand, Binary) and operand.operator == "|":
            sides = (self._exists(operand.left, filtered), self._exists(operand.right, filtered))
            return True if True in sides else _both(*sides, False)
        first, further = self._first(operand)
        if first is None:
            return None
        if first not in self._names:
            return False
        return None if filtered or further else True

    def _first(self, operand: Syntax) -> tuple[str | None, bool]:
        """The first element of a path, and whether more follows."""
        if isinstance(operand, Member):
            return (None, False) if operand.name == self._type else (operand.name, False)
        if isinstance(operand, Index):
            return self._first(operand.operand)[0], True
        if isinstance(operand, TypeTest) and operand.operator == "as":
            return self._first(operand.operand)[0], True
        if not isinstance(operand, Dot):
            return None, False
        if isinstance(operand.left, Member) and operand.left.name == self._type:
            return self._first(operand.right)
        if isinstance(operand.right, Call) and operand.right.name not in ("where", "select", "as", "ofType", "first"):
            return None, False
        return self._first(operand.left)[0], True


def _both(left: Known, right: Known, when_known: bool) -> Known:
    return None if left is None or right is None else when_known
