"""An OpenAPI description of the FHIR surface, from the same tables as the CapabilityStatement.

Compact on purpose: one path a shape of `ROUTES` with the resource types as values of `{type}`, and one a served
operation. What a resource may hold is said by its StructureDefinition, not here.
"""

from collections.abc import Iterable

import orjson

from hie.api.kept import Ready
from hie.api.message import Answer, Request
from hie.api.negotiation import deflate
from hie.api.operations import OPERATIONS
from hie.api.operations.operation import Level, Operation
from hie.api.router import ROUTES, Route
from hie.api.service import Service
from hie.base.resource import Json
from hie.fhir.validate.primitives import ID

FHIR_JSON = "application/fhir+json"
_BODY = frozenset({"POST", "PUT", "PATCH"})
_PARTS = {"Type": "{type}", "id": "{id}", "vid": "{vid}"}
_PATCH = "application/json-patch+json"

COMMON = ("_format", "_pretty", "_summary", "_elements")
SEARCH = ("_id", "_lastUpdated", "_count", "_sort", "_total", "_include", "_revinclude", "_filter", "_text")
HISTORY = ("_count", "_since", "_at")
_QUERY: dict[str, tuple[str, ...]] = {"search": COMMON + SEARCH, "history": COMMON + HISTORY, "read": COMMON}
"""Handler -> query parameters worth naming; a search knows those of its type as well."""


async def openapi(service: Service, request: Request, route: Route) -> Answer:
    """The document, for `base` as its server."""

    def make() -> Ready:
        body = orjson.dumps(document(service, request.base))
        return Ready(body, deflate(body), "")

    ready = service.kept.get(service.definitions, ("openapi", request.base), make)
    return Answer(200, ready.body, {"Cache-Control": "no-cache"}, "application/json")


def document(service: Service, base: str) -> Json:
    """OpenAPI 3.1 of everything that is served."""
    paths: dict[str, Json] = {}
    for shape, methods in ROUTES.items():
        if not shape.endswith("$"):
            for method, (handler, _) in methods.items():
                paths.setdefault(_path(shape), {})[method.lower()] = _operation(shape, method, handler)
    for row in OPERATIONS:
        for level in sorted(row.levels) if row.available(service) else ():
            here = paths.setdefault(_operation_path(row, level), {})
            here |= {method.lower(): _called(row, level, method) for method in row.methods}
    return {
        "openapi": "3.1.0",
        "info": {"title": "FHIR R4", "version": service.settings.version},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"schemas": _schemas(service), "parameters": _parameters()},
    }


def _path(shape: str) -> str:
    """`Type/id/Type` -> `/{type}/{id}/{target}`."""
    parts = [_PARTS.get(part, part) for part in shape.split("/")]
    if parts.count("{type}") > 1:
        parts[2] = "{target}"
    return "/" + "/".join(parts)


def _operation_path(row: Operation, level: Level) -> str:
    if level is Level.SYSTEM:
        return f"/${row.name}"
    kind = row.types[0] if len(row.types) == 1 else "{type}"
    return f"/{kind}/${row.name}" if level is Level.TYPE else f"/{kind}/{{id}}/${row.name}"


def _operation(shape: str, method: str, handler: str) -> Json:
    found: Json = {
        "operationId": f"{method.lower()}-{shape.replace('/', '-') or 'system'}",
        "parameters": _in_path(_path(shape)) + [_query(name) for name in _QUERY.get(handler, ())],
        "responses": _RESPONSES,
    }
    if method == "POST" and handler == "search":
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        return found | {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}}}
    if method not in _BODY:
        return found
    schema = "Bundle" if handler == "bundle" else "Resource"
    content = {FHIR_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    if method == "PATCH":
        content = {_PATCH: {"schema": {"$ref": "#/components/schemas/JsonPatch"}}}
    return found | {"requestBody": {"required": True, "content": content}}


def _called(row: Operation, level: Level, method: str) -> Json:
    path = _operation_path(row, level)
    found: Json = {
        "operationId": f"{method.lower()}-{level}-{row.name}",
        "parameters": _in_path(path),
        "responses": _RESPONSES,
    }
    if method == "POST":
        content = {FHIR_JSON: {"schema": {"$ref": "#/components/schemas/Parameters"}}}
        found["requestBody"] = {"content": content}
    return found


def _in_path(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _query(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string"}}


def _parameters() -> Json:
    kind = {"$ref": "#/components/schemas/ResourceType"}
    schemas: dict[str, Json] = {
        "type": kind,
        "target": kind,
        "id": {"type": "string", "pattern": f"^{ID.pattern}$"},
        "vid": {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
    }
    return {name: {"name": name, "in": "path", "required": True, "schema": schema} for name, schema in schemas.items()}


def _schemas(service: Service) -> Json:
    return {
        "ResourceType": {"type": "string", "enum": list(service.definitions.resource_types)},
        "Resource": _object({"resourceType": {"$ref": "#/components/schemas/ResourceType"}}),
        "Bundle": _object(
            {
                "resourceType": {"const": "Bundle"},
                "type": {"enum": ["batch", "transaction"]},
                "entry": {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}},
            }
        ),
        "Entry": _object(
            {
                "request": _object(
                    {"method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]}, "url": {"type": "string"}}
                )
            }
        ),
        "Parameters": _object({"resourceType": {"const": "Parameters"}}),
        "JsonPatch": {
            "type": "array",
            "items": _object(
                {
                    "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                    "path": {"type": "string"},
                }
            ),
        },
        "OperationOutcome": _object({"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array"}}),
    }


def _object(members: Json) -> Json:
    """An object in which these members are required and others may be."""
    return {"type": "object", "required": list(members), "properties": members}


def _content(schema: str) -> Json:
    return {FHIR_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _ranges(codes: Iterable[str], description: str, schema: str) -> Json:
    return {code: {"description": description, "content": _content(schema)} for code in codes}


_RESPONSES: Json = {
    **_ranges(("2XX",), "Done: a resource, a Bundle, or nothing", "Resource"),
    **_ranges(("4XX",), "The request is at fault", "OperationOutcome"),
    "304": {"description": "Not changed"},
}
