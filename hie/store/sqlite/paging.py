"""One page of a set in order. A dense set is not sorted if a window of what comes first already holds a page of it.

Each window is tried only when the set is known to be dense enough for it: a few rows are looked at before many are
counted, and many are counted before any are sorted.
"""

from collections.abc import Sequence
from typing import Any

import apsw

from hie.search.clause import And, Clause, Not, Present, Words
from hie.search.plan import Plan, SortKey
from hie.store.sqlite.conditions import Sql, joined
from hie.store.sqlite.dated import Pair, dated_pairs
from hie.store.sqlite.probing import Scope
from hie.store.sqlite.sets import Sets, Source, flat
from hie.store.sqlite.sorting import WALKS, after, order, rows_of, walk, with_keys

FEW = 100
"""A set of this size is sorted without a look at anything else."""

GLANCE = 1000
"""Rows of an index in order that are tried while nothing but their density is known."""

DENSE = 500
"""A set of this size that comes in no order is not sorted for a page: resources are probed in order first."""

DENSE_SORT = 2000
"""A set of this size is not sorted by a key: the index of the key is walked first, where there is one."""

HUGE = 50_000
"""A set of this size is not sorted even when the window of a walk did not fill the page."""

WINDOW = 2000
"""Resources that are probed before a dense set is sorted after all."""

WALK = 10_000
"""Index rows that are walked before a dense set is sorted after all."""

_ALL = 1 << 62

Position = list[Any]
Found = list[tuple[Any, ...]]
"""Rows of (resource number, sort values...)."""


