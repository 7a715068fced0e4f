"""FHIR submissions: JSON or XML bytes to records, held against the rules of the standard before mapping sees them.

A transaction, a collection or a document is one record, stored or refused as a whole; each entry of a batch is a record
of its own (FHIR R4 http §3.1.0.11); so is a single resource. What has the wrong shape is refused; what has the right
shape and breaks another rule (a required code, an invariant) is kept for a decision.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.record import Delivery, Parsed, Record
from hie.fhir.outcome import Issue
from hie.wire.safejson import dumps, loads
from hie.wire.safexml import parse_xml
from hie.wire.submission import READS, STATED, SUPERSEDED, Entry, Submission, asked_type

TOGETHER = frozenset({"transaction", "collection", "document"})
"""Bundle types whose entries are stored or refused together."""

METHODS = frozenset({"POST", "PUT", "DELETE", SUPERSEDED}) | READS
"""What an entry may ask of a feed."""

BARE = frozenset({"DELETE", SUPERSEDED})
"""Those that have no resource."""

_SUPERSEDED = {"type": "replace", "path": "DocumentReference.status", "value": "superseded"}
"""The one operation that a PATCH may be: its parts, by name."""

SHAPE = frozenset({"structure", "value", "required", "too-costly", "invalid"})
"""Issue types after which a resource cannot be read as what it claims to be."""

MHD = ("ProvideBundle", "ProvideDocumentBundle", "DocumentBundle")
"""Endings of the profiles with which a Bundle says that it is an ITI-65 Provide Document Bundle (IHE MHD)."""

_READ = {
    "Bundle": frozenset({"resourceType", "id", "meta", "identifier", "type", "timestamp", "entry"}),
    "Bundle.meta": frozenset({"profile", "lastUpdated", "versionId"}),
    "Bundle.entry": frozenset({"fullUrl", "resource", "request"}),
    "Bundle.entry.request": frozenset({"method", "url", "ifNoneExist"}),
}
"""What is read of a Bundle beside the resources; the rest is told (`field-unmapped`)."""

_OF_READS = frozenset({"method", "url", "ifNoneMatch", "ifModifiedSince"})
"""What is followed of the request of a read."""

_DOOR = r"https?://[^/?#]+(?:/[^?#]*)?/feeds/{}/fhir/"
_ANY = re.compile(r"https?://[^?#]+/(?=[A-Z][A-Za-z]+(?:/[A-Za-z0-9.-]{1,64}(?:/_history/[^?]+)?)?(?:\?|$))")
"""The base in a URL of a resource or type, whichever it is."""

_IN_ENTRY = re.compile(r"Bundle\.entry\[\d+\]\.resource\b")
"""Where a finding is about the resource of one entry, which can be read apart from the others."""

Validate = Callable[[Any], Sequence[Issue]]
FromXml = Callable[[bytes], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What parsing goes by of the agreement with the sender.

    `sender`: a submission -> the institution that it is counted under; that of one without entries is the one agreed
    on. `named`: the submission and a read in it -> the references by which the resource may be known that it asks for,
    the best first. `base`: the base URL of the sender's own server.
    """

    sender: Callable[[Submission], str]
    named: Callable[[Submission, Entry], list[str]]
    base: str = ""


def parse(delivery: Delivery, validate: Validate, from_xml: FromXml, agreed: Agreed) -> Parsed:
    """The records of one submission; `validate` gives the issues of a resource.

    Rejects: bytes that are no resource (`message-malformed`), a Bundle of another type or an entry that asks for
    something else than storing and reading (`type-unknown`). `Parsed.context` holds `kind`, the methods and the reads
    by their place, for the answer.
    """
    parsed = _parsed(delivery, validate, from_xml, agreed)
    return parsed if parsed.organisation else replace(parsed, organisation=agreed.sender(Submission("resource", ())))


