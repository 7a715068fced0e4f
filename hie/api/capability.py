"""The CapabilityStatement, generated from what is really served (FHIR R4 capabilitystatement)."""

import hashlib

import orjson

from hie.api.kept import Ready
from hie.api.message import Answer, Request
from hie.api.negotiation import CONTENT_TYPE, JSON, deflate, takes_gzip
from hie.api.operations import OPERATIONS
from hie.api.operations.operation import Level
from hie.api.presentation import as_xml
from hie.api.router import ROUTES, Route
from hie.api.service import Service
from hie.api.termcapability import terminology_capabilities
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.base.systems import CORE
from hie.search.params import served

_OF_TYPE = ("Type", "Type/id", "Type/id/_history", "Type/id/_history/vid", "Type/_history")
_OF_SYSTEM = ("", "_history")


async def capabilities(service: Service, request: Request, route: Route) -> Answer:
    """The statement about this server; for `mode=terminology` that about its terminology service.

    It is made once for each form and base URL, and again when search parameters change; its ETag tells them apart.
    """
    mode = request.parameter("mode")
    if mode == "terminology" and service.terminology is not None:
        return await terminology_capabilities(service, request)
    if mode not in (None, "full", "normative", "terminology"):
        told = "mode is full, normative or terminology"
        raise HieError(Category.INVALID, told, issue="value", expression="http.mode")
    plain = _ready(service, request.base, JSON)
    if request.pretty or request.entry or any(name in ("_summary", "_elements") for name, _ in request.query):
        return Answer(200, plain.body, {"Cache-Control": "no-cache"}, shaped=True)
    ready = plain if request.format == JSON else _ready(service, request.base, request.format)
    headers = {"Cache-Control": "no-cache", "ETag": ready.etag}
    if ready.etag in (tag.strip() for tag in (request.header("if-none-match") or "").split(",")):
        return Answer(304, headers=headers)
    body = ready.body
    if takes_gzip(request.header("accept-encoding")):
        body = ready.compressed
        headers["Content-Encoding"] = "gzip"
    return Answer(200, body, headers, CONTENT_TYPE[request.format])


def _ready(service: Service, base: str, form: str) -> Ready:
    def make() -> Ready:
        body = _statement(service, base) if form == JSON else as_xml(service.definitions, plain().body, False)
        return Ready(body, deflate(body), f'W/"{hashlib.sha256(body).hexdigest()[:16]}"')

    def plain() -> Ready:
        return _ready(service, base, JSON)

    return service.kept.get(service.definitions, ("metadata", base, form), make)


def _statement(service: Service, base: str) -> bytes:
    statement = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(service.clock.now()),
        "kind": "instance",
        "software": {"name": service.settings.software, "version": service.settings.version},
        "implementation": {"description": "Health information exchange", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": [
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/fhir+json",
            "application/fhir+xml",
        ],
        "rest": [_rest(service)],
    }
    return orjson.dumps(statement)


def _rest(service: Service) -> Json:
    types, reverse = service.definitions.resource_types, _reverse(service)
    system = [{"code": code} for code in _interactions(_OF_SYSTEM)]
    return {
        "mode": "server",
        "security": {"cors": bool(service.settings.cors_origins)},
        "resource": [_resource(service, kind, reverse.get(kind, [])) for kind in types],
        "interaction": [*system, {"code": "transaction"}],
        "searchParam": _parameters(service, "Resource"),
        "operation": _operations(service, None),
    }


def _interactions(shapes: tuple[str, ...]) -> list[str]:
    codes = {interaction.value for shape in shapes for _, interaction in ROUTES[shape].values()}
    return sorted(codes)


def _resource(service: Service, kind: str, reverse: list[str]) -> Json:
    references = [
        parameter.code
        for parameter in service.definitions.search_parameters(kind).values()
        if parameter.type == "reference"
    ]
    row = {
        "type": kind,
        "profile": f"{CORE}{kind}",
        "supportedProfile": list(service.settings.profiles.get(kind, ())),
        "interaction": [{"code": code} for code in _interactions(_OF_TYPE)],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", *(["enforced"] if service.settings.check_references else [])],
        "searchInclude": ["*", *(f"{kind}:{code}" for code in references)],
        "searchRevInclude": reverse,
        "searchParam": _parameters(service, kind),
    }
    operations = _operations(service, kind)
    if operations:
        row["operation"] = operations
    return {key: value for key, value in row.items() if value != []}


def _reverse(service: Service) -> dict[str, list[str]]:
    """Target type -> `Type:code` of the parameters that may point to it."""
    found: dict[str, list[str]] = {}
    for kind in service.definitions.resource_types:
        for parameter in service.definitions.search_parameters(kind).values():
            if parameter.type != "reference":
                continue
            for target in parameter.target or service.definitions.resource_types:
                found.setdefault(target, []).append(f"{kind}:{parameter.code}")
    return found


def _parameters(service: Service, kind: str) -> list[Json]:
    return [
        {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
        for parameter in service.definitions.search_parameters(kind).values()
        if served(parameter)
    ]


def _operations(service: Service, kind: str | None) -> list[Json]:
    """The operations that can be called on a type or its instances; on the system when `kind` is None."""
    wanted = {Level.SYSTEM} if kind is None else {Level.TYPE, Level.INSTANCE}
    rows = (row for row in OPERATIONS if row.available(service) and row.levels & wanted and row.listed(kind))
    return [{"name": row.name, "definition": row.url(kind or "Resource")} for row in rows if row.definition]
