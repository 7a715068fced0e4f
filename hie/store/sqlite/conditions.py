"""Tests -> SQL conditions on one row of an entry table (`hie.store.sqlite.schema`); values are always bound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from hie.search.clause import (
    Compare,
    Hierarchy,
    IdentifierTest,
    Kind,
    OfTypeTest,
    Op,
    QuantityTest,
    RangeTest,
    ReferenceTest,
    StringTest,
    Test,
    TokenPrefixTest,
    TokenTest,
    TokenTextTest,
    UriCompare,
    UriTest,
)
from hie.search.fold import fold
from hie.search.match import above
from hie.store.sqlite.names import Names

DAY = 86_400_000_000
"""Date ranges longer than this (microseconds) have an index of their own, by their end."""

_LAST = "\U0010ffff"
"""Sorts after every text that continues a prefix."""


_FEW = 64
"""Concepts or resources of a condition up to which their numbers are written out: index scans keep their order."""

_UP = """WITH RECURSIVE line (pk) AS (
    SELECT ? UNION SELECT x.target FROM line CROSS JOIN reference x ON x.resource = line.pk AND x.param = ?
    CROSS JOIN resource r ON r.pk = x.target AND r.type = ?
) SELECT pk FROM line"""
_DOWN = """WITH RECURSIVE line (pk) AS (
    SELECT ? UNION SELECT x.resource FROM line CROSS JOIN reference x ON x.param = ? AND x.target = line.pk
) SELECT pk FROM line"""
"""The numbers above (resource, parameter, type) and below (resource, parameter) a resource, its own included."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values for its `?`, in order."""

    text: str
    values: tuple[Any, ...] = ()


NEVER = Sql("0")


def joined(parts: Sequence[Sql], word: str) -> Sql:
    """The parts with AND or OR between them, in brackets."""
    if len(parts) == 1:
        return parts[0]
    text = f" {word} ".join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.values))


def one_of(column: str, numbers: Sequence[int]) -> Sql:
    """`column` is one of `numbers`."""
    if not numbers:
        return NEVER
    if len(numbers) == 1:
        return Sql(f"{column} = ?", (numbers[0],))
    return Sql(f"{column} IN ({', '.join('?' * len(numbers))})", tuple(numbers))


