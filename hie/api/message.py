"""What handlers take and give: a request that is already read, an answer that is ready bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hie.api.negotiation import JSON, Preference
from hie.api.slot import Prepared
from hie.base.clock import from_micros, instant
from hie.security.principal import Principal
from hie.store.port import Version


@dataclass(slots=True, eq=False)
class Request:
    """One interaction, from the wire or from a Bundle entry; not changed once it is made.

    `path` the segments below the service base; `query` the decoded query pairs in order, a posted search form
    included; `headers` by lower-case name; `format` what to answer in (`json` or `xml`). `entry`: it came in a Bundle,
    with its `resource` already parsed; nothing is formatted or compressed then. `prepared`: what another
    process has found out about its `resource`, a transaction.
    """

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    base: str
    principal: Principal
    prefer: Preference = field(default_factory=Preference)
    format: str = JSON
    pretty: bool = False
    entry: bool = False
    resource: dict[str, Any] | None = None
    prepared: Prepared | None = None

    def header(self, name: str) -> str | None:
        """A header by lower-case name."""
        return self.headers.get(name)

    def parameter(self, name: str) -> str | None:
        """The first query parameter of that name."""
        return next((value for key, value in self.query if key == name), None)

    def address(self, pairs: Sequence[tuple[str, str]]) -> str:
        """The URL of the request with these query parameters in place of its own."""
        path = "/".join((self.base, *self.path))
        return f"{path}?{urlencode(pairs)}" if pairs else path


@dataclass(slots=True)
class Answer:
    """An answer. `body` is FHIR JSON unless `content_type` says otherwise; `version` what it shows, for Bundle entries.

    `file` is sent instead of `body` where there is one. `shaped` marks a single resource that `_summary` and
    `_elements` still have to be applied to.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = None
    version: Version | None = None
    outcome: bytes | None = None
    shaped: bool = False
    file: Path | None = None


def etag(version: Version) -> str:
    """The weak ETag of a version (FHIR R4 http §3.1.0.1.3)."""
    return f'W/"{version.version}"'


def http_date(microseconds: int) -> str:
    """An HTTP date of microseconds since the epoch."""
    return _date_of_second(microseconds // 1_000_000)


@lru_cache(maxsize=4096)
def _date_of_second(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def location(base: str, version: Version) -> str:
    """The version-specific URL of a version."""
    return f"{base}/{version.type}/{version.id}/_history/{version.version}"


def shown_instant(version: Version) -> str:
    """`meta.lastUpdated` of a version."""
    return _instant_of(version.last_updated)


@lru_cache(maxsize=16)
def _instant_of(microseconds: int) -> str:
    return instant(from_micros(microseconds))


def version_headers(version: Version) -> dict[str, str]:
    """The headers that name a version."""
    return {"ETag": etag(version), "Last-Modified": http_date(version.last_updated)}
