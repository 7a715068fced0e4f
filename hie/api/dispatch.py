"""From a request to its handler: one table, one gate. The transport and Bundle entries both come through here."""

from collections.abc import Awaitable, Callable

from hie.api.bundle import bundle
from hie.api.capability import capabilities
from hie.api.history import history
from hie.api.message import Answer, Request
from hie.api.openapi import openapi
from hie.api.operations import operation
from hie.api.patch import conditional_patch, patch
from hie.api.read import read, vread
from hie.api.router import Route, route
from hie.api.search import search
from hie.api.service import Service
from hie.api.write import conditional_delete, conditional_update, create, delete, update
from hie.base.errors import Category, HieError
from hie.search.query import PASSED_OVER

Handler = Callable[[Service, Request, Route], Awaitable[Answer]]

HANDLERS: dict[str, Handler] = {
    "read": read,
    "vread": vread,
    "create": create,
    "update": update,
    "conditional_update": conditional_update,
    "patch": patch,
    "conditional_patch": conditional_patch,
    "delete": delete,
    "conditional_delete": conditional_delete,
    "search": search,
    "history": history,
    "bundle": bundle,
    "capabilities": capabilities,
    "openapi": openapi,
    "operation": operation,
}
"""Handler name of `router.ROUTES` -> handler."""


_SHOWN = PASSED_OVER | {"_summary", "_elements"}
PARAMETERS: dict[str, frozenset[str]] = {
    "read": _SHOWN,
    "vread": _SHOWN,
    "create": PASSED_OVER,
    "update": PASSED_OVER,
    "patch": PASSED_OVER,
    "delete": PASSED_OVER,
    "bundle": PASSED_OVER,
    "capabilities": _SHOWN | {"mode"},
    "openapi": frozenset(),
}
"""Handler name -> the query parameters it knows; the other handlers judge their own."""


def _refuse_unknown(request: Request, name: str) -> None:
    known = PARAMETERS.get(name)
    if known is None or not request.query or request.prefer.lenient:
        return
    unknown = next((key for key, _ in request.query if key not in known), None)
    if unknown is not None:
        raise HieError(Category.INVALID, "Unknown parameter of this interaction", expression=f"http.{unknown[:64]}")


async def handle(service: Service, request: Request) -> Answer:
    """The answer to a request; raises `HieError`. No handler runs before policy has let the principal through."""
    found = route(service.definitions, request.method, request.path)
    service.gate(request.principal, found.interaction, found.target or found.type)
    _refuse_unknown(request, found.name)
    return await HANDLERS[found.name](service, request, found)