def _parsed(delivery: Delivery, validate: Validate, from_xml: FromXml, agreed: Agreed) -> Parsed:
    """As `parse`, where the item itself names its institution or has records."""
    body, sender = delivery.body, agreed.sender
    try:
        resource = _read(body, from_xml)
    except HieError as error:
        unread = parse_xml(body).findings if _is_xml(body) else ()
        if gravest(unread) is Severity.REJECT:
            return Parsed((), unread)
        code = "too-large" if error.category is Category.TOO_LARGE else "message-malformed"
        return Parsed((), (finding(code, "/", error.message if error.category is Category.INVALID else ""),))
    found = [] if (issues := validate(resource)) == [] else list(dict.fromkeys(_findings(issues)))
    kind = str(resource.get("type")) if resource["resourceType"] == "Bundle" else "resource"
    malformed = [one for one in found if one.code == "message-malformed"]
    refused = [one for one in malformed if kind != "batch" or not _IN_ENTRY.match(one.path)]
    if refused:
        return Parsed((), tuple(refused), context={"kind": "resource"})
    if kind not in TOGETHER | {"batch", "resource"}:
        return Parsed((), (finding("type-unknown", "Bundle.type"),), context={"kind": kind})
    below = _below(delivery.door, agreed.base)
    entries = [_entry(n, one, below) for n, one in enumerate(resource.get("entry", ()))] if kind != "resource" else []
    if kind == "resource":
        entries = [Entry(str(resource["resourceType"]), "", STATED, "", "", resource)]
    unknown = tuple(finding("type-unknown", f"{e.path}.request.method") for e in entries if not _asks(kind, e))
    if not entries or (unknown and kind != "batch"):
        missing = finding("key-missing", "Bundle.entry")
        named = sender(Submission(kind, tuple(entries)))
        return Parsed((), unknown or (missing,), context={"kind": kind}, organisation=named)
    found += unknown
    asked = [one.get("request", {}) for one in resource.get("entry", ())]
    sound = Submission(kind, tuple(_sound(entries, malformed)))
    reads = {n: _asked(asked[n], sound, n, agreed) for n in _reads(entries)}
    context = {"kind": kind, "methods": [entry.method for entry in entries], "reads": reads}
    records = tuple(_sent(record, sender) for record in _records(kind, resource, entries, found, body))
    return Parsed(records, (), "utf-8", context)


def _sent(record: Record, sender: Callable[[Submission], str]) -> Record:
    """A record with its institution; what is malformed is not read for it."""
    submission: Submission = record.tree
    if gravest(record.findings) is Severity.REJECT:
        submission = replace(submission, entries=())
    return replace(record, organisation=sender(submission))


