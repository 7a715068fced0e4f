"""What a submission reads: the entries with `GET` and `HEAD`, which state nothing (FHIR R4 http §3.1.0.11, IHE MHD)."""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from hie.base.draft import Key
from hie.base.ids import is_stable
from hie.mapping.context import Context
from hie.mapping.fhir.keys import Keys
from hie.mapping.fhir.senders import Senders
from hie.mapping.fhir.tables import FhirTables
from hie.wire.submission import Entry, Submission, asked_type

_RESOURCE = re.compile(r"[A-Z][A-Za-z]+/(?P<id>[A-Za-z0-9.-]{1,64})")
_NEVER = datetime.min.replace(tzinfo=UTC)


def named(
    submission: Submission, entry: Entry, *, tables: FhirTables, region: str, registered: Collection[str]
) -> list[str]:
    """The references under which the exchange may know the resource that a read asks for: as the sender calls it by the
    URL, by id or by a search for its number, else by the number in the copy that came along. None when the URL is that
    of another search, a version, an operation."""
    if not _RESOURCE.fullmatch(entry.url) and "?" not in entry.url:
        return []
    organisation = Senders(submission, tables, region, registered).of(entry)
    context = Context(region=region, organisation=organisation, feed="", received=_NEVER)
    keys = Keys(tables, context)
    asked = keys.of_url(entry.url)
    found = dict.fromkeys((asked, read_key(keys, entry)))
    return [key.reference for key in found if key is not None] if asked is not None else []


def read_key(keys: Keys, entry: Entry) -> Key | None:
    """The key of what a read is about, as other entries refer to it: the best number of the copy that came with it.
    Without one, and where the URL may have an id of the exchange, it is what the URL names."""
    asked = keys.of_url(entry.url)
    match = _RESOURCE.fullmatch(entry.url)
    if entry.type != asked_type(entry.url) or (match is not None and is_stable(match["id"])):
        return asked
    return (keys.number(entry.type, entry.resource) if entry.type != "Binary" else None) or asked
