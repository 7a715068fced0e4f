"""Runs a plan: choose what drives, probe the rest, one page, its includes, the total.

Everything but the bodies of a page happens in the server, in aggregation pipelines over `resource`, each with the index
that was chosen for it.
"""

from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from hie.search import page
from hie.search.plan import Plan, Total
from hie.store.mongo import schema
from hie.store.mongo.asking import Asking
from hie.store.mongo.driving import Driving
from hie.store.mongo.hierarchy import Lines
from hie.store.mongo.including import Including
from hie.store.mongo.matching import Scope, one_of
from hie.store.mongo.paging import Paging
from hie.store.mongo.source import Source, describe, probed
from hie.store.mongo.words import WordReading
from hie.store.port import Page


class Searching:
    """Search in a transaction (`session`) or outside; `secret` signs the cursors."""

    def __init__(self, database: AsyncDatabase[Any], secret: bytes, session: AsyncClientSession | None = None) -> None:
        self._database = database
        self._secret = secret
        self._session = session

    async def search(self, plan: Plan) -> Page:
        """One page; ExecutionTimeout, or TIMEOUT, when it takes longer than the plan allows."""
        asking = Asking(self._database, self._session, plan.seconds)
        driving = Driving(asking)
        position = page.decode(self._secret, plan)
        scope = plan.types or await asking.types()
        if not scope:
            return Page([], [], None, None if plan.total is Total.NONE else 0, {"steps": []} if plan.explain else None)
        clause = await Lines(asking).resolved(plan.clause)
        clause = await WordReading(asking, driving).without(clause, scope, ())
        quick = plan.total is Total.NONE and plan.count > 0 and not plan.sort and not plan.explain
        source = await driving.source(clause, scope, quick=quick)
        found = await Paging(asking, plan, clause, scope, source).glance(position) if source.dense else None
        if source.dense and found is None:
            source = await driving.source(clause, scope)
        total = None if plan.total is Total.NONE else await asking.count(source.stages, source.hint)
        if found is None:
            found = await Paging(asking, plan, clause, scope, source).found(position) if plan.count > 0 else []
        shown = found[: plan.count]
        more = page.encode(self._secret, plan, _position(plan, shown[-1])) if len(found) > len(shown) else None
        matches = await asking.bodies(shown)
        included = await Including(asking).included(plan.includes, shown) if plan.includes and shown else []
        explained = await _explain(plan, asking, driving, scope, source) if plan.explain else None
        return Page(matches, included, more, total, explained)


def _position(plan: Plan, last: dict[str, Any]) -> list[Any]:
    return [*(last[f"v{number}"] for number in range(len(plan.sort))), last["n"]]


async def _explain(plan: Plan, asking: Asking, driving: Driving, scope: Scope, source: Source) -> dict[str, Any]:
    """What drove the search and how many documents each step left; counting them runs the steps again."""
    driver = await driving.driver(source.best, scope) if source.best is not None else None
    start = driver or Source([{"$match": {"t": one_of(scope)}}], schema.TYPE, True)
    steps = []
    for number in range(len(source.rest) + 1):
        stages = probed(start.stages, source.rest[:number], scope, start.plain)
        told = describe(source.best) if number == 0 else describe(source.rest[number - 1])
        rows = await asking.count(stages, start.hint)
        steps.append({"step": "drive" if number == 0 else "probe", "clause": told, "rows": rows})
    return {
        "types": list(plan.types),
        "index": start.hint,
        "estimates": [{"clause": describe(c), "rows": rows, "capped": capped} for c, rows, capped in source.counts],
        "steps": steps,
        "sort": "sort" if plan.sort else "number",
    }