def _read(body: bytes, from_xml: Callable[[bytes], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The resource in the bytes. Raises `HieError` (INVALID, TOO_LARGE)."""
    resource = from_xml(body) if _is_xml(body) else loads(body)
    if not isinstance(resource, Mapping) or not isinstance(resource.get("resourceType"), str):
        raise HieError(Category.INVALID, "no FHIR resource")
    return resource


def _is_xml(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def _findings(issues: Sequence[Issue]) -> Iterable[Finding]:
    """What is wrong, by place and rule; the words of the validator may quote values, so they stay out."""
    for issue in issues:
        if issue.severity not in ("error", "fatal"):
            continue
        code = "message-malformed" if issue.code in SHAPE else "resource-invalid"
        yield finding(code, next(iter(issue.expression), ""), issue.rule)


def _below(door: str, base: str) -> re.Pattern[str]:
    """The beginning of a URL below a base of the feed: that of its door, whatever host it goes by, and that of the
    sender; while none is agreed on, any is taken for the sender's."""
    own = _DOOR.format(re.escape(door))
    return re.compile(f"{own}|{re.escape(base)}/" if base else f"{own}|{_ANY.pattern}")


def _entry(number: int, entry: Mapping[str, Any], below: re.Pattern[str]) -> Entry:
    request, resource = entry.get("request", {}), entry.get("resource", {})
    method, url = str(request.get("method", STATED)), below.sub("", str(request.get("url", "")), count=1).lstrip("/")
    unread = [*_unread("Bundle.entry", entry), *_unread("Bundle.entry.request", request)]
    if method in READS:
        copies = ["Bundle.entry.resource"] if "resource" in entry else []
        unread = [*copies, *(path for path in unread if path.rpartition(".")[2] not in _OF_READS)]
    if method == "PATCH" and isinstance(resource, Mapping) and _supersedes(url, resource):
        method, resource = SUPERSEDED, {}
    return Entry(
        f"Bundle.entry[{number}]",
        str(entry.get("fullUrl", "")),
        method,
        url,
        str(request.get("ifNoneExist", "")),
        resource if isinstance(resource, Mapping) else {},
        tuple(unread),
    )


def _reads(entries: Sequence[Entry]) -> list[int]:
    """The places of the reads."""
    return [number for number, entry in enumerate(entries) if entry.method in READS]


def _sound(entries: Sequence[Entry], malformed: Iterable[Finding]) -> Iterable[Entry]:
    """The entries, of those with a malformed resource, as a batch may have, without it."""
    spoilt = {found.path.partition(".resource")[0] for found in malformed}
    return (replace(entry, resource={}) if entry.path in spoilt else entry for entry in entries)


def _asked(request: Mapping[str, Any], submission: Submission, number: int, agreed: Agreed) -> dict[str, Any]:
    """What the answer is told of a read: its request, with a relative URL, and by `named` what it means."""
    entry = submission.entries[number]
    followed = {name: value for name, value in request.items() if name in _OF_READS}
    return {"request": {**followed, "url": entry.url}, "named": agreed.named(submission, entry)}


def _supersedes(url: str, resource: Mapping[str, Any]) -> bool:
    """Whether a PATCH makes a document superseded and nothing else, by FHIRPath Patch (FHIR R4 fhirpatch)."""
    operations = _members(resource.get("parameter"))
    said = ({str(part.get("name")): _value(part) for part in _members(one.get("part"))} for one in operations)
    named = all(one.get("name") == "operation" for one in operations)
    right = bool(operations) and named and all(map(_SUPERSEDED.__eq__, said))
    return right and asked_type(url) == "DocumentReference"


def _value(part: Mapping[str, Any]) -> Any:
    return next((value for key, value in part.items() if key.startswith("value")), None)


def _members(given: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; of a batch nothing is known of the shape of an entry yet."""
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


def _unread(path: str, sent: Mapping[str, Any]) -> Iterable[str]:
    """The elements that nothing is made of."""
    return (f"{path}.{name}" for name in sent if name not in _READ[path])


def _asks(kind: str, entry: Entry) -> bool:
    """Whether the entry asks for something that a feed does."""
    if kind in ("transaction", "batch") and entry.method in READS:
        return bool(entry.url)
    if kind in ("transaction", "batch"):
        return entry.method in METHODS and (entry.method in BARE) != bool(entry.resource)
    return bool(entry.resource)


def _records(
    kind: str, bundle: Mapping[str, Any], entries: Sequence[Entry], found: Sequence[Finding], body: bytes
) -> Iterable[Record]:
    meta, identifier = bundle.get("meta", {}), bundle.get("identifier", {})
    told = Submission(kind, ())
    if kind != "resource":
        time = str(bundle.get("timestamp") or meta.get("lastUpdated") or "")
        unread = (*_unread("Bundle", bundle), *_unread("Bundle.meta", meta))
        told = Submission(kind, (), tuple(meta.get("profile", ())), time, str(identifier.get("value", "")), unread)
    if kind != "batch":
        whole = replace(told, entries=tuple(entries))
        label = "provide-document-bundle" if is_mhd(whole) else _label(kind, entries)
        yield Record(1, label, whole, body, tuple(found))
        return
    for number, entry in enumerate(entries, start=1):
        if entry.method in READS:
            continue
        asked = {"time": told.time, "url": entry.full_url, "request": [entry.method, entry.url, entry.if_none_exist]}
        mine = tuple(f for f in found if f.path.startswith(f"{entry.path}.") or not f.path.startswith("Bundle.entry"))
        content = dumps({**asked, "resource": entry.resource})
        yield Record(number, _label(kind, [entry]), replace(told, entries=(entry,)), content, mine)


def _label(kind: str, entries: Sequence[Entry]) -> str:
    return entries[0].type if kind in ("resource", "batch") else kind


def is_mhd(submission: Submission) -> bool:
    """Whether the Bundle claims to be an ITI-65 request."""
    return any("MHD" in profile and profile.partition("|")[0].endswith(MHD) for profile in submission.profiles)
