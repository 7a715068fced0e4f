"""Entries of a batch or transaction: checked, and read as requests (FHIR R4 http §3.1.0.11)."""

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from hie.api.content import checked_shape
from hie.api.faults import answer_of
from hie.api.message import Answer, Request, etag, location, shown_instant
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.bundle import Response, response_entry

METHODS = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")
"""Verbs in the order in which a transaction is processed (FHIR R4 http §3.1.0.11.2)."""

_HEADERS = {
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
    "ifModifiedSince": "if-modified-since",
    "ifNoneExist": "if-none-exist",
}
_REQUIRED = 2
"""Elements that every Bundle.entry.request has: method and url."""


@dataclass(slots=True, eq=False)
class Entry:
    """One entry: `place` in the Bundle, its `request`, its `full_url` if any."""

    place: int
    request: Request
    full_url: str | None

    @property
    def at(self) -> str:
        """Its FHIRPath."""
        return f"Bundle.entry[{self.place}]"


def rows_of(service: Service, bundle: Json) -> list[Any]:
    """The entries of a Bundle, unread; raises INVALID, TOO_LARGE."""
    rows = bundle.get("entry", [])
    if not isinstance(rows, list):
        raise _invalid("Bundle.entry is an array", "Bundle.entry")
    if len(rows) > service.settings.max_entries:
        raise HieError(Category.TOO_LARGE, "The Bundle has too many entries", expression="Bundle.entry")
    return rows


def entry_of(service: Service, request: Request, place: int, row: Any) -> Entry:
    """One entry read; raises INVALID with the element at fault."""
    at = f"Bundle.entry[{place}]"
    asked = row.get("request") if isinstance(row, dict) else None
    if not isinstance(asked, dict):
        raise _invalid("An entry needs a request", f"{at}.request", "required")
    method, url, full_url = asked.get("method"), asked.get("url"), row.get("fullUrl")
    if method not in METHODS:
        raise _invalid("This is no method of a Bundle", f"{at}.request.method")
    if not isinstance(url, str) or not isinstance(full_url, str | None):
        raise _invalid("An entry needs a request.url", f"{at}.request.url", "required")
    path, query = _place(url, request.base, at)
    resource = _resource(service, row, method, path, at)
    inner = Request(
        method,
        path,
        query,
        _headers(asked, at),
        b"",
        request.base,
        request.principal,
        request.prefer,
        request.format,
        request.pretty,
        entry=True,
        resource=resource,
    )
    return Entry(place, inner, full_url)


def _place(url: str, base: str, at: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    if url.isalpha():
        return (url,), ()
    if url.startswith(base):
        url = url[len(base) :]
    path, _, query = url.partition("?")
    if "://" in path or path.startswith("urn:"):
        raise _invalid("request.url is relative to the service base", f"{at}.request.url", "value")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1000) if query else []
    except ValueError:
        raise _invalid("request.url is not percent-encoded UTF-8", f"{at}.request.url", "value") from None
    return tuple(unquote(part) for part in path.strip("/").split("/") if part), tuple(pairs)


def _resource(service: Service, row: Json, method: str, path: tuple[str, ...], at: str) -> Json | None:
    given = row.get("resource")
    needed = method in ("PUT", "PATCH") or (method == "POST" and not _bodiless(path))
    if given is None and needed:
        raise _invalid("This method needs a resource", f"{at}.resource", "required")
    return None if given is None else checked_shape(service, given, f"{at}.resource")


def _bodiless(path: tuple[str, ...]) -> bool:
    return bool(path) and path[-1].startswith(("$", "_"))


def _headers(asked: Json, at: str) -> dict[str, str]:
    if len(asked) == _REQUIRED:
        return {}
    headers = {}
    for name, header in _HEADERS.items():
        value = asked.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise _invalid("This is a string", f"{at}.request.{name}")
        headers[header] = value
    return headers


def _invalid(why: str, expression: str, issue: str = "structure") -> HieError:
    return HieError(Category.INVALID, why, issue=issue, expression=expression)


@cache
def status_line(status: int) -> str:
    """`201 Created`."""
    return f"{status} {HTTPStatus(status).phrase}"


def refused(error: Exception) -> bytes:
    """The response entry of what failed."""
    answer = answer_of(error)
    return response_entry(Response(status_line(answer.status), outcome=answer.body))


def answer_entry(request: Request, answer: Answer) -> bytes:
    """The response entry of an answer; a written resource comes along only with `return=representation`."""
    version = answer.version
    failed = answer.status >= 400
    reading = request.method in ("GET", "HEAD")
    whole = reading or version is None or request.prefer.result == "representation"
    body = answer.body if answer.body and not failed and whole and request.method != "HEAD" else None
    told = answer.outcome or (answer.body if failed else None)
    if version is None:
        return response_entry(Response(status_line(answer.status), outcome=told), body)
    response = Response(
        status_line(answer.status),
        None if reading or version.deleted else location(request.base, version),
        etag(version),
        shown_instant(version),
        told,
    )
    full_url = f"{request.base}/{version.type}/{version.id}" if body else None
    return response_entry(response, body, full_url)
