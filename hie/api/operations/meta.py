"""`$meta`, `$meta-add`, `$meta-delete` (FHIR R4 operation-resource-meta, -meta-add, -meta-delete).

Adding and deleting make a new version: a stored version is never changed (design decision 1).
"""

import asyncio
from collections.abc import Callable
from typing import Any

from hie.api.content import validated
from hie.api.message import Answer, Request, version_headers
from hie.api.operations.operation import inputs
from hie.api.read import current, vread
from hie.api.router import Route
from hie.api.service import Service
from hie.api.write import Written, conditions, put
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.security.policy import Interaction
from hie.store.port import Transaction, Version
from hie.wire.safejson import dumps, loads

LISTS = ("profile", "security", "tag")
"""The lists of Meta that these operations read and write."""

_BREATH = 500
Change = Callable[[list[Any], list[Any]], list[Any]]


async def meta(service: Service, request: Request, route: Route) -> Answer:
    """The meta of a resource or version; on a type or the system, all profiles, labels and tags in use."""
    if route.id is None:
        return _returned(await _in_use(service, request, route.type))
    if route.version is not None:
        shown = await vread(service, request, route)
        return _returned(loads(shown.body).get("meta", {}))
    return _returned(loads((await current(service, request, route)).body).get("meta", {}))


async def _in_use(service: Service, request: Request, kind: str | None) -> Json:
    found: dict[str, dict[str, Any]] = {name: {} for name in LISTS}
    number = 0
    async with asyncio.timeout(service.settings.seconds):
        async for version in service.store.versions(kind):
            number += 1
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            if service.policy.permits(version, request.principal, Interaction.OPERATION):
                _collect(version, found)
    return {name: list(values.values()) for name, values in found.items() if values}


def _collect(version: Version, found: dict[str, dict[str, Any]]) -> None:
    if not any(b'"%b"' % name.encode() in version.body for name in LISTS):
        return
    own = loads(version.body).get("meta", {})
    for name in LISTS:
        for item in own.get(name, ()):
            found[name].setdefault(_key(item), item)


async def meta_add(service: Service, request: Request, route: Route) -> Answer:
    """Add profiles, labels and tags."""
    return await _changed(service, request, route, _with)


async def meta_delete(service: Service, request: Request, route: Route) -> Answer:
    """Take profiles, labels and tags away."""
    return await _changed(service, request, route, _without)


async def _changed(service: Service, request: Request, route: Route, change: Change) -> Answer:
    given = inputs(service, request).first("meta")
    if not isinstance(given, dict) or not all(isinstance(given.get(name, []), list) for name in LISTS):
        raise HieError(Category.INVALID, "Send Parameters with a meta", expression="Parameters.parameter")

    async def job(tx: Transaction) -> Written:
        before = await tx.read(route.type or "", route.id or "")
        if before is None or before.deleted:
            raise HieError(Category.NOT_FOUND, "There is no such resource")
        if route.version not in (None, before.version):
            raise HieError(Category.UNPROCESSABLE, "The meta of an older version cannot be changed")
        resource = loads(before.body)
        resource["meta"] = _merged(resource.get("meta", {}), given, change)
        return await put(service, tx, request.principal, validated(service, resource), conditions(request))

    version = (await service.write(job)).version
    assert version is not None
    answer = _returned(loads(version.body)["meta"])
    answer.headers = version_headers(version)
    return answer


def _merged(own: Json, given: Json, change: Change) -> Json:
    lists = {name: change(own.get(name, []), given.get(name, [])) for name in LISTS}
    rest = {name: value for name, value in own.items() if name not in LISTS}
    return {**rest, **{name: items for name, items in lists.items() if items}}


def _with(own: list[Any], given: list[Any]) -> list[Any]:
    known = {_key(item) for item in own}
    return [*own, *(item for item in given if _key(item) not in known)]


def _without(own: list[Any], given: list[Any]) -> list[Any]:
    gone = {_key(item) for item in given}
    return [item for item in own if _key(item) not in gone]


def _key(item: Any) -> str:
    """What makes two of them the same: system and code, or the profile itself."""
    return f"{item.get('system')}|{item.get('code')}" if isinstance(item, dict) else str(item)


def _returned(value: Json) -> Answer:
    body = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": value}]}
    return Answer(200, dumps(body))
