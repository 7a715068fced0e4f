"""read and vread (FHIR R4 http §3.1.0.2, §3.1.0.3), conditional read included."""

from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC
from email.utils import parsedate_to_datetime

from hie.api.message import Answer, Request, etag, version_headers
from hie.api.negotiation import MEDIA_TYPES, WILDCARDS, accepted
from hie.api.router import Route
from hie.api.service import Service
from hie.base.clock import micros
from hie.base.errors import Category, HieError
from hie.search.values import date_range
from hie.store.port import Version
from hie.wire.safejson import loads

_GONE = "The resource has been deleted"
_UNKNOWN = "There is no such resource"


async def read(service: Service, request: Request, route: Route) -> Answer:
    """The current version; 304 when the caller has it; 410 when it is deleted."""
    version = await current(service, request, route)
    if _unchanged(request, version):
        return Answer(304, headers=version_headers(version))
    return shown(request, version)


async def current(service: Service, request: Request, route: Route) -> Version:
    """The current version of the resource that a route names, checked by policy; raises NOT_FOUND, GONE."""
    version = await service.reader.read(route.type or "", route.id or "")
    if version is None:
        raise HieError(Category.NOT_FOUND, _UNKNOWN)
    return _live(service, request, route, version)


async def vread(service: Service, request: Request, route: Route) -> Answer:
    """One version; 410 when that version is the deletion."""
    version = await service.reader.vread(route.type or "", route.id or "", route.version or 0)
    if version is None:
        raise HieError(Category.NOT_FOUND, "There is no such version")
    return shown(request, _live(service, request, route, version))


def _live(service: Service, request: Request, route: Route, version: Version) -> Version:
    if version.deleted:
        raise HieError(Category.GONE, _GONE)
    service.permit(version, request.principal, route.interaction)
    return version


def shown(request: Request, version: Version) -> Answer:
    """A version as an answer: the resource, or the content of a Binary when that is what the caller accepts."""
    if version.type == "Binary" and not request.entry:
        raw = _binary(request, version)
        if raw is not None:
            return raw
    return Answer(200, version.body, version_headers(version), version=version, shaped=True)


def _unchanged(request: Request, version: Version) -> bool:
    """If-None-Match, else If-Modified-Since (FHIR R4 http §3.1.0.5.2; RFC 9110 §13.2.2)."""
    known = request.headers.get("if-none-match")
    if known is not None:
        own = etag(version).removeprefix("W/")
        return known.strip() == "*" or own in (tag.strip().removeprefix("W/") for tag in known.split(","))
    since = request.headers.get("if-modified-since")
    return since is not None and version.last_updated < (_instant(since) if request.entry else _http_date(since))


def _instant(text: str) -> int:
    """The end of what the `ifModifiedSince` of an entry names (FHIR R4 bundle §2.36.5), 0 for what is no instant."""
    found = date_range(text)
    return 0 if found is None else found[1]


def _http_date(text: str) -> int:
    """The end of the second that an HTTP date names, 0 for what is none."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return micros(at.replace(microsecond=0, tzinfo=at.tzinfo or UTC)) + 1_000_000


def _binary(request: Request, version: Version) -> Answer | None:
    """The content itself, unless FHIR is asked for (FHIR R4 binary §2.41.4); None to send the resource."""
    accept = request.header("accept")
    if request.parameter("_format") or not accept:
        return None
    resource = loads(version.body)
    content_type = str(resource.get("contentType") or "application/octet-stream")
    names = accepted(accept)
    wanted = next((name for name in names if name in MEDIA_TYPES or name in WILDCARDS or _is(name, content_type)), None)
    if wanted is None or wanted in MEDIA_TYPES or (wanted in WILDCARDS and not _asks_raw(names)):
        return None
    try:
        data = b64decode(resource.get("data") or "")
    except (Base64Error, ValueError, TypeError):
        return None
    headers = version_headers(version) | {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
    return Answer(200, data, headers, content_type.replace("\r", "").replace("\n", ""))


def _is(name: str, content_type: str) -> bool:
    bare = content_type.partition(";")[0].strip().lower()
    return name == bare or (name.endswith("/*") and bare.startswith(name[:-1]))


def _asks_raw(names: list[str]) -> bool:
    return names[0] not in WILDCARDS