class Paging:
    """Finds the page that `plan` wants of what `source` lists."""

    def __init__(self, connection: apsw.Connection, sets: Sets, plan: Plan, scope: Scope, source: Source) -> None:
        self._connection = connection
        self._sets = sets
        self._compiler = sets.compiler
        self._plan = plan
        self._scope = scope
        self._source = source
        self._limit = plan.count + 1
        self._dated: tuple[Clause, list[Pair]] | None = None
        if self._walkable():
            own = ((part, dated_pairs(part, plan.sort[0], scope, sets.compiler)) for part in flat(plan.clause))
            self._dated = next(((part, found) for part, found in own if found is not None), None)

    def found(self, position: Position | None) -> Found:
        """The matches behind `position`, one more than a page, if there are."""
        if not self._plan.sort:
            return self._unsorted(self._plan.clause, self._source, position, self._limit)
        key = self._plan.sort[0]
        if self._walkable() and not self._source.sure:
            glance = self._walked_in(GLANCE, position)
            if len(glance) == self._limit:
                return glance
        self._certain()
        window = self._window()
        return self._sorted(position) if window is None else self._walked(key, window, position)

    def way(self) -> str:
        """How the page comes to its order, for explaining."""
        if not self._plan.sort:
            return "number"
        return "sort" if self._window() is None else "walk"

    def _certain(self) -> None:
        if not self._source.sure:
            self._source = self._sets.source(self._plan.clause, self._scope)

    # -- by number -----------------------------------------------------------------------------------------------

    def _unsorted(self, clause: Clause, source: Source, position: Position | None, limit: int) -> Found:
        """The next matches by number."""
        beyond = [Sql("d.resource > ?", (position[0] if position else 0,))]
        if not source.sure:
            found = self._merged(source, beyond, limit, GLANCE)
            if found is not None:
                return found
            source = self._sets.source(clause, self._scope)
        if all(arm.ordered for arm in source.arms):
            return self._merged(source, beyond, limit) or []
        read = isinstance(source.best, Words)
        for size, window in () if read else ((FEW, 5 * limit), (DENSE, WINDOW)):
            if self._compiler.estimate(source.arms, size) < size:
                break
            found = self._chunk(source, beyond, limit, window)
            if found is not None:
                return found
        listed = self._sets.listing(source, self._scope, beyond)
        return self._connection.execute(f"{listed.text} ORDER BY 1 LIMIT ?", (*listed.values, limit)).fetchall()

    def _merged(self, source: Source, beyond: list[Sql], limit: int, window: int | None = None) -> Found | None:
        """Each arm gives its first matches without sorting; the first of all are among them. With `window` only so many
        rows of each arm are tried: None when one of them does not fill the page."""
        found: Found = []
        for arm in source.arms:
            probes = [self._compiler.probe(part, self._scope, "d.resource") for part in source.probes]
            sql = _first(arm.sql, beyond[0], probes, window)
            rows = self._connection.execute(f"{sql.text} LIMIT ?", (*sql.values, limit)).fetchall()
            if window is not None and len(rows) < limit:
                return None
            found += rows
        return sorted(set(found))[:limit] if len(source.arms) > 1 else found

    def _chunk(self, source: Source, beyond: list[Sql], limit: int, window: int) -> Found | None:
        """The next resources by number are probed. None when they do not fill the page, or come in no order."""
        everything = self._sets.everything(self._scope)
        if not everything.ordered:
            return None
        clauses = [*source.probes, *([source.best] if source.best is not None else [])]
        probes = [self._compiler.probe(part, self._scope, "d.resource") for part in clauses]
        sql = _first(everything.sql, beyond[0], probes, window)
        found: Found = self._connection.execute(f"{sql.text} LIMIT ?", (*sql.values, limit)).fetchall()
        return found if len(found) == limit else None

    # -- by sort keys --------------------------------------------------------------------------------------------

    def _sorted(self, position: Position | None) -> Found:
        """All matches with their sort values, sorted."""
        keys = self._plan.sort
        keyed = with_keys(keys, self._scope, self._compiler, self._sets.listing(self._source, self._scope))
        beyond = after(keys, position) if position else Sql("1")
        text = f"SELECT * FROM ({keyed.text}) WHERE {beyond.text} ORDER BY {order(keys)} LIMIT ?"
        return self._connection.execute(text, (*keyed.values, *beyond.values, self._limit)).fetchall()

    def _walkable(self) -> bool:
        keys = self._plan.sort
        return len(keys) == 1 and len(self._scope) == 1 and (keys[0].kind in WALKS or keys[0].param == "_lastUpdated")

    def _window(self) -> int | None:
        """How many rows of the key's index to walk; None when sorting the set is less work."""
        if not self._walkable() or isinstance(self._source.best, Words):
            return None
        if self._dated_drives():
            return WALK if self._compiler.estimate(self._source.arms, FEW) >= FEW else None
        size = self._compiler.estimate(self._source.arms, DENSE_SORT)
        if size >= DENSE_SORT:
            return WALK
        reach = min(size * size // self._limit, WALK)
        if size < FEW or rows_of(self._plan.sort[0], self._scope, self._compiler, reach + 1) > reach:
            return None
        return reach

    def _dated_drives(self) -> bool:
        """Whether what drives is listed in the order of the key."""
        return self._dated is not None and self._dated[0] is self._source.best

    def _complete(self, window: int) -> bool:
        """Whether a walk of so many rows saw all that drives: a resource has two in `dated` for each pair at most."""
        return self._dated_drives() and self._compiler.estimate(self._source.arms, window // 2) < window // 2

    def _walked(self, key: SortKey, window: int, position: Position | None) -> Found:
        """Matches in the order of the sort key's index; then those without a value."""
        found: Found = []
        if position is None or position[0] is not None:
            found = self._walked_in(window, position)
            if len(found) < self._limit and not self._complete(window):
                if self._compiler.estimate(self._source.arms, HUGE) < HUGE:
                    return self._sorted(position)
                found = self._walked_in(_ALL, position)
        if len(found) >= self._limit or key.param == "_lastUpdated":
            return found
        clause = And((self._plan.clause, Not(Present(key.param, key.kind))))
        rest = self._sets.source(clause, self._scope)
        start = [position[1]] if position is not None and position[0] is None else None
        return found + [(row[0], None) for row in self._unsorted(clause, rest, start, self._limit - len(found))]

    def _walked_in(self, window: int, position: Position | None) -> Found:
        """What the next `window` rows of the key's index hold, in order."""
        if position is not None and position[0] is None:
            return []
        listed, dated = self._dated or (None, [])
        rest = [part for part in flat(self._plan.clause) if part is not listed]
        probes = [self._compiler.probe(part, self._scope, "w.resource") for part in rest]
        sql = walk(self._plan.sort[0], self._scope, self._compiler, probes, position, window, dated)
        if sql is None:
            return []
        return self._connection.execute(f"{sql.text} LIMIT ?", (*sql.values, self._limit)).fetchall()


def _first(listed: Sql, beyond: Sql, probes: Sequence[Sql], window: int | None) -> Sql:
    """SELECT of what passes the probes among the first resources beyond a number, in order, each once."""
    if window is None:
        where = joined([beyond, *probes], "AND")
        text = f"SELECT DISTINCT d.resource AS resource FROM ({listed.text}) d WHERE {where.text} ORDER BY 1"
        return Sql(text, listed.values + where.values)
    rows = f"SELECT d.resource AS resource FROM ({listed.text}) d WHERE {beyond.text} ORDER BY 1 LIMIT {window}"
    where = joined(probes or [Sql("1")], "AND")
    text = f"SELECT DISTINCT d.resource AS resource FROM ({rows}) d WHERE {where.text} ORDER BY 1"
    return Sql(text, listed.values + beyond.values + where.values)
