"""`Observation/$lastn`: the latest n of each kind of observation (FHIR R4 operation-observation-lastn)."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson

from hie.api.conditional import CONTROLS
from hie.api.message import Answer, Request
from hie.api.operations.operation import inputs
from hie.api.planning import planned, with_linked
from hie.api.router import Route
from hie.api.search import permitted
from hie.api.service import Service
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.fhir.bundle import Link, bundle, searchset_entry
from hie.search.plan import Plan
from hie.store.port import Version

_PAGE, _MOST_PAGES = 5000, 20
"""Observations that are read together, and how often: each page sorts all that are asked for, and only the latest of
each code are kept of it."""

_MOST = 20_000
"""Observations that are answered."""

_TURN = 500
"""Observations that are looked at between two turns of other requests."""

_SUBJECTS = frozenset({"patient", "subject"})


async def lastn(service: Service, request: Request, route: Route) -> Answer:
    """The latest `max` (default 1) observations of each code, newest first; needs `patient` or `subject`."""
    pairs = tuple((name, str(value)) for name, value in inputs(service, request).pairs)
    if not any(name.partition(":")[0] in _SUBJECTS for name, _ in pairs):
        raise HieError(Category.INVALID, "Name a patient or subject", issue="required", expression="http.patient")
    control = next((name for name, _ in pairs if name.partition(":")[0] in CONTROLS), None)
    if control is not None and not request.prefer.lenient:
        message = "Which observations are the latest is not searched in another order or form"
        raise HieError(Category.INVALID, message, issue="not-supported", expression=f"http.{control[:64]}")
    most = _most(next((value for name, value in pairs if name == "max"), "1"))
    criteria = [pair for pair in pairs if pair[0] != "max" and pair[0].partition(":")[0] not in CONTROLS]
    criteria += [("_sort", "-date")]
    plan = planned(
        service, request.principal, "Observation", criteria, base=request.base, lenient=request.prefer.lenient
    )
    plan = replace(await with_linked(service, plan), count=_PAGE)
    latest = await _latest(service, plan, most)
    entries = [
        searchset_entry(request.base, version.type, version.id, version.body, "match")
        for version in permitted(service, request.principal, latest)
    ]
    links = [Link("self", f"{request.base}/Observation/$lastn")]
    body = bundle("searchset", entries, links=links, total=len(entries), updated=instant(service.clock.now()))
    return Answer(200, body)


def _most(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 5 and int(text)):
        raise HieError(Category.INVALID, "max is a number from 1 to 9999", issue="value", expression="http.max")
    return int(text)


async def _latest(service: Service, plan: Plan, most: int) -> list[Version]:
    found: dict[str, list[Version]] = {}
    for _ in range(_MOST_PAGES):
        page = await service.reader.search(plan)
        for place, version in enumerate(page.matches):
            if place % _TURN == 0:
                await asyncio.sleep(0)
            group = found.setdefault(_group(orjson.loads(version.body).get("code")), [])
            if len(group) < most:
                group.append(version)
        if sum(map(len, found.values())) > _MOST:
            break
        if page.next is None:
            return [version for group in found.values() for version in group]
        plan = replace(plan, cursor=page.next)
    raise HieError(Category.TOO_LARGE, "Too many observations; name a code or a category", issue="too-costly")


def _group(code: Any) -> str:
    """What makes two observations the same kind: the first coding, else the text."""
    codings = code.get("coding") if isinstance(code, dict) else None
    if codings:
        return f"{codings[0].get('system')}|{codings[0].get('code')}"
    return str(code.get("text")) if isinstance(code, dict) else ""
