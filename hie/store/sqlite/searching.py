"""Runs a plan on one connection: choose what drives, probe the rest, one page, its includes, the total."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import apsw
import orjson

from hie.base.errors import Category, HieError
from hie.search import match, page
from hie.search.plan import And, Clause, Include, Not, Plan, Present, SortKey, Total
from hie.store.port import Page, Version
from hie.store.sqlite.conditions import Sql, joined, one_of
from hie.store.sqlite.driving import Arm, Compiler, checked
from hie.store.sqlite.names import Names
from hie.store.sqlite.probing import Scope
from hie.store.sqlite.sorting import WALKS, after, order, walk, with_keys

DENSE = 500
"""A set of this size that comes in no order is not sorted for a page: resources are probed in order first."""

DENSE_SORT = 2000
"""A set of this size is not sorted by a key: the index of the key is walked first, where there is one."""

HUGE = 50_000
"""A set of this size is not sorted even when the window of a walk did not fill the page."""

MOST_INCLUDED = 5000
"""Included resources of a page at most; more is TOO_LARGE."""

_WINDOW = 2000
"""Resources that are probed before a dense set is sorted after all."""

_WALK = 10_000
"""Index rows that are walked before a dense set is sorted after all."""

_ALL = 1 << 62

_STEPS = 2000
"""SQLite instructions between looks at the clock."""

_BODIES = """SELECT r.pk, r.type, r.id, v.version, v.last_updated, v.body, v.method
FROM json_each(?) j CROSS JOIN resource r ON r.pk = j.value CROSS JOIN version v ON v.seq = r.seq"""

Position = list[Any]
Found = list[tuple[Any, ...]]
"""Rows of (resource number, sort values...)."""


def prepare(connection: apsw.Connection) -> None:
    """Register the functions that conditions use; once for each connection that searches."""

    def words(*values: Any) -> bool:
        body, wanted, narrative = values
        return match.has_words(body, orjson.loads(wanted), bool(narrative))

    def km(*values: Any) -> float:
        return match.distance(*values)

    connection.create_scalar_function("hie_words", words, 3, deterministic=True)
    connection.create_scalar_function("hie_km", km, 4, deterministic=True)


@dataclass(frozen=True)
class _Source:
    """What drives, and what is probed. `arms` are live; `best` and `rest` are for explaining."""

    arms: list[Arm]
    probes: list[Clause]
    best: Clause | None
    counts: list[tuple[Clause, int, bool]]


class Searching:
    """Search on one connection; `secret` signs the cursors."""

    def __init__(self, connection: apsw.Connection, names: Names, secret: bytes) -> None:
        self._connection = connection
        self._names = names
        self._secret = secret
        self._compiler = Compiler(connection, names)

    def search(self, plan: Plan, seconds: float) -> Page:
        """One page, all of it of one moment; TIMEOUT (apsw.InterruptError) when it takes longer than `seconds`."""
        until = monotonic() + seconds
        alone = not self._connection.in_transaction
        self._connection.set_progress_handler(lambda: monotonic() > until, _STEPS)
        try:
            if alone:
                self._connection.execute("BEGIN")
            return self._search(plan)
        finally:
            self._connection.set_progress_handler(None)
            if alone and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _search(self, plan: Plan) -> Page:
        position = page.decode(self._secret, plan)
        scope = self._compiler.scope(plan.types)
        source = self._source(plan.clause, scope)
        total = None if plan.total is Total.NONE else self._total(source, scope)
        found: Found = []
        if plan.count > 0:
            found = self._page(plan, scope, source, position)
        shown = found[: plan.count]
        more = None
        if len(found) > plan.count > 0:
            more = page.encode(self._secret, plan, [*shown[-1][1:], shown[-1][0]])
        matches = self._versions([row[0] for row in shown])
        included = self._included(plan.includes, [row[0] for row in shown]) if plan.includes else []
        explained = self._explain(plan, scope, source) if plan.explain else None
        return Page(matches, included, more, total, explained)

    # -- the set of matches --------------------------------------------------------------------------------------

    def _source(self, clause: Clause, scope: Scope) -> _Source:
        clauses = _flat(clause)
        best, arms, counts = self._compiler.choose(clauses, scope)
        if arms is None:
            return _Source([self._everything(scope)], clauses, None, [])
        live = [checked(arm, scope) for arm in arms]
        return _Source(live, [part for part in clauses if part is not best], best, counts)

    def _everything(self, scope: Scope) -> Arm:
        if set(scope) == set(self._compiler.scope(())):
            return Arm(Sql("SELECT pk AS resource FROM resource WHERE deleted = 0"), True)
        types = one_of("type", scope)
        text = f"SELECT pk AS resource FROM resource WHERE {types.text} AND deleted = 0"
        return Arm(Sql(text, types.values), len(scope) == 1)

    def _set(self, source: _Source, scope: Scope, more: Sequence[Sql] = ()) -> Sql:
        """SELECT of each matching `resource` once."""
        arms = " UNION ALL ".join(arm.sql.text for arm in source.arms) or "SELECT NULL AS resource WHERE 0"
        values = tuple(value for arm in source.arms for value in arm.sql.values)
        probes = [*more, *(self._compiler.probe(part, scope, "d.resource") for part in source.probes)]
        where = joined(probes or [Sql("1")], "AND")
        text = f"SELECT DISTINCT d.resource AS resource FROM ({arms}) d WHERE {where.text}"
        return Sql(text, values + where.values)

    def _total(self, source: _Source, scope: Scope) -> int:
        found = self._set(source, scope)
        return int(self._connection.execute(f"SELECT count(*) FROM ({found.text})", found.values).get)

    # -- one page ------------------------------------------------------------------------------------------------

    def _page(self, plan: Plan, scope: Scope, source: _Source, position: Position | None) -> Found:
        limit = plan.count + 1
        if not plan.sort:
            return self._unsorted(source, scope, position, limit)
        if self._walks(plan.sort, scope, source):
            return self._walked(plan, scope, source, position, limit)
        return self._sorted(plan.sort, scope, source, position, limit)

    def _unsorted(self, source: _Source, scope: Scope, position: Position | None, limit: int) -> Found:
        """The next matches by number."""
        beyond = [Sql("d.resource > ?", (position[0] if position else 0,))]
        if all(arm.ordered for arm in source.arms):
            return self._merged(source, scope, beyond, limit)
        if self._compiler.estimate(source.arms, DENSE) >= DENSE:
            found = self._chunk(source, scope, beyond, limit)
            if found is not None:
                return found
        found_set = self._set(source, scope, beyond)
        return self._connection.execute(f"{found_set.text} ORDER BY 1 LIMIT ?", (*found_set.values, limit)).fetchall()

    def _merged(self, source: _Source, scope: Scope, beyond: list[Sql], limit: int) -> Found:
        """Each arm gives its first matches without sorting; the first of all are among them."""
        found: Found = []
        for arm in source.arms:
            one = self._set(_Source([arm], source.probes, source.best, []), scope, beyond)
            rows = self._connection.execute(f"{one.text} ORDER BY 1 LIMIT ?", (*one.values, limit))
            found += rows.fetchall()
        return sorted(set(found))[:limit] if len(source.arms) > 1 else found

    def _chunk(self, source: _Source, scope: Scope, beyond: list[Sql], limit: int) -> Found | None:
        """A dense set is not sorted: the next resources by number are probed. None when they do not fill the page."""
        everything = self._everything(scope)
        if not everything.ordered:
            return None
        clauses = [*source.probes, *([source.best] if source.best is not None else [])]
        arm, above = everything.sql, beyond[0]
        window = (
            f"SELECT d.resource AS resource FROM ({arm.text}) d WHERE {above.text} ORDER BY d.resource LIMIT {_WINDOW}"
        )
        probes = joined([self._compiler.probe(part, scope, "d.resource") for part in clauses] or [Sql("1")], "AND")
        text = f"SELECT d.resource FROM ({window}) d WHERE {probes.text} LIMIT ?"
        values = (*arm.values, *above.values, *probes.values, limit)
        found: Found = self._connection.execute(text, values).fetchall()
        return found if len(found) == limit else None

    def _sorted(
        self, keys: Sequence[SortKey], scope: Scope, source: _Source, position: Position | None, limit: int
    ) -> Found:
        """All matches with their sort values, sorted."""
        keyed = with_keys(keys, scope, self._compiler, self._set(source, scope))
        beyond = after(keys, position) if position else Sql("1")
        text = f"SELECT * FROM ({keyed.text}) WHERE {beyond.text} ORDER BY {order(keys)} LIMIT ?"
        return self._connection.execute(text, (*keyed.values, *beyond.values, limit)).fetchall()

    def _walks(self, keys: Sequence[SortKey], scope: Scope, source: _Source) -> bool:
        if len(keys) > 1 or len(scope) != 1 or (keys[0].kind not in WALKS and keys[0].param != "_lastUpdated"):
            return False
        return self._compiler.estimate(source.arms, DENSE_SORT) >= DENSE_SORT

    def _walked(self, plan: Plan, scope: Scope, source: _Source, position: Position | None, limit: int) -> Found:
        """Matches in the order of the sort key's index; then those without a value."""
        key = plan.sort[0]
        found: Found = []
        if position is None or position[0] is not None:
            walked = self._walk(plan, scope, source, position, limit)
            if walked is None:
                return self._sorted(plan.sort, scope, source, position, limit)
            found = walked
        if len(found) >= limit or key.param == "_lastUpdated":
            return found
        rest = self._source(And((plan.clause, Not(Present(key.param, key.kind)))), scope)
        start = [position[1]] if position is not None and position[0] is None else None
        return found + [(row[0], None) for row in self._unsorted(rest, scope, start, limit - len(found))]

    def _walk(self, plan: Plan, scope: Scope, source: _Source, position: Position | None, limit: int) -> Found | None:
        """What has a value, in order; None when a window of the index did not fill the page and sorting is cheaper."""
        probes = [self._compiler.probe(part, scope, "w.resource") for part in _flat(plan.clause)]
        for window in (_WALK, _ALL):
            sql = walk(plan.sort[0], scope, self._compiler, probes, position, window)
            if sql is None:
                return []
            found: Found = self._connection.execute(f"{sql.text} LIMIT ?", (*sql.values, limit)).fetchall()
            if len(found) == limit or window == _ALL:
                return found
            if self._compiler.estimate(source.arms, HUGE) < HUGE:
                return None
        return None

    def _versions(self, pks: Sequence[int]) -> list[Version]:
        """The current versions of these resources, in this order, by one statement."""
        name = self._names.type_name
        rows = self._connection.execute(_BODIES, (orjson.dumps(pks).decode(),))
        found = {pk: Version(name(type_pk), *rest) for pk, type_pk, *rest in rows}
        return [found[pk] for pk in pks]

    # -- includes ------------------------------------------------------------------------------------------------

    def _included(self, includes: Sequence[Include], matches: list[int]) -> list[Version]:
        seen = set(matches)
        fresh = matches
        found: list[int] = []
        first = True
        while fresh:
            wave: list[int] = []
            for include in includes:
                if first or include.iterate:
                    wave += [pk for pk in self._follow(include, fresh) if pk not in seen]
                    seen.update(wave)
            fresh = list(dict.fromkeys(wave))
            found += fresh
            first = False
            if len(found) > MOST_INCLUDED:
                raise HieError(Category.TOO_LARGE, f"More than {MOST_INCLUDED} resources to include; ask for less.")
        return self._versions(found)

    def _follow(self, include: Include, pks: Sequence[int]) -> list[int]:
        """Current resources at the other end of the references that `include` names, by number.

        Each end is looked at once, however many references lead to it.
        """
        compiler = self._compiler
        near, far = ("target", "resource") if include.reverse else ("resource", "target")
        here, there = (include.target, include.source) if include.reverse else (include.source, include.target)
        tests, ends = [Sql("1")], [Sql("f.deleted = 0")]
        start = f"json_each(?) j CROSS JOIN reference x ON x.{near} = j.value"
        if here:
            start = f"json_each(?) j CROSS JOIN resource n ON n.pk = j.value CROSS JOIN reference x ON x.{near} = n.pk"
            tests.append(one_of("n.type", compiler.scope((here,))))
        if there:
            ends.append(one_of("f.type", compiler.scope((there,))))
        if include.param:
            sources = compiler.scope((include.source,) if include.source else ())
            tests.append(one_of("x.param", compiler.params(sources, include.param)))
        named, current = joined(tests, "AND"), joined(ends, "AND")
        text = (
            f"SELECT f.pk FROM (SELECT DISTINCT x.{far} AS pk FROM {start} WHERE {named.text}) d "
            f"CROSS JOIN resource f ON f.pk = d.pk WHERE {current.text} ORDER BY 1"
        )
        values = (orjson.dumps(pks).decode(), *named.values, *current.values)
        return [row[0] for row in self._connection.execute(text, values)]

    # -- explaining ----------------------------------------------------------------------------------------------

    def _explain(self, plan: Plan, scope: Scope, source: _Source) -> dict[str, Any]:
        """What drove the search and how many rows each step left; counting them runs the steps again."""
        steps = []
        for number in range(len(source.probes) + 1):
            partial = _Source(source.arms, source.probes[:number], source.best, [])
            name = _name(source.best) if number == 0 else _name(source.probes[number - 1])
            steps.append(
                {"step": "drive" if number == 0 else "probe", "clause": name, "rows": self._total(partial, scope)}
            )
        return {
            "types": list(plan.types),
            "estimates": [{"clause": _name(c), "rows": rows, "capped": capped} for c, rows, capped in source.counts],
            "steps": steps,
            "sort": "walk"
            if plan.sort and self._walks(plan.sort, scope, source)
            else "sort"
            if plan.sort
            else "number",
        }


def _flat(clause: Clause) -> list[Clause]:
    if isinstance(clause, And):
        return [part for inner in clause.clauses for part in _flat(inner)]
    return [clause]


def _name(clause: Clause | None) -> str:
    """A clause without its values: they may be a patient's."""
    if clause is None:
        return "all resources of the types"
    param = getattr(clause, "param", None)
    inner = getattr(clause, "clause", None)
    parts = [part for part in (param, _name(inner) if inner is not None else None) if part]
    nested = getattr(clause, "clauses", None)
    if nested is not None:
        parts = [_name(part) for part in nested]
    return f"{type(clause).__name__}({', '.join(parts)})"
