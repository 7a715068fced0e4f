"""Resources in request bodies: bytes to a checked dict."""

import re
from collections.abc import Sequence
from typing import Any

from hie.api.message import Request
from hie.api.negotiation import XML, body_format
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.outcome import Problem
from hie.fhir.validate.positions import text_issue
from hie.fhir.validate.primitives import ID
from hie.fhir.xml import NotFhirXml, from_xml
from hie.wire.safejson import dumps, loads

_LOCAL = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")


class Rejected(HieError):
    """A resource that validation refuses, or a text that is none: issues that say where, instead of one sentence."""

    def __init__(
        self,
        issues: Sequence[Problem],
        category: Category = Category.UNPROCESSABLE,
        message: str = "The resource is not valid",
    ) -> None:
        super().__init__(category, message)
        self.issues = issues


def decoded(service: Service, request: Request) -> Json:
    """The resource in the body of a request; raises INVALID when it is none."""
    if request.resource is not None:
        return request.resource
    if not request.body:
        raise HieError(Category.INVALID, "The body must hold a resource", issue="required")
    xml = body_format(request.header("content-type")) == XML
    resource = checked_shape(service, _from_xml(service, request.body) if xml else loads(request.body))
    if names_us(request.body, request.base) and (resource["resourceType"] != "Bundle" or not request.path):
        _make_relative(list(resource.values()), f"{request.base}/")
    return resource


def names_us(body: bytes, base: str) -> bool:
    """Whether a body may refer to resources of this server by absolute URLs."""
    return f"{base}/".encode() in body


def _make_relative(waiting: list[Any], root: str) -> None:
    """Make absolute references to resources of this server relative, so that they are found, joined and followed. A
    Bundle that is kept, and may be signed, stays as it is."""
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict) and value.get("resourceType") != "Bundle":
            text = value.get("reference")
            if isinstance(text, str) and text.startswith(root) and _LOCAL.fullmatch(text, len(root)):
                value["reference"] = text[len(root) :]
            waiting += value.values()


def _from_xml(service: Service, body: bytes) -> Json:
    """The resource of an XML body; raises `Rejected` with line and column of the element at fault."""
    try:
        return from_xml(body, service.definitions)
    except NotFhirXml as error:
        raise Rejected([text_issue(error, body, service.definitions)], error.category, error.message) from None


def checked_shape(service: Service, value: Any, expression: str | None = None) -> Json:
    """`value` when it looks like a resource of a known type with a legal id; raises INVALID."""
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not service.definitions.is_resource(kind):
        at = f"{expression}.resourceType" if expression else "resourceType"
        raise HieError(Category.INVALID, "This is no resource of a known type", issue="structure", expression=at)
    identity = value.get("id")
    if identity is not None and not (isinstance(identity, str) and ID.fullmatch(identity)):
        raise HieError(
            Category.INVALID,
            "An id has 1 to 64 letters, digits, hyphens and dots",
            issue="value",
            expression=f"{expression or kind}.id",
        )
    if not isinstance(value.get("meta", {}), dict):
        raise HieError(
            Category.INVALID, "meta is an object", issue="structure", expression=f"{expression or kind}.meta"
        )
    return value  # type: ignore[no-any-return]


def of_type(resource: Json, expected: str) -> Json:
    """`resource` when it is of the type that the URL names; raises INVALID."""
    if resource["resourceType"] != expected:
        raise HieError(
            Category.INVALID, "The resource is not of the type in the URL", issue="invalid", expression="resourceType"
        )
    return resource


def validated(service: Service, resource: Json, *, checked: bool = False) -> Json:
    """`resource` when it passes validation (it has, when it is `checked`); raises `Rejected` with what is wrong."""
    issues = [] if checked else service.check(resource)
    if any(issue.fails for issue in issues):
        raise Rejected(issues)
    if service.parameters is not None:
        service.parameters.check(resource)
    return resource


def encoded(resource: Json) -> bytes:
    """The JSON of a resource that the server makes up."""
    written: bytes = dumps(resource)
    return written
