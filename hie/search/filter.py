"""The `_filter` parameter: a small expression language over search parameters (FHIR R4 search_filter.html).

filter = part { ("and" | "or") part }        "and" binds closer than "or"
part   = ["not"] "(" filter ")" | path operator value
path   = name [ "[" filter "]" ] { "." path }
value  = '"' text '"' | anything up to a blank, ")" or "]"
"""

import re
from collections.abc import Callable, Sequence

from hie.base.errors import HieError
from hie.search import params
from hie.search.clause import And, Clause, Compare, Kind, Match, Not, Or, StringTest
from hie.search.fold import fold
from hie.search.setting import Setting, invalid

_WORD = re.compile(r'\s*([()\[\].]|[^\s()\[\]."]+)')
_VALUE = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s)\]"]+)')
_DEEPEST = 20

_ORDERED = ("gt", "lt", "ge", "le", "sa", "eb", "ap")
_STRINGS = {"eq": Compare.EQUALS, "co": Compare.CONTAINS, "sw": Compare.STARTS, "ew": Compare.ENDS}
_TERMS = {"ss": "below", "sb": "above", "in": "in"}

Inner = Callable[[Sequence[str]], Clause]
Chained = Callable[[Setting, Sequence[str], str, str | None, Inner], Clause]


def parse_filter(setting: Setting, types: Sequence[str], text: str, chain: Chained) -> Clause:
    """The clause of a `_filter` on `types`; `chain` makes `name.…` into a clause. INVALID when it is malformed."""
    reader = _Reader(setting, text.rstrip(), chain)
    found = reader.any(types, 0)
    if reader.peek() is not None:
        raise invalid("_filter", f"has more behind its end at character {reader.at}")
    return found


class _Reader:
    """Recursive descent over the text; what a word may hold depends on whether a value is expected."""

    def __init__(self, setting: Setting, text: str, chain: Chained) -> None:
        self._setting = setting
        self._text = text
        self._at = 0
        self._chain = chain
        self._furthest = 0

    @property
    def at(self) -> int:
        """The number of the character that is read next, from 1."""
        return self._at + 1

    def peek(self) -> str | None:
        """The next word, None at the end."""
        return None if self._at == len(self._text) else self._word(_WORD)[1]

    def _word(self, form: re.Pattern[str], wanted: str = "a word") -> re.Match[str]:
        found = form.match(self._text, self._at)
        if found is None:
            raise invalid("_filter", f"lacks {wanted} at character {self.at}")
        return found

    def _next(self, wanted: str | None = None) -> str:
        found = self._word(_WORD, wanted or "a word")
        if wanted not in (None, found[1]):
            raise invalid("_filter", f"lacks {wanted} at character {self.at}")
        self._at = found.end()
        return found[1]

    def _value(self) -> str:
        found = self._word(_VALUE, "a value")
        self._at = found.end()
        return found[1]

    def any(self, types: Sequence[str], depth: int) -> Clause:
        """One or more parts joined by `or`."""
        if depth > _DEEPEST:
            raise invalid("_filter", "is nested too deeply")
        parts = [self._all(types, depth)]
        while self.peek() == "or":
            self._next()
            parts.append(self._all(types, depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, types: Sequence[str], depth: int) -> Clause:
        parts = [self._part(types, depth)]
        while self.peek() == "and":
            self._next()
            parts.append(self._part(types, depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _part(self, types: Sequence[str], depth: int) -> Clause:
        negated = self.peek() == "not"
        if negated:
            self._next()
        if negated or self.peek() == "(":
            self._next("(")
            found = self.any(types, depth + 1)
            self._next(")")
            return Not(found) if negated else found
        return self._path(types, depth)

    def _path(self, types: Sequence[str], depth: int) -> Clause:
        name = self._next()
        if self.peek() not in ("[", "."):
            return self._comparison(types, name)
        start = self._at

        def inner(targets: Sequence[str]) -> Clause:
            self._at = start
            narrowed: tuple[Clause, ...] = ()
            if self.peek() == "[":
                self._next()
                narrowed = (self.any(targets, depth + 1),)
                self._next("]")
            self._next(".")
            rest = self._path(targets, depth + 1)
            self._furthest = self._at
            return And((*narrowed, rest)) if narrowed else rest

        found = self._chain(self._setting, types, name, None, inner)
        self._at = self._furthest
        return found

    def _comparison(self, types: Sequence[str], name: str) -> Clause:
        operator, value = self._next(), self._value()
        quoted = value.startswith('"')
        text = re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value
        try:
            return compare(self._setting, types, name, operator, text)
        except HieError as error:
            raise HieError(error.category, f"In _filter: {error.message}", expression="_filter") from error


def compare(setting: Setting, types: Sequence[str], name: str, operator: str, text: str) -> Clause:
    """`name operator text` as a clause; INVALID when the operator is not defined for the type of the parameter."""
    kind = Kind(params.parameter(setting, types, name).type)
    if operator == "pr" and text in ("true", "false"):
        return params.clause(setting, types, name, "missing", "false" if text == "true" else "true")
    if operator == "ne":
        return Not(compare(setting, types, name, "eq", text))
    if kind is Kind.STRING and operator in _STRINGS:
        return Match(name, kind, (StringTest(fold(text), _STRINGS[operator]),))
    escaped = re.sub(r"([,$\\])", r"\\\1", text)
    if kind in (Kind.DATE, Kind.NUMBER, Kind.QUANTITY) and operator in ("eq", *_ORDERED):
        return params.clause(setting, types, name, None, operator + escaped)
    if operator == "po" and kind is Kind.DATE:
        ends = (params.clause(setting, types, name, None, end + escaped) for end in ("ge", "le"))
        return And(tuple(ends))
    if operator in _TERMS and kind is Kind.TOKEN:
        return params.clause(setting, types, name, _TERMS[operator], escaped)
    if operator in ("eq", "re") and kind in (Kind.TOKEN, Kind.REFERENCE, Kind.URI):
        return params.clause(setting, types, name, None, escaped)
    raise invalid(name, f"has the operator {operator}, which is not defined for a {kind} parameter")
