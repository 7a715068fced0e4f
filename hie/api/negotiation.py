"""Content negotiation: formats in and out, Prefer, gzip (FHIR R4 http §3.1.0.1.6 to §3.1.0.1.11)."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hie.base.errors import Category, HieError

JSON, XML = "json", "xml"

MEDIA_TYPES: dict[str, str] = {
    "json": JSON,
    "application/json": JSON,
    "application/fhir+json": JSON,
    "application/json+fhir": JSON,
    "text/json": JSON,
    "xml": XML,
    "application/xml": XML,
    "application/fhir+xml": XML,
    "application/xml+fhir": XML,
    "text/xml": XML,
}
"""Names of the two formats, in `_format`, Accept and Content-Type."""

WILDCARDS = frozenset({"*/*", "application/*", "*"})
CONTENT_TYPE = {
    JSON: "application/fhir+json; fhirVersion=4.0; charset=utf-8",
    XML: "application/fhir+xml; fhirVersion=4.0; charset=utf-8",
}
FORM = "application/x-www-form-urlencoded"
JSON_PATCH = "application/json-patch+json"
_VERSION = re.compile(r"4\.0(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Preference:
    """The Prefer header: `result` is minimal, representation, OperationOutcome or None; `lenient` for
    `handling=lenient`; `asynchronous` for `respond-async`."""

    result: str | None = None
    lenient: bool = False
    asynchronous: bool = False


def media_type(header: str | None) -> str:
    """The bare, lower-case media type of a header; empty when there is none."""
    return (header or "").partition(";")[0].strip().lower()


def _parameters(part: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in part.split(";")[1:])
    return {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}


def _quality(parameters: Mapping[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0


def accepted(header: str) -> list[str]:
    """The media types of an Accept header that ask for FHIR R4, best first."""
    ranked = []
    for place, part in enumerate(header.split(",")):
        parameters = _parameters(part)
        weight = _quality(parameters)
        if weight > 0 and _VERSION.fullmatch(parameters.get("fhirversion", "4.0")):
            ranked.append((-weight, place, media_type(part)))
    return [name for _, _, name in sorted(ranked)]


@lru_cache(maxsize=256)
def answer_format(wanted: str | None, accept: str | None) -> str:
    """What to answer in, by `_format`, then Accept, else JSON; raises NOT_ACCEPTABLE."""
    if wanted:
        name = media_type(wanted.replace(" ", "+"))
        if name in MEDIA_TYPES:
            return MEDIA_TYPES[name]
        raise HieError(Category.NOT_ACCEPTABLE, "_format must name JSON or XML", expression="http._format")
    if not accept or accept == "*/*":
        return JSON
    for name in accepted(accept):
        if name in MEDIA_TYPES:
            return MEDIA_TYPES[name]
        if name in WILDCARDS:
            return JSON
    raise HieError(Category.NOT_ACCEPTABLE, "This server answers in FHIR R4 JSON or XML only")


def body_format(content_type: str | None) -> str:
    """The format of a resource in a request body; JSON when not said; raises UNSUPPORTED_MEDIA."""
    if not content_type:
        return JSON
    parameters = _parameters(content_type)
    name = media_type(content_type)
    if name not in MEDIA_TYPES or not _VERSION.fullmatch(parameters.get("fhirversion", "4.0")):
        raise HieError(Category.UNSUPPORTED_MEDIA, "Send FHIR R4 as application/fhir+json or application/fhir+xml")
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise HieError(Category.UNSUPPORTED_MEDIA, "Send FHIR in UTF-8")
    return MEDIA_TYPES[name]


def preference(header: str | None) -> Preference:
    """A Prefer header read; what it does not know is ignored, as RFC 7240 §2 asks."""
    if not header:
        return Preference()
    items = {key.strip().lower(): value.strip().strip('"') for key, _, value in map(_pair, _split(header))}
    result = items.get("return")
    if result not in ("minimal", "representation", "OperationOutcome"):
        result = None
    return Preference(result, items.get("handling", "").lower() == "lenient", "respond-async" in items)


def _split(header: str) -> list[str]:
    return [part for part in re.split(r"[,;]", header) if part.strip()]


def _pair(part: str) -> tuple[str, str, str]:
    return part.partition("=")


def inflate(body: bytes, encoding: str | None, limit: int) -> bytes:
    """A body with its Content-Encoding undone, at most `limit` bytes long; raises TOO_LARGE, UNSUPPORTED_MEDIA."""
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        raise HieError(Category.UNSUPPORTED_MEDIA, "Content-Encoding must be gzip or deflate")
    decoder = zlib.decompressobj(47)
    try:
        plain = decoder.decompress(body, limit + 1)
    except zlib.error:
        raise HieError(Category.INVALID, "The body is not what its Content-Encoding says") from None
    if len(plain) > limit or decoder.unconsumed_tail:
        raise HieError(Category.TOO_LARGE, "The body is too large once it is decompressed")
    if not decoder.eof:
        raise HieError(Category.INVALID, "The compressed body is cut off")
    return plain


def deflate(body: bytes) -> bytes:
    """A body compressed with gzip, fast rather than small."""
    encoder = zlib.compressobj(1, zlib.DEFLATED, 31)
    return encoder.compress(body) + encoder.flush()


def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether the caller takes gzip."""
    for part in (accept_encoding or "").split(","):
        if media_type(part) in ("gzip", "x-gzip", "*"):
            return _quality(_parameters(part)) > 0
    return False
