"""The syntax tree of FHIRPath: small frozen values, each with the position where it starts."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Syntax:
    """Any node; `position` is a 0-based offset into the expression text."""

    position: int


@dataclass(frozen=True, slots=True)
class Literal(Syntax):
    """A constant: bool, int, Decimal, str, `Temporal` or `Quantity`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Empty(Syntax):
    """The empty collection `{}`."""


@dataclass(frozen=True, slots=True)
class Variable(Syntax):
    """An environment variable: `%resource`, `%ucum`, ``%`vs-name` ``."""

    name: str


@dataclass(frozen=True, slots=True)
class Special(Syntax):
    """`$this`, `$index` or `$total`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Syntax):
    """A child element by name, or a type name at the head of a path."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Syntax):
    """A function with its unevaluated arguments."""

    name: str
    arguments: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Dot(Syntax):
    """`left.right`, where right is a member, call or special."""

    left: Syntax
    right: Syntax


@dataclass(frozen=True, slots=True)
class Index(Syntax):
    """`operand[index]`."""

    operand: Syntax
    index: Syntax


@dataclass(frozen=True, slots=True)
class Unary(Syntax):
    """`+` or `-` in front of a term."""

    operator: str
    operand: Syntax


@dataclass(frozen=True, slots=True)
class Binary(Syntax):
    """An operator between two expressions."""

    operator: str
    left: Syntax
    right: Syntax


@dataclass(frozen=True, slots=True)
class TypeTest(Syntax):
    """`operand is T` or `operand as T`; `type_name` may be qualified (`System.String`)."""

    operator: str
    operand: Syntax
    type_name: str
