"""`$validate` (FHIR R4 operation-resource-validate): always 200 with an OperationOutcome when it could be checked."""

from hie.api.content import checked_shape, of_type
from hie.api.message import Answer, Request
from hie.api.operations.operation import Inputs, inputs
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.outcome import Issue, Problem, issue_of, outcome_bytes
from hie.wire.safejson import loads

_KNOWN = frozenset({"resource", "mode", "profile"})
_MODES = ("create", "update", "delete", "profile")


async def validate(service: Service, request: Request, route: Route) -> Answer:
    """Check the posted resource, or the stored one when none is posted, against `profile` where one is named.

    `mode` asks whether it could be created, could replace the resource of the URL, or whether that could be deleted;
    `profile` asks about a profile that must be named. Findings about posted text tell line and column.
    """
    asked = inputs(service, request)
    asked.only(_KNOWN, request.prefer.lenient)
    mode = asked.text("mode")
    if mode not in (None, *_MODES):
        raise HieError(Category.INVALID, "mode is create, update, delete or profile", expression="http.mode")
    profile = asked.text("profile")
    if mode == "profile" and not profile:
        raise HieError(Category.INVALID, "Name the profile", issue="required", expression="http.profile")
    if mode == "delete":
        return Answer(200, outcome_bytes(await _deletable(service, request, route)))
    resource = asked.first("resource")
    raw = request.body if resource is not None and request.resource is None else None
    if resource is None and route.id is None:
        raise HieError(Category.INVALID, "Send the resource to validate", issue="required", expression="resource")
    if resource is None:
        resource = loads((await current(service, request, route)).body)
    resource = of_type(checked_shape(service, resource), route.type or "")
    found = list(service.validate(resource, (profile,) if profile else (), raw, _within(asked)))
    return Answer(200, outcome_bytes([*found, *_for_mode(service, route, resource, mode)]))


def _within(asked: Inputs) -> tuple[str | int, ...]:
    """Where the resource stands in the body: in a parameter, or it is the body."""
    index = asked.position("resource")
    return () if index is None else ("parameter", index, "resource")


def _for_mode(service: Service, route: Route, resource: Json, mode: str | None) -> list[Problem]:
    """What stands against the interaction itself."""
    kind, identity = resource["resourceType"], resource.get("id")
    if mode == "update" and (identity is None or identity != (route.id or identity)):
        text = "An update carries the id of the resource that it replaces"
        return [Issue("error", "business-rule", text, (f"{kind}.id",), "update-id")]
    if mode in ("create", "update"):
        try:
            if mode == "update":
                service.guard(kind, str(identity))
            if service.parameters is not None:
                service.parameters.check(resource)
        except HieError as error:
            return [issue_of(error)]
    return []


async def _deletable(service: Service, request: Request, route: Route) -> list[Problem]:
    """What stands against deleting the resource of the URL; raises NOT_FOUND or GONE when there is none."""
    if route.id is None:
        raise HieError(Category.INVALID, "mode delete is asked of one resource", expression="http.mode")
    await current(service, request, route)
    try:
        service.guard(route.type or "", route.id)
    except HieError as error:
        return [issue_of(error)]
    return []
