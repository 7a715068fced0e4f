"""What a FHIR door says over HTTP (FHIR R4 http, IHE MHD ITI-65): formats, Prefer, the answers to reads, its
CapabilityStatement. What it takes in is one item as at every door; what it shows is read at the FHIR API."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

from lxml import etree
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hie.api.app import FhirApp
from hie.api.faults import answer_of
from hie.api.negotiation import CONTENT_TYPE, JSON, XML, answer_format, preference
from hie.api.presentation import as_xml, pretty_json
from hie.api.router import NotAllowed
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.base.outcome import Answer
from hie.base.resource import Json
from hie.feeds import fhirreply
from hie.mapping.fhir.keyed import NEVER
from hie.pipeline.ours import standing
from hie.store.port import Store
from hie.wire.safejson import dumps, loads, loads_own
from hie.wire.safexml import parse_xml

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_VARY = {"Vary": "Accept, Prefer"}
MHD = "https://profiles.ihe.net/ITI/MHD"
"""Where the profiles of IHE MHD are named."""

PROFILES = ("Minimal", "UnContained.Comprehensive", "Comprehensive")
"""The kinds of ITI-65 Bundles."""

TAKES = "A feed takes a Bundle by POST to its base, and a resource by POST to its type; whatever else, in a Bundle"
"""What is told to who asks for another interaction."""


class FhirDoor:
    """The HTTP of FHIR doors; `fhir` is the FHIR API that shows what they stored in `store`."""

    def __init__(self, fhir: FhirApp, store: Store) -> None:
        self._fhir = fhir
        self._store = store

    def expects(self, request: Request) -> None:
        """Raise NOT_ACCEPTABLE when the answer could not be in a format that is asked for: before anything is kept."""
        _format(request)

    async def told(self, request: Request, kind: str, answer: Answer) -> Response:
        """The answer to an item, its reads answered, as `Prefer` and `Accept` want it (FHIR R4 http §3.1.0.1.8)."""
        response = fhirreply.only_response(answer.body) if kind else {}
        if "location" in response:
            return await self._created(request, response)
        wanted = preference(request.headers.get("prefer")).result
        return self._shown(request, answer.status, await self.complete(request.scope, answer.body, wanted))

    async def _created(self, request: Request, response: Json) -> Response:
        """The answer to a resource that was posted to its type (FHIR R4 http §3.1.0.8)."""
        headers = {"Location": f"{_base(request)}/{response['location']}"}
        headers |= {"ETag": response["etag"]} if "etag" in response else {}
        status, wanted = int(response["status"][:3]), preference(request.headers.get("prefer")).result
        if wanted == "minimal":
            return Response(status_code=status, headers=headers)
        shown = fhirreply.outcome_of(response)
        if wanted != "OperationOutcome":
            read = await self._read(request.scope, {0: {"method": "GET", "url": response["location"]}})
            shown = read[0].get("resource", shown)
        return self._shown(request, status, dumps(shown), headers)

    def checked(self, request: Request, kind: str, body: bytes) -> None:
        """Raise what speaks against a resource as one that is posted to `[base]/{kind}`: INVALID, NOT_SUPPORTED."""
        if kind not in self._types():
            raise self._not_allowed(kind)
        if "if-none-exist" in request.headers:
            told = "A feed keeps what comes in the body: send ifNoneExist in a Bundle, to the base of this feed"
            raise HieError(Category.NOT_SUPPORTED, told, expression="http.if-none-exist")
        if _type_of(body) not in ("", kind):
            raise HieError(Category.INVALID, "The resource has another type than the URL", expression="resourceType")

    def shown(self, request: Request, path: str) -> Response:
        """What is read at `path` below the base: the CapabilityStatement is that of the door, all else is at `/fhir`,
        where the locations of its answers lead. Raises NOT_ACCEPTABLE, NOT_ALLOWED."""
        if request.method not in ("GET", "HEAD", "POST"):
            raise self._not_allowed(path)
        if path == "metadata":
            _format(request)
            return self._shown(request, 200, dumps(self._statement(request)))
        return RedirectResponse(f"/fhir/{path}{'?' if request.url.query else ''}{request.url.query}")

    def _not_allowed(self, path: str) -> HieError:
        takes = path in ("", *self._types())
        return NotAllowed(["GET", "HEAD", *(["POST"] if takes else [])], TAKES)

    def refused(self, request: Request, error: HieError) -> Response:
        """What is refused before it is an item, as an OperationOutcome."""
        answer = answer_of(error)
        return self._shown(request, answer.status, answer.body, answer.headers)

    async def complete(self, scope: Mapping[str, Any], body: bytes, wanted: str | None = None) -> bytes:
        """The answer to a Bundle with its reads answered, to whom `scope` says, and with what `Prefer` wants beside the
        responses."""
        if not fhirreply.reads(body) and wanted in (None, "minimal"):
            return body
        bundle: Json = loads_own(body)
        entries: list[Json] = bundle.get("entry", [])
        await self._answer_reads(scope, entries)
        if wanted == "representation":
            await self._represent(scope, entries)
        for entry in entries if wanted == "OperationOutcome" else ():
            entry["response"].setdefault("outcome", fhirreply.outcome_of(entry["response"]))
        return dumps(bundle)

    async def _answer_reads(self, scope: Mapping[str, Any], entries: list[Json]) -> None:
        """Put the answers to reads in their places. A name that the sender's own server gave comes before an id of the
        exchange, as in references."""
        places = {place: entry["read"] for place, entry in enumerate(entries) if "read" in entry}
        names = [name for asked in places.values() for name in asked["named"]]
        written = await self._store.write(partial(standing, references=names)) if names else {}
        asked = {
            place: _at(one["request"], [written[n] for n in one["named"] if n in written])
            for place, one in places.items()
        }
        for place, answered in (await self._read(scope, asked)).items():
            said = entries[place]["response"]
            entries[place] = {**answered, "response": {**said, **answered["response"], **_location(answered)}}

    async def _represent(self, scope: Mapping[str, Any], entries: list[Json]) -> None:
        """Put beside each response the resource that it locates."""
        places = {place: one["response"].get("location") for place, one in enumerate(entries) if "resource" not in one}
        asked = {place: {"method": "GET", "url": url} for place, url in places.items() if url}
        for place, read in (await self._read(scope, asked)).items():
            entries[place] |= {name: part for name, part in read.items() if name in ("fullUrl", "resource")}

    async def _read(self, scope: Mapping[str, Any], asked: Mapping[int, Json]) -> dict[int, Json]:
        """The answers that the FHIR API has to reads, by their places."""
        return await self._fhir.reads({**scope, "root_path": "/fhir"}, asked)

    def _shown(self, request: Request, status: int, body: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
        """A JSON body in the format that is asked for; as JSON where that cannot be had (it is what was refused)."""
        try:
            form = _format(request)
        except HieError:
            form = JSON
        pretty = request.query_params.get("_pretty") == "true"
        with suppress(HieError):
            if form == XML:
                xml = as_xml(self._fhir.service.definitions, body, pretty)
                return Response(xml, status, {**headers, **_VARY}, CONTENT_TYPE[XML])
        body = pretty_json(body) if pretty else body
        return Response(body, status, {**headers, **_VARY, "Content-Type": fhirreply.CONTENT_TYPE})

    def _types(self) -> list[str]:
        """The types of which a feed takes resources."""
        return [kind for kind in self._fhir.service.definitions.resource_types if kind not in NEVER]

    def _statement(self, request: Request) -> Json:
        """What the door itself does, as a CapabilityStatement (IHE ITI TF-2 Z.3)."""
        settings, base = self._fhir.service.settings, self._fhir.base_of({**request.scope, "root_path": "/fhir"})
        profiles = ", ".join(f"{MHD}/StructureDefinition/IHE.MHD.{name}.ProvideBundle" for name in PROFILES)
        taken = f"{TAKES}. What is read below this base is read at {base}, whose CapabilityStatement says how."
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": instant(self._fhir.service.clock.now()),
            "kind": "instance",
            "instantiates": [f"{MHD}/CapabilityStatement/IHE.MHD.DocumentRecipient"],
            "software": {"name": settings.software, "version": settings.version},
            "implementation": {"description": f"FHIR feed {request.path_params['door']}", "url": _base(request)},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
            "rest": [
                {
                    "mode": "server",
                    "documentation": taken,
                    "resource": [{"type": kind, "interaction": [{"code": "create"}]} for kind in self._types()],
                    "interaction": [
                        {"code": "transaction", "documentation": f"Provide Document Bundle [ITI-65] too: {profiles}"},
                        {"code": "batch"},
                    ],
                }
            ],
        }


def _format(request: Request) -> str:
    """The format that an answer is wanted in; raises NOT_ACCEPTABLE."""
    return answer_format(request.query_params.get("_format"), request.headers.get("accept"))


def _base(request: Request) -> str:
    """The base URL of the door as the caller sees it."""
    url = request.url
    return f"{url.scheme}://{url.netloc}/feeds/{request.path_params['door']}/fhir"


def _at(asked: Json, written: list[str]) -> Json:
    """A read of the resource that it means, where one is known; a search for it finds that one alone."""
    if not written:
        return asked
    return {**asked, "url": written[0].replace("/", "?_id=") if "?" in asked["url"] else written[0]}


def _location(entry: Json) -> Json:
    """Where a resource that was read is: MHD wants that of every entry."""
    resource = entry.get("resource", {})
    version = resource.get("meta", {}).get("versionId")
    if version is None or resource["resourceType"] == "Bundle":
        return {}
    return {"location": f"{resource['resourceType']}/{resource['id']}/_history/{version}"}


def _type_of(body: bytes) -> str:
    """The type of a resource that is posted; empty where it cannot be read, which is found when it is taken in."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        root = parse_xml(body).root
        return "" if root is None else etree.QName(root).localname
    with suppress(HieError):
        resource = loads(body)
        return str(resource.get("resourceType", "")) if isinstance(resource, dict) else ""
    return ""
