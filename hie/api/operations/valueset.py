"""`ValueSet/$expand` and `$validate-code` (FHIR R4 valueset-operation-*)."""

import asyncio
from collections.abc import Iterator, Mapping

from hie.api.content import encoded
from hie.api.message import Answer, Request
from hie.api.operations.coded import (
    answers_of,
    codings,
    flag,
    languages,
    number,
    parameter,
    refuse,
    required,
    structure,
    verdict,
)
from hie.api.operations.operation import Inputs, inputs
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.terminology.compose import Pins
from hie.terminology.concept import Designation, Selection
from hie.terminology.language import display_in, matches
from hie.terminology.members import Member
from hie.terminology.service import Asked, Expansion
from hie.terminology.text import words_of
from hie.wire.safejson import loads

_NOT_HERE = ("context", "contextDirection", "date")
_VERSIONS = ("system-version", "check-system-version", "force-system-version")
_EXPAND = frozenset(
    {"url", "valueSet", "valueSetVersion", "filter", "offset", "count", "includeDesignations", "designation",
     "includeDefinition", "activeOnly", "excludeNested", "excludeNotForUI", "excludePostCoordinated",
     "displayLanguage", "exclude-system", *_VERSIONS, *_NOT_HERE}
)  # fmt: skip
_VALIDATE = frozenset(
    {"url", "valueSet", "valueSetVersion", "code", "system", "systemVersion", "display", "coding", "codeableConcept",
     "abstract", "displayLanguage", *_NOT_HERE}
)  # fmt: skip
_DROPPED = frozenset({"compose", "expansion", "codes", "text", "meta", "contained"})
"""What an expanded ValueSet does not repeat of its definition."""

_ECHOED = ("filter", "activeOnly", "displayLanguage", "excludeNotForUI", "includeDesignations", "includeDefinition")


async def expand(service: Service, request: Request, route: Route) -> Answer:
    """The codes of a value set, in pages; 422 `too-costly` when it is too large for one answer."""
    asked = inputs(service, request, "valueSet")
    asked.only(_EXPAND, request.prefer.lenient)
    refuse(asked, _NOT_HERE)
    value_set = await _asked_value_set(service, request, route, asked)
    chosen = Selection(
        words=words_of(asked.text("filter")),
        active_only=flag(asked, "activeOnly"),
        selectable_only=flag(asked, "excludeNotForUI"),
    )
    wanted = Asked(chosen, number(asked, "offset") or 0, number(asked, "count"))
    for name in ("excludeNested", "excludePostCoordinated"):
        flag(asked, name)
    pins, answers = _pins(asked), answers_of(service)
    found = await asyncio.to_thread(lambda: answers.expand(answers.compiled(value_set, pins), wanted))
    show = _Shown(asked, languages(request, asked))
    body = {key: value for key, value in value_set.items() if key not in _DROPPED}
    body.setdefault("status", "active")
    body["expansion"] = _expansion(service, asked, wanted, found, show)
    return Answer(200, encoded(body))


def _expansion(service: Service, asked: Inputs, wanted: Asked, found: Expansion, show: "_Shown") -> Json:
    told = [(name, asked.text(name)) for name in _ECHOED if asked.text(name) is not None]
    rows = [parameter(name, *_typed(str(value))) for name, value in told]
    if wanted.count is not None:
        rows.append(parameter("count", "Integer", wanted.count))
    rows += [parameter("used-codesystem", "Uri", system) for system in found.systems]
    expansion: Json = {
        "identifier": f"urn:uuid:{service.new_id()}",
        "timestamp": instant(service.clock.now()),
        "total": found.total,
        "offset": wanted.offset if wanted.count is not None or wanted.offset else None,
        "parameter": rows,
        "contains": [show.row(member) for member in found.members],
    }
    return {key: value for key, value in expansion.items() if value is not None and value != []}


def _typed(text: str) -> tuple[str, str | bool]:
    low = text.lower()
    return ("Boolean", low == "true") if low in ("true", "false") else ("String", text)


class _Shown:
    """How one code is shown: language, designations, definition."""

    def __init__(self, asked: Inputs, wanted: tuple[str, ...]) -> None:
        self._wanted = wanted
        self._only = tuple(value.rpartition("|")[2] for value in asked.names("designation"))
        self._designations = flag(asked, "includeDesignations", bool(self._only))
        self._definition = flag(asked, "includeDefinition")

    def row(self, member: Member) -> Json:
        """The `contains` of a member."""
        concept = member.concept
        row: Json = {"system": member.system}
        row |= {"abstract": True} if concept.abstract else {}
        row |= {"inactive": True} if concept.inactive else {}
        row["code"] = concept.code
        display, _ = display_in(concept, member.language, self._wanted)
        row |= {"display": display} if display else {}
        names = list(self._names(member)) if self._designations else []
        row |= {"designation": names} if names else {}
        if self._definition and concept.definition:
            url = "http://hl7.org/fhir/StructureDefinition/valueset-concept-definition"
            row["extension"] = [{"url": url, "valueString": concept.definition}]
        return row

    def _names(self, member: Member) -> Iterator[Json]:
        own = Designation(member.concept.display, member.language)
        for row in (own, *member.concept.designations) if member.language else member.concept.designations:
            use = row.use.get("code", "") if isinstance(row.use, Mapping) else ""
            if row.value and (not self._only or any(matches(row.language, tag) or tag == use for tag in self._only)):
                parts = {"language": row.language, "use": row.use, "value": row.value}
                yield {key: value for key, value in parts.items() if value}


async def validate_code(service: Service, request: Request, route: Route) -> Answer:
    """Whether a code is in a value set; of a CodeableConcept one coding must be."""
    asked = inputs(service, request, "valueSet")
    asked.only(_VALIDATE, request.prefer.lenient)
    refuse(asked, _NOT_HERE)
    value_set = await _asked_value_set(service, request, route, asked)
    rows, answers = codings(asked, asked.text("system")), answers_of(service)
    version = asked.text("systemVersion")
    pins = Pins({row[0]: version for row in rows if row[0]}) if version else Pins()
    wanted, abstract = languages(request, asked), flag(asked, "abstract", True)
    name = f"the value set {str(value_set.get('url', ''))[:200]}".rstrip()
    return verdict(
        await asyncio.to_thread(
            lambda: answers.validate_in(answers.compiled(value_set, pins), rows, wanted, abstract, name)
        )
    )


async def _asked_value_set(service: Service, request: Request, route: Route, asked: Inputs) -> Json:
    """The value set that is meant: the instance, the posted resource, or by URL; raises NOT_FOUND, INVALID."""
    if route.id is not None:
        return dict(loads((await current(service, request, route)).body))
    posted = structure(asked, "valueSet")
    if posted is not None:
        if posted.get("resourceType") != "ValueSet":
            raise HieError(
                Category.INVALID, "valueSet is a ValueSet resource", issue="structure", expression="valueSet"
            )
        return {key: value for key, value in posted.items() if key != "codes"}
    url = required(asked.text("url"), "url")
    return dict(answers_of(service).library.value_set(url, asked.text("valueSetVersion")))


def _pins(asked: Inputs) -> Pins:
    default, check, force = (_by_system(asked, name) for name in _VERSIONS)
    return Pins(default, force, check, frozenset(asked.names("exclude-system")))


def _by_system(asked: Inputs, name: str) -> dict[str, str]:
    rows = [value.partition("|") for value in asked.names(name)]
    if any(not bar for _, bar, _ in rows):
        raise HieError(Category.INVALID, "This parameter is [system]|[version]", issue="value", expression=name)
    return {url: version for url, _, version in rows}