class Conditions:
    """Conditions for tests, for the state of one connection: names are looked up on it."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names
        self._seen: dict[tuple[str, tuple[Any, ...]], list[int]] = {}

    def forget(self) -> None:
        """A search begins: what was looked up for the one before may have changed."""
        self._seen.clear()

    def _listed(self, sql: str, values: tuple[Any, ...]) -> list[int]:
        """The first numbers that a SELECT gives, one more than a few; asked once in a search."""
        found = self._seen.get((sql, values))
        if found is None:
            rows = self._connection.execute(f"{sql} LIMIT {_FEW + 1}", values)
            found = self._seen[sql, values] = [row[0] for row in rows]
        return found

    def condition(self, test: Test, kind: Kind, prefix: str = "", key: str | None = None) -> Sql:
        """`test` on the row; `prefix` (like `c0.`) is put before each column, `key` is the column of concepts."""
        return _MAKERS[type(test)](self, test, kind, prefix, prefix + (key or _KEY_COLUMN.get(kind, "")))

    def _concepts(self, where: str, values: tuple[Any, ...], column: str) -> Sql:
        """Concepts by a condition: their numbers when few, which keeps an index scan in order, else a subquery."""
        sql = f"SELECT pk FROM concept WHERE {where}"
        found = self._listed(sql, values)
        return one_of(column, found) if len(found) <= _FEW else Sql(f"{column} IN ({sql})", values)

    def token(self, test: TokenTest, kind: Kind, prefix: str, key: str) -> Sql:
        """`[system]|[code]`."""
        if test.system is None:
            return self._concepts("code = ? AND text = ''", (test.code,), key)
        system = self._names.system(test.system)
        if system is None:
            return NEVER
        if test.code is None:
            return self._concepts("system = ? AND code <> ''", (system,), key)
        return self._concepts("code = ? AND system = ? AND text = ''", (test.code, system), key)

    def of_type(self, test: OfTypeTest, kind: Kind, prefix: str, key: str) -> Sql:
        """`:of-type`."""
        return self.token(TokenTest(f"{test.system}|{test.code}", test.value), kind, prefix, key)

    def identifier(self, test: IdentifierTest, kind: Kind, prefix: str, key: str) -> Sql:
        """`:identifier`."""
        return self.token(TokenTest(test.system, test.value), kind, prefix, key)

    def token_text(self, test: TokenTextTest, kind: Kind, prefix: str, key: str) -> Sql:
        """`:text`: concepts that the text was ever used for, then the rows where it is."""
        phrases = "SELECT pk FROM concept WHERE text >= ? AND text < ? AND text <> '' AND code = '' AND system = 0"
        values = (test.text, test.text + _LAST)
        concepts = f"SELECT concept FROM said WHERE phrase IN ({phrases}) UNION ALL {phrases}"
        return Sql(f"({key} IN ({concepts}) AND {prefix}phrase IN ({phrases}))", values * 3)

    def token_prefix(self, test: TokenPrefixTest, kind: Kind, prefix: str, key: str) -> Sql:
        """Codes that begin with a text."""
        return self._concepts("code >= ? AND code < ? AND text = ''", (test.prefix, test.prefix + _LAST), key)

    def uri(self, test: UriTest, kind: Kind, prefix: str, key: str) -> Sql:
        """URIs: equal, below, above."""
        if test.compare is UriCompare.EXACT:
            return self._concepts("code = ? AND system = 0 AND text = ''", (test.uri,), key)
        if test.compare is UriCompare.ABOVE:
            found = above(test.uri)
            marks = ", ".join("?" * len(found))
            return self._concepts(f"code IN ({marks}) AND system = 0 AND text = ''", tuple(found), key)
        below = test.uri.rstrip("/") + "/"
        where = "(code = ? OR code >= ? AND code < ?) AND system = 0 AND text = ''"
        return self._concepts(where, (test.uri, below, below + _LAST), key)

    def string(self, test: StringTest, kind: Kind, prefix: str, key: str) -> Sql:
        """Strings: an index range where the beginning is known."""
        text, column = test.text, f"{prefix}text"
        match test.compare:
            case Compare.STARTS:
                return Sql(f"({column} >= ? AND {column} < ?)", (text, text + _LAST))
            case Compare.EQUALS:
                return Sql(f"{column} = ?", (text,))
            case Compare.EXACT:
                return Sql(f"({column} = ? AND {prefix}exact = ?)", (fold(text), text))
            case Compare.CONTAINS:
                return Sql(f"instr({column}, ?) > 0", (text,))
            case Compare.ENDS:
                return Sql(f"substr({column}, -length(?)) = ?", (text, text))

    def reference(self, test: ReferenceTest, kind: Kind, prefix: str, key: str) -> Sql:
        """References: resources here are looked up by type and id, others by URL."""
        if test.hierarchy is not None:
            return self._line(test, test.hierarchy, key)
        if test.url is not None:
            keys = [("", test.url)]
        elif test.type is not None:
            keys = [(test.type, test.id or "")]
        else:
            keys = [(name, test.id or "") for name in self._names.types() if name]
        found = [pk for name, value in keys if (pk := self.resource(name, value)) is not None]
        target = one_of(key, found)
        if test.version is None or prefix:
            return target
        return joined([target, Sql(f"{prefix}version = ?", (test.version,))], "AND")

    def _line(self, test: ReferenceTest, hierarchy: Hierarchy, key: str) -> Sql:
        """`:above`, `:below`: the numbers of all that belongs when few, else a subquery. UNION ends circles."""
        type_pk = self._names.type(test.type or "")
        start = self.resource(test.type or "", test.id or "")
        if type_pk is None or start is None:
            return NEVER
        values: tuple[Any, ...] = (start, self._names.param(type_pk, hierarchy.parent))
        sql, values = (_UP, (*values, type_pk)) if hierarchy.up else (_DOWN, values)
        found = self._listed(sql, values)
        return one_of(key, found) if len(found) <= _FEW else Sql(f"{key} IN ({sql})", values)

    def resource(self, resource_type: str, resource_id: str) -> int | None:
        """The number of a resource on this connection; None when it was never written or referred to."""
        type_pk = self._names.type(resource_type)
        if type_pk is None:
            return None
        row = self._connection.execute("SELECT pk FROM resource WHERE type = ? AND id = ?", (type_pk, resource_id)).get
        return None if row is None else int(row)

    def range(self, test: RangeTest, kind: Kind, prefix: str, key: str) -> Sql:
        """Dates and numbers."""
        if kind is Kind.DATE:
            return date_condition(test, f"{prefix}low", f"{prefix}high")
        return _range(_NUMBERS, test, f"{prefix}low", f"{prefix}high")

    def quantity(self, test: QuantityTest, kind: Kind, prefix: str, key: str) -> Sql:
        """Quantities: in canonical units where both sides have them, else as written."""
        written = self._written(test, prefix)
        if test.canonical is None:
            return written
        return joined([self._canonical(test, prefix), _both(written, f"{prefix}canonical IS NULL")], "OR")

    def quantity_arms(self, test: QuantityTest) -> list[Sql]:
        """The same, one condition for each partial index of the table."""
        written = self._written(test, "")
        without = _both(written, "canonical IS NULL")
        other = _both(written, "canonical IS NOT NULL") if test.canonical is None else self._canonical(test, "")
        return [without, other]

    def _written(self, test: QuantityTest, prefix: str) -> Sql:
        parts = [_range(_NUMBERS, test.range, f"{prefix}low", f"{prefix}high")]
        if test.system is not None or test.code is not None:
            parts.append(self._unit(test, f"{prefix}unit"))
        return joined(parts, "AND")

    def _canonical(self, test: QuantityTest, prefix: str) -> Sql:
        assert test.canonical is not None
        column = f"{prefix}canonical"
        unit = self._concepts("code = ? AND system = 0 AND text = ''", (test.unit,), column)
        return joined([unit, _range(_NUMBERS, test.canonical, f"{column}_low", f"{column}_high")], "AND")

    def _unit(self, test: QuantityTest, column: str) -> Sql:
        if test.system is None:
            return self._concepts("code = ? OR text <> '' AND text = ?", (test.code, test.code), column)
        system = self._names.system(test.system)
        if system is None:
            return NEVER
        if test.code is None:
            return self._concepts("system = ?", (system,), column)
        return self._concepts("code = ? AND system = ?", (test.code, system), column)


def _both(condition: Sql, more: str) -> Sql:
    return Sql(f"({condition.text} AND {more})", condition.values)


def date_condition(test: RangeTest, low: str, high: str) -> Sql:
    """A date test on [`low`, `high`), two SQL expressions."""
    return _range(_DATES, test, low, high)


def _range(table: dict[Op, tuple[str, str]], test: RangeTest, low: str, high: str) -> Sql:
    text, ends = table[test.op]
    values = tuple(test.low if end == "l" else test.high for end in ends)
    return Sql(text.replace("LOW", low).replace("HIGH", high), values)


_DATES: dict[Op, tuple[str, str]] = {
    Op.EQ: ("(LOW >= ? AND LOW < ? AND HIGH <= ?)", "lhh"),
    Op.NE: ("(LOW < ? OR LOW >= ? OR HIGH > ?)", "lhh"),
    Op.GT: ("HIGH > ?", "h"),
    Op.LT: ("LOW < ?", "l"),
    Op.GE: ("HIGH > ?", "l"),
    Op.LE: ("LOW < ?", "h"),
    Op.SA: ("LOW >= ?", "h"),
    Op.EB: ("HIGH <= ?", "l"),
    Op.AP: ("(LOW < ? AND HIGH > ?)", "hl"),
}
"""Condition on [LOW, HIGH) of a date; `l` and `h` are the ends of the searched range, in the order of the `?`."""

_NUMBERS: dict[Op, tuple[str, str]] = {
    Op.EQ: ("(LOW >= ? AND LOW < ? AND HIGH < ?)", "lhh"),
    Op.NE: ("(LOW < ? OR LOW >= ? OR HIGH >= ?)", "lhh"),
    Op.GT: ("HIGH > ?", "h"),
    Op.LT: ("LOW < ?", "l"),
    Op.GE: ("HIGH >= ?", "l"),
    Op.LE: ("LOW <= ?", "h"),
    Op.SA: ("LOW > ?", "h"),
    Op.EB: ("HIGH < ?", "l"),
    Op.AP: ("(LOW <= ? AND HIGH >= ?)", "hl"),
}
"""The same for numbers, whose ends are exact."""

_KEY_COLUMN = {Kind.TOKEN: "concept", Kind.URI: "concept", Kind.REFERENCE: "target"}

_MAKERS: dict[type, Callable[..., Sql]] = {
    TokenTest: Conditions.token,
    OfTypeTest: Conditions.of_type,
    IdentifierTest: Conditions.identifier,
    TokenTextTest: Conditions.token_text,
    TokenPrefixTest: Conditions.token_prefix,
    UriTest: Conditions.uri,
    StringTest: Conditions.string,
    ReferenceTest: Conditions.reference,
    RangeTest: Conditions.range,
    QuantityTest: Conditions.quantity,
}
