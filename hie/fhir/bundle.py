"""Bundles spliced from stored bytes: no body is parsed or re-serialised to be sent (design decision 1).

All functions take and return JSON bytes. `base` is the service base URL without a trailing slash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Link:
    """One Bundle.link."""

    relation: str
    url: str


@dataclass(frozen=True, slots=True)
class Response:
    """One Bundle.entry.response: `status` as in HTTP (`201 Created` or `201`), the rest where it applies."""

    status: str
    location: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    outcome: bytes | None = None


def searchset_entry(base: str, resource_type: str, resource_id: str, body: bytes, mode: str) -> bytes:
    """A searchset entry; `mode` is match, include or outcome."""
    head = f'{{"fullUrl":"{base}/{resource_type}/{resource_id}","resource":'.encode()
    return b'%b%b,"search":{"mode":"%b"}}' % (head, body, mode.encode())


def outcome_entry(outcome: bytes) -> bytes:
    """A searchset entry that tells about the search itself (FHIR R4 search §3.1.1.8)."""
    return b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome


def history_entry(
    base: str, resource_type: str, resource_id: str, body: bytes, method: str, response: Response
) -> bytes:
    """A history entry; without `resource` for a deletion (empty `body`) (FHIR R4 http §3.1.0.13)."""
    place = f"{resource_type}/{resource_id}"
    head = b'{"fullUrl":%b' % orjson.dumps(f"{base}/{place}")
    if body:
        head += b',"resource":' + body
    request = orjson.dumps({"method": method, "url": resource_type if method == "POST" else place})
    return head + b',"request":%b,"response":%b}' % (request, response_bytes(response))


def response_entry(response: Response, body: bytes | None = None, full_url: str | None = None) -> bytes:
    """An entry of a batch-response or transaction-response."""
    parts = []
    if full_url:
        parts.append(b'"fullUrl":' + orjson.dumps(full_url))
    if body:
        parts.append(b'"resource":' + body)
    parts.append(b'"response":' + response_bytes(response))
    return b"{" + b",".join(parts) + b"}"


def response_bytes(response: Response) -> bytes:
    """The JSON of a Bundle.entry.response."""
    row = {"status": response.status}
    if response.location:
        row["location"] = response.location
    if response.etag:
        row["etag"] = response.etag
    if response.last_modified:
        row["lastModified"] = response.last_modified
    written = orjson.dumps(row)
    return written if response.outcome is None else b'%b,"outcome":%b}' % (written[:-1], response.outcome)


def bundle(
    kind: str,
    entries: Sequence[bytes],
    *,
    links: Iterable[Link] = (),
    total: int | None = None,
    updated: str | None = None,
    tags: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A Bundle of type `kind`; `updated` is meta.lastUpdated, `tags` (system, code) of meta.tag.

    An empty entry list is left out, as FHIR JSON has no empty arrays.
    """
    head = [b'"resourceType":"Bundle"']
    meta = {}
    if updated:
        meta["lastUpdated"] = updated
    if tags:
        meta["tag"] = [{"system": system, "code": code} for system, code in tags]  # type: ignore[assignment]
    if meta:
        head.append(b'"meta":' + orjson.dumps(meta))
    head.append(b'"type":' + orjson.dumps(kind))
    if total is not None:
        head.append(b'"total":%d' % total)
    listed = [{"relation": link.relation, "url": link.url} for link in links]
    if listed:
        head.append(b'"link":' + orjson.dumps(listed))
    if entries:
        head.append(b'"entry":[' + b",".join(entries) + b"]")
    return b"{" + b",".join(head) + b"}"
