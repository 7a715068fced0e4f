"""From a request to its handler: one table, one gate. The transport and Bundle entries both come through here."""

from collections.abc import Awaitable, Callable

from hie.api.bundle import bundle
from hie.api.capability import capabilities
from hie.api.history import history
from hie.api.message import Answer, Request
from hie.api.operations import operation
from hie.api.patch import conditional_patch, patch
from hie.api.read import read, vread
from hie.api.router import Route, route
from hie.api.search import search
from hie.api.service import Service
from hie.api.write import conditional_delete, conditional_update, create, delete, update

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
    "operation": operation,
}
"""Handler name of `router.ROUTES` -> handler."""


async def handle(service: Service, request: Request) -> Answer:
    """The answer to a request; raises `HieError`. No handler runs before policy has let the principal through."""
    found = route(service.definitions, request.method, request.path)
    service.gate(request.principal, found.interaction, found.target or found.type)
    return await HANDLERS[found.name](service, request, found)
