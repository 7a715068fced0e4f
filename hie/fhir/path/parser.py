"""Tokens to syntax tree: precedence climbing over the table of FHIRPath N1 §"Operator Precedence"."""

from decimal import Decimal

from hie.fhir.path.lexer import Token, invalid, tokens, unescape
from hie.fhir.path.quantity import CALENDAR_UNITS, Quantity
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
from hie.fhir.path.temporal import parse_literal

_PRECEDENCE: dict[str, int] = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<": 6,
    ">": 6,
    "<=": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_DEPTH = 60
"""How deep brackets and chains of signs may nest."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0

    @property
    def here(self) -> Token:
        return self._tokens[self._at]

    def take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def accept(self, text: str) -> bool:
        token = self.here
        if token.text == text and token.kind in ("sign", "word"):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise invalid(f"expected {text!r}", self.here.position)

    def expression(self, lowest: int = 1) -> Syntax:
        self._depth += 1
        if self._depth > _DEPTH:
            raise invalid("nested too deeply", self.here.position)
        left = self.unary()
        while True:
            token = self.here
            rank = _PRECEDENCE.get(token.text) if token.kind in ("sign", "word") else None
            if rank is None or rank < lowest:
                break
            self.take()
            if rank == 8:
                left = TypeTest(token.position, token.text, left, self.type_name())
            else:
                left = Binary(token.position, token.text, left, self.expression(rank + 1))
        self._depth -= 1
        return left

    def unary(self) -> Syntax:
        token = self.here
        if token.kind == "sign" and token.text in "+-":
            self.take()
            self._depth += 1
            if self._depth > _DEPTH:
                raise invalid("nested too deeply", token.position)
            operand = self.unary()
            self._depth -= 1
            return Unary(token.position, token.text, operand)
        return self.path()

    def path(self) -> Syntax:
        left = self.term()
        while True:
            token = self.here
            if self.accept("."):
                left = Dot(token.position, left, self.invocation())
            elif self.accept("["):
                left = Index(token.position, left, self.expression())
                self.expect("]")
            else:
                return left

    def term(self) -> Syntax:
        token = self.here
        if token.kind == "sign":
            return self.bracket()
        if token.kind == "variable":
            self.take()
            quoted = token.text[1] in "`'"
            return Variable(token.position, unescape(token.text[2:-1]) if quoted else token.text[1:])
        if token.kind in ("number", "long"):
            return self.number()
        if token.kind == "string":
            self.take()
            return Literal(token.position, unescape(token.text[1:-1]))
        if token.kind in ("date", "datetime", "time"):
            self.take()
            return Literal(token.position, self.temporal(token))
        if token.kind == "word" and token.text in ("true", "false"):
            self.take()
            return Literal(token.position, token.text == "true")
        return self.invocation()

    def bracket(self) -> Syntax:
        token = self.take()
        if token.text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if token.text == "{":
            self.expect("}")
            return Empty(token.position)
        raise invalid(f"unexpected {token.text!r}", token.position)

    def temporal(self, token: Token) -> object:
        value = parse_literal(token.text)
        if value is None:
            raise invalid("not a valid date or time", token.position)
        return value

    def number(self) -> Syntax:
        token = self.take()
        digits = token.text.rstrip("L")
        unit = self.here
        if unit.kind == "string":
            self.take()
            return Literal(token.position, Quantity(Decimal(digits), unescape(unit.text[1:-1])))
        if unit.kind == "word" and unit.text in CALENDAR_UNITS:
            self.take()
            return Literal(token.position, Quantity(Decimal(digits), CALENDAR_UNITS[unit.text]))
        return Literal(token.position, Decimal(digits) if "." in digits else int(digits))

    def invocation(self) -> Syntax:
        token = self.take()
        if token.kind == "special":
            return Special(token.position, token.text[1:])
        name = self.identifier(token)
        if not self.accept("("):
            return Member(token.position, name)
        arguments: list[Syntax] = []
        if not self.accept(")"):
            arguments.append(self.expression())
            while self.accept(","):
                arguments.append(self.expression())
            self.expect(")")
        return Call(token.position, name, tuple(arguments))

    def identifier(self, token: Token) -> str:
        if token.kind == "word":
            return token.text
        if token.kind == "quoted":
            return unescape(token.text[1:-1])
        what = "the end" if token.kind == "end" else repr(token.text)
        raise invalid(f"unexpected {what}", token.position)

    def type_name(self) -> str:
        first = self.identifier(self.take())
        return f"{first}.{self.identifier(self.take())}" if self.accept(".") else first

    def end(self) -> None:
        if self.here.kind != "end":
            raise invalid(f"unexpected {self.here.text!r}", self.here.position)


def parse(text: str) -> Syntax:
    """The syntax tree of `text`; raises `HieError(INVALID)` with the position of the mistake."""
    parser = _Parser(text)
    tree = parser.expression()
    parser.end()
    return tree


def type_name_of(argument: Syntax) -> str | None:
    """The type named by an argument of `is()`, `as()` or `ofType()`; None when it is no type name."""
    if isinstance(argument, Member):
        return argument.name
    if isinstance(argument, Dot) and isinstance(argument.left, Member) and isinstance(argument.right, Member):
        return f"{argument.left.name}.{argument.right.name}"
    return None
