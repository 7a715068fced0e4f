"""The OpenAPI document of the whole site: what FastAPI knows, and the doors and pages that are plain routes.

FHIR has a document of its own (`/fhir/openapi.json`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from hie.admin.held import ACTS
from hie.base.resource import Json
from hie.feeds.problem import MEDIA_TYPE
from hie.pipeline.quarantine import GROUND

_DAYS = ("from", "to", "feed", "institution", "dimension")
_ITEM = ("application/hl7-v2", "application/xml", "text/xml", "application/fhir+json")
_FORM = "application/x-www-form-urlencoded"
_PAGE = ("text/html",)
_AT_FAULT = "The request is at fault"


@dataclass(frozen=True, slots=True)
class Served:
    """One route: path, method, what it does, the types it answers with, its query parameters, the types of its body and
    the fields of its form."""

    path: str
    method: str
    summary: str
    answers: tuple[str, ...]
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    form: tuple[str, ...] = ()


SERVED: tuple[Served, ...] = (
    Served("/feeds", "get", "The doors there are, with their content types", ("application/json",)),
    Served("/feeds/{door}", "post", "Take one item in; the answer is that of the door", _ITEM, body=_ITEM),
    Served("/feeds/{door}/fhir", "post", "The same, as the base URL of a FHIR door", _ITEM, body=_ITEM),
    Served("/feeds/{door}/fhir/", "post", "The same, by clients that end it with a slash", _ITEM, body=_ITEM),
    Served("/feeds/{door}/fhir/{type}", "post", "Take one resource in at a FHIR door (create)", _ITEM, body=_ITEM),
    Served("/feeds/{door}/fhir/metadata", "get", "What the FHIR door does (CapabilityStatement)", _ITEM),
    Served(
        "/feeds/{door}/$check", "post", "What would become of an item; nothing is stored",
        ("application/json", "text/plain"), ("strict",), _ITEM,
    ),
    Served("/quality/", "get", "Scores of institutions and dimensions, trends, the costliest faults", _PAGE, _DAYS),
    Served("/quality/scores", "get", "Scores as JSON", ("application/json",), (*_DAYS, "group")),
    Served("/quality/scores.csv", "get", "Scores as CSV", ("text/csv",), (*_DAYS, "group")),
    Served("/quality/static/{name}", "get", "A style sheet or script of the pages", ("text/css", "text/javascript")),
    Served("/quality/quarantine", "get", "Groups of what is held; of a chosen one its parts", _PAGE, GROUND),
    Served(
        "/quality/quarantine/group/{act}", "post", "Release or discard a group", _PAGE, form=(*GROUND, "reason")
    ),
    Served("/quality/quarantine/maps/reload", "post", "Put the tables on disk in force", _PAGE),
    Served("/quality/quarantine/{item}", "get", "One item and its parts, without its content", _PAGE),
    Served("/quality/quarantine/{item}/rehearse", "post", "What would become of an item now", _PAGE,
           form=("release", "edited")),
    Served("/quality/quarantine/{item}/{act}", "post", f"One of {', '.join(ACTS)}", _PAGE, form=("part", "reason")),
)  # fmt: skip
"""Every route that FastAPI does not describe, but the pages of the record browser."""


def documented(app: FastAPI, doors: Iterable[str]) -> Callable[[], Json]:
    """The function that makes the document of `app`, once; `doors` are those of the feeds."""
    names = sorted(doors)

    def document() -> Json:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            _tell_problems(made)
            for one in SERVED:
                made["paths"].setdefault(one.path, {})[one.method] = _described(one, names)
            app.openapi_schema = made
        return app.openapi_schema

    return document


def _tell_problems(made: Json) -> None:
    """What is wrong with a request is told as a problem (RFC 9457), not in FastAPI's own form."""
    for row in made["paths"].values():
        for operation in row.values():
            operation["responses"].pop("422", None)
            operation["responses"]["4XX"] = {"description": _AT_FAULT, "content": {MEDIA_TYPE: {}}}
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)


def _described(one: Served, doors: list[str]) -> Json:
    named = [part.strip("{}") for part in one.path.split("/") if part.startswith("{")]
    rows = [(name, "path", _values(name, one, doors)) for name in named]
    rows += [(name, "query", {"type": "string"}) for name in one.query]
    found: Json = {
        "tags": [one.path.split("/")[1]],
        "summary": one.summary,
        "operationId": f"{one.method}{one.path.replace('/', '-').replace('{', '').replace('}', '')}",
        "parameters": [{"name": n, "in": place, "required": place == "path", "schema": s} for n, place, s in rows],
        "responses": {
            "2XX": {"description": "Done", "content": {kind: {} for kind in one.answers}},
            "303": {"description": "Done; the page to look at next"},
            "4XX": {
                "description": _AT_FAULT,
                "content": {MEDIA_TYPE: {}, **{key: {} for key in one.answers}},
            },
        },
    }
    if one.body:
        found["requestBody"] = {"required": True, "content": {kind: {"schema": {}} for kind in one.body}}
    if one.form:
        fields = {"type": "object", "properties": {name: {"type": "string"} for name in one.form}}
        found["requestBody"] = {"content": {_FORM: {"schema": fields}}}
    return found


def _values(name: str, one: Served, doors: list[str]) -> Json:
    if name == "door":
        return {"type": "string", "enum": doors}
    if name == "act":
        return {"type": "string", "enum": ["release", "discard"] if "group" in one.path else list(ACTS)}
    return {"type": "string"}
