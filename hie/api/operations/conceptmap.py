"""`ConceptMap/$translate`, forwards and backwards (FHIR R4 conceptmap-operation-translate)."""

from collections.abc import Mapping
from typing import Any

from hie.api.message import Answer, Request
from hie.api.operations.coded import answers_of, codings, flag, parameter, parameters, required, structure
from hie.api.operations.operation import Inputs, inputs
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.terminology.conceptmap import Match, Wanted
from hie.wire.safejson import loads

_KNOWN = frozenset(
    {"url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept",
     "target", "targetsystem", "targetSystem", "dependency", "reverse"}
)  # fmt: skip


async def translate(service: Service, request: Request, route: Route) -> Answer:
    """The translations of a code: by the map that is named, else by all maps that fit source and target."""
    asked = inputs(service, request, "conceptMap")
    asked.only(_KNOWN, request.prefer.lenient)
    reverse = flag(asked, "reverse")
    rows = codings(asked, asked.text("system"))
    maps = await _asked_maps(service, request, route, asked, reverse)
    target = asked.text("targetsystem") or asked.text("targetSystem")
    depends = _dependencies(asked)
    found: list[Match] = []
    for system, code, _ in rows:
        if system is None and not (asked.text("url") or route.id):
            required(system, "system")
        found += answers_of(service).translate(maps, Wanted(system, code, target, depends), reverse)
    return parameters(_told(found, bool(maps)))


def _told(found: list[Match], any_map: bool) -> list[Json]:
    right = any(match.counts for match in found)
    rows = [parameter("result", "Boolean", right)]
    if not right:
        message = "The map says that there is no translation" if found else "No translation is known for this code"
        rows.append(parameter("message", "String", message if any_map else "No concept map here fits the request"))
    return rows + [_match(match) for match in found]


def _match(match: Match) -> Json:
    parts = [parameter("equivalence", "Code", match.equivalence)]
    coding = {"system": match.system, "version": match.version, "code": match.code, "display": match.display}
    if match.code:
        parts.append(parameter("concept", "Coding", {key: value for key, value in coding.items() if value}))
    for element, product in match.products:
        inner = [parameter("element", "Uri", element), parameter("concept", "Coding", dict(product))]
        parts.append({"name": "product", "part": inner})
    if match.source:
        parts.append(parameter("source", "Uri", match.source))
    return {"name": "match", "part": parts}


async def _asked_maps(service: Service, request: Request, route: Route, asked: Inputs, reverse: bool) -> list[Json]:
    library = answers_of(service).library
    if route.id is not None:
        return [loads((await current(service, request, route)).body)]
    posted = structure(asked, "conceptMap")
    if posted is not None:
        return [posted]
    url = asked.text("url")
    if url is not None:
        return [dict(library.concept_map(url, asked.text("conceptMapVersion")))]
    source, target = asked.text("source"), asked.text("target")
    if reverse:
        source, target = target, source
    return [
        dict(row) for row in library.concept_maps() if _fits(row, "source", source) and _fits(row, "target", target)
    ]


def _fits(concept_map: Mapping[str, Any], side: str, wanted: str | None) -> bool:
    """Whether a map is from (or to) a value set; `wanted` None fits all."""
    given = concept_map.get(f"{side}Canonical") or concept_map.get(f"{side}Uri") or ""
    return wanted is None or str(given).partition("|")[0] == wanted.partition("|")[0]


def _dependencies(asked: Inputs) -> dict[str, str]:
    """Other codes that rows may depend on: each `dependency` has an `element` and a `concept`."""
    found = {}
    for name, value in asked.pairs:
        if name != "dependency":
            continue
        parts = {part.get("name"): part for part in value if isinstance(part, dict)} if isinstance(value, list) else {}
        element = parts.get("element", {}).get("valueUri")
        concept = parts.get("concept", {}).get("valueCodeableConcept", {})
        codes = [row.get("code") for row in concept.get("coding", ()) if isinstance(row, dict)]
        if not isinstance(element, str) or not codes:
            raise HieError(Category.INVALID, "A dependency has an element and a concept", expression="dependency")
        found[element] = str(codes[0])
    return found
