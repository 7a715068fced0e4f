"""`CodeSystem/$lookup`, `$validate-code`, `$subsumes` (FHIR R4 codesystem-operation-*)."""

from collections.abc import Iterator

from hie.api.message import Answer, Request
from hie.api.operations.coded import (
    Coded,
    answers_of,
    coding_of,
    codings,
    flag,
    languages,
    parameter,
    parameters,
    refuse,
    required,
    structure,
    verdict,
)
from hie.api.operations.operation import Inputs, inputs
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.terminology.concept import Concept
from hie.terminology.language import display_in, matches
from hie.terminology.port import CodeSystem
from hie.terminology.resource import ResourceSystem
from hie.terminology.service import Verdict, judged
from hie.wire.safejson import loads

_LOOKUP = frozenset({"code", "system", "version", "coding", "date", "displayLanguage", "property"})
_VALIDATE = frozenset(
    {"url", "system", "codeSystem", "code", "version", "display", "coding", "codeableConcept", "date", "abstract",
     "displayLanguage"}
)  # fmt: skip
_SUBSUMES = frozenset({"codeA", "codeB", "system", "version", "codingA", "codingB"})


async def lookup(service: Service, request: Request, route: Route) -> Answer:
    """Everything about one code; 404 when the code system or the code is not here."""
    asked = inputs(service, request)
    asked.only(_LOOKUP, request.prefer.lenient)
    refuse(asked, ("date",))
    coding = structure(asked, "coding")
    if coding is not None:
        system, code, _ = coding_of(coding, "coding")
        version = coding.get("version")
    else:
        system, code, version = asked.text("system"), required(asked.text("code"), "code"), asked.text("version")
    found, concept = answers_of(service).lookup(required(system, "system"), code, version)
    return parameters(list(_told(found, concept, languages(request, asked), frozenset(asked.names("property")))))


def _told(system: CodeSystem, concept: Concept, wanted: tuple[str, ...], only: frozenset[str]) -> Iterator[Json]:
    info = system.info
    display, _ = display_in(concept, info.language, wanted)
    yield parameter("name", "String", info.name or info.title or info.url)
    if info.version:
        yield parameter("version", "String", info.version)
    yield parameter("display", "String", display or concept.code)
    tags = [name.removeprefix("lang.") for name in only if name.startswith("lang.")]
    everything = not only or "*" in only
    for row in concept.designations:
        if everything or "designation" in only or any(matches(row.language, tag) for tag in tags):
            parts = [parameter("language", "Code", row.language)] if row.language else []
            parts += [parameter("use", "Coding", row.use)] if row.use else []
            yield {"name": "designation", "part": [*parts, parameter("value", "String", row.value)]}
    for name, kind, value in _properties(system, concept):
        if everything or name in only:
            parts = [parameter("code", "Code", name), parameter("value", kind, value)]
            described = info.descriptions.get(name)
            yield {
                "name": "property",
                "part": [*parts, *([parameter("description", "String", described)] if described else [])],
            }


def _properties(system: CodeSystem, concept: Concept) -> Iterator[tuple[str, str, object]]:
    if concept.definition:
        yield "definition", "String", concept.definition
    own = {row.code for row in concept.properties}
    if concept.inactive and "inactive" not in own:
        yield "inactive", "Boolean", True
    for row in concept.properties:
        if row.code not in ("parent", "child"):
            yield row.code, row.kind, row.value
    for code in system.parents(concept.code):
        yield "parent", "Code", code
    for code in system.children(concept.code):
        yield "child", "Code", code


async def validate_code(service: Service, request: Request, route: Route) -> Answer:
    """Whether a code system has a code; of a CodeableConcept every coding of that system must be right."""
    asked = inputs(service, request, "codeSystem")
    asked.only(_VALIDATE, request.prefer.lenient)
    refuse(asked, ("date",))
    url = asked.text("url") or asked.text("system")
    rows = codings(asked, url and url.partition("|")[0])
    system = await _asked_system(service, request, route, asked, url or rows[0][0])
    own = [row for row in rows if _is_of(row, system)]
    if not own:
        return verdict(Verdict(False, f"No coding is of the code system {system.info.url}"))
    wanted, abstract = languages(request, asked), flag(asked, "abstract", True)
    told = [judged(system, code, display, wanted, abstract) for _, code, display in own]
    return verdict(next((one for one in told if not one.result), told[0]))


def _is_of(row: Coded, system: CodeSystem) -> bool:
    return row[0] is None or row[0] == system.info.url or row[0] in system.info.aliases


async def subsumes(service: Service, request: Request, route: Route) -> Answer:
    """How two codes of one code system relate."""
    asked = inputs(service, request)
    asked.only(_SUBSUMES, request.prefer.lenient)
    url, codes = asked.text("system"), []
    for name in ("A", "B"):
        coding, code = structure(asked, f"coding{name}"), asked.text(f"code{name}")
        if coding is not None:
            of, code, _ = coding_of(coding, f"coding{name}")
            if url is not None and of not in (None, url):
                raise HieError(Category.INVALID, "Both codes must be of one code system", expression=f"coding{name}")
            url = url or of
        codes.append(required(code, f"code{name}"))
    system = await _asked_system(service, request, route, asked, url)
    return parameters([parameter("outcome", "Code", answers_of(service).relation(system, *codes))])


async def _asked_system(service: Service, request: Request, route: Route, asked: Inputs, url: str | None) -> CodeSystem:
    """The code system that is meant: the instance, the posted resource, or by URL; raises NOT_FOUND, INVALID."""
    library = answers_of(service).library
    if route.id is not None:
        version = await current(service, request, route)
        kept = library.posted.kept("CodeSystem", version.id)
        system = kept.system if kept is not None else ResourceSystem(loads(version.body), "posted")
        return library.with_supplements(system)
    posted = structure(asked, "codeSystem")
    if posted is not None:
        return ResourceSystem(posted, "posted")
    return library.system(required(url, "url" if "url" in _names(asked) else "system"), asked.text("version"))


def _names(asked: Inputs) -> frozenset[str]:
    return frozenset(name for name, _ in asked.pairs)
