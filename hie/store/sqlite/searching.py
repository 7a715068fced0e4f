"""Runs a plan on one connection: choose what drives, probe the rest, one page, its includes, the total."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import apsw
import orjson

from hie.search import match, page
from hie.search.clause import Clause
from hie.search.plan import Plan, Total
from hie.store.port import Page, Version
from hie.store.sqlite.driving import Compiler
from hie.store.sqlite.including import Including
from hie.store.sqlite.names import Names
from hie.store.sqlite.paging import Paging
from hie.store.sqlite.probing import Scope
from hie.store.sqlite.sets import Sets, Source

INLINE = 0.025
"""Seconds that a search may hold the event loop."""

_STEPS = 2000
"""SQLite instructions between looks at the clock."""

_BODIES = """SELECT r.pk, r.type, r.id, v.version, v.last_updated, v.body, v.method
FROM json_each(?) j CROSS JOIN resource r ON r.pk = j.value CROSS JOIN version v ON v.seq = r.seq"""


def prepare(connection: apsw.Connection) -> None:
    """Register the functions that conditions use; once for each connection that searches."""

    def words(*values: Any) -> bool:
        body, wanted, narrative = values
        return match.has_words(body, orjson.loads(wanted), bool(narrative))

    def km(*values: Any) -> float:
        return match.distance(*values)

    connection.create_scalar_function("hie_words", words, 3, deterministic=True)
    connection.create_scalar_function("hie_km", km, 4, deterministic=True)


class Searching:
    """Search on one connection; `secret` signs the cursors."""

    def __init__(self, connection: apsw.Connection, names: Names, secret: bytes) -> None:
        self._connection = connection
        self._names = names
        self._secret = secret
        self._compiler = Compiler(connection, names)
        self._sets = Sets(connection, self._compiler)
        self._including = Including(connection, self._compiler)

    def search(self, plan: Plan, seconds: float) -> Page:
        """One page, all of it of one moment; TIMEOUT (apsw.InterruptError) when it takes longer than `seconds`."""
        until = monotonic() + seconds
        alone = not self._connection.in_transaction
        self._connection.set_progress_handler(lambda: monotonic() > until, _STEPS)
        try:
            if alone:
                self._connection.execute("BEGIN")
            self._compiler.conditions.forget()
            return self._search(plan)
        finally:
            self._connection.set_progress_handler(None)
            if alone and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _search(self, plan: Plan) -> Page:
        position = page.decode(self._secret, plan)
        scope = self._compiler.scope(plan.types)
        source = self._sets.source(plan.clause, scope, sure=plan.explain or plan.total is not Total.NONE)
        total = None if plan.total is Total.NONE else self._sets.total(source, scope)
        paging = Paging(self._connection, self._sets, plan, scope, source)
        found = paging.found(position) if plan.count > 0 else []
        shown = found[: plan.count]
        more = None
        if len(found) > plan.count > 0:
            more = page.encode(self._secret, plan, [*shown[-1][1:], shown[-1][0]])
        numbers = [row[0] for row in shown]
        matches = self._versions(numbers)
        included = self._versions(self._including.included(plan.includes, numbers)) if plan.includes else []
        explained = self._explain(plan, scope, source, paging) if plan.explain else None
        return Page(matches, included, more, total, explained)

    def _versions(self, pks: Sequence[int]) -> list[Version]:
        """The current versions of these resources, in this order, by one statement."""
        name = self._names.type_name
        rows = self._connection.execute(_BODIES, (orjson.dumps(pks).decode(),))
        found = {pk: Version(name(type_pk), *rest) for pk, type_pk, *rest in rows}
        return [found[pk] for pk in pks]

    def _explain(self, plan: Plan, scope: Scope, source: Source, paging: Paging) -> dict[str, Any]:
        """What drove the search and how many rows each step left; counting them runs the steps again."""
        steps = []
        for number in range(len(source.probes) + 1):
            partial = Source(source.arms, source.probes[:number], source.best, [])
            name = _name(source.best) if number == 0 else _name(source.probes[number - 1])
            rows = self._sets.total(partial, scope)
            steps.append({"step": "drive" if number == 0 else "probe", "clause": name, "rows": rows})
        return {
            "types": list(plan.types),
            "estimates": [{"clause": _name(c), "rows": rows, "capped": capped} for c, rows, capped in source.counts],
            "steps": steps,
            "sort": paging.way(),
        }


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
