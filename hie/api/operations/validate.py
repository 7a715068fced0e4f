"""`$validate` (FHIR R4 operation-resource-validate): always 200 with an OperationOutcome when it could be checked."""

from hie.api.content import checked_shape, of_type
from hie.api.message import Answer, Request
from hie.api.operations.operation import inputs
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.fhir.outcome import outcome_bytes
from hie.wire.safejson import loads

_KNOWN = frozenset({"resource", "mode", "profile"})
_MODES = ("create", "update", "delete", "profile")


async def validate(service: Service, request: Request, route: Route) -> Answer:
    """Check the posted resource, or the stored one when none is posted, against `profile` where one is named."""
    asked = inputs(service, request)
    asked.only(_KNOWN, request.prefer.lenient)
    if asked.text("mode") not in (None, *_MODES):
        raise HieError(Category.INVALID, "mode is create, update, delete or profile", expression="http.mode")
    resource = asked.first("resource")
    if resource is None and route.id is None:
        raise HieError(Category.INVALID, "Send the resource to validate", issue="required", expression="resource")
    if resource is None:
        resource = loads((await current(service, request, route)).body)
    resource = of_type(checked_shape(service, resource), route.type or "")
    return Answer(200, outcome_bytes(service.validate(resource, asked.text("profile"))))
