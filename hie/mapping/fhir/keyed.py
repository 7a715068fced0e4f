"""Which resource every entry of a submission is about, and whose it is (docs/feeds/fhir.md)."""

from collections.abc import Iterable
from typing import NamedTuple

from hie.base.draft import Key
from hie.base.finding import Severity
from hie.base.resource import JsonView
from hie.base.systems import ORGANISATION_KIND
from hie.fhir.definitions import Definitions
from hie.mapping.context import Context
from hie.mapping.fhir.keys import Keys
from hie.mapping.fhir.reading import read_key
from hie.mapping.fhir.senders import Senders
from hie.wire.submission import READS, SUPERSEDED, Entry, Submission

NEVER = frozenset({"AuditEvent", "Bundle", "CapabilityStatement", "OperationOutcome", "Parameters"})
"""Types that state nothing about the world of patients."""

REPLACES = "replaces"
"""The code of `DocumentReference.relatesTo` by which the other document is superseded."""

_FOREIGN = "the URL is one of another server"


class Keyed(NamedTuple):
    """An entry with the key of its resource, None when it has none, the other keys under which that is known, and the
    organisation that states it."""

    entry: Entry
    key: Key | None
    also: list[Key]
    organisation: str


class Keying:
    """Finds the keys of the entries of one submission."""

    def __init__(
        self, submission: Submission, context: Context, keys: Keys, senders: Senders, definitions: Definitions
    ) -> None:
        self.submission = submission
        self.context = context
        self.keys = keys
        self.senders = senders
        self.definitions = definitions

    def of(self, entry: Entry) -> Keyed:
        """Which resource an entry is about; what is missing is noted."""
        context = self.context
        context.path = entry.path
        uscc = self.senders.own_code(entry.resource)
        if uscc is not None:
            return Keyed(entry, Key(context.region, uscc, "Organization", ORGANISATION_KIND, uscc), [], uscc)
        context.organisation = self.senders.of(entry)
        if entry.method in READS:
            return Keyed(entry, read_key(self.keys, entry), [], context.organisation)
        if not self.definitions.is_resource(entry.type) or entry.type in NEVER:
            context.note("type-unknown")
            return Keyed(entry, None, [], "")
        if entry.method == SUPERSEDED:
            return self._replaced(entry)
        if not context.organisation:
            context.note("org-unknown")
            return Keyed(entry, None, [], "")
        key, also = self.keys.of(entry)
        if self._is_foreign(entry):
            context.note("envelope-mismatch", _FOREIGN, f"{entry.path}.request.url", Severity.WARN)
        elif not _fits(entry):
            context.note("envelope-mismatch", path=f"{entry.path}.request.url")
        if key is None:
            context.note("key-missing", path=f"{entry.path}.request.url" if entry.url else f"{entry.at}.identifier")
        return Keyed(entry, key, also, context.organisation)

    def _is_foreign(self, entry: Entry) -> bool:
        """Whether a request is for another server; the exchange may go by further names than its doors, but the ids
        that it gives are those of nobody else."""
        return entry.is_elsewhere and self.keys.of_url(entry.url) not in self.keys.ids

    def _replaced(self, entry: Entry) -> Keyed:
        """The key of a document that is superseded, as the one that replaces it names it."""
        for other in self.submission.stating:
            self.context.organisation = self.senders.of(other)
            key = self.keys.of_url(entry.url)
            for replaced in (self._named(target) for target in _replaced(other.resource)):
                if key is not None and replaced is not None and self._is_same(key, replaced):
                    return Keyed(entry, replaced, [], self.context.organisation)
        self.context.note("envelope-mismatch", _FOREIGN if entry.is_elsewhere else "", f"{entry.path}.request.url")
        return Keyed(entry, None, [], "")

    def _named(self, target: JsonView) -> Key | None:
        """The key of a document that a reference names, by whatever it is called."""
        named = self.keys.of_url(str(target.get("reference", "")))
        return named or self.keys.of_identifier("DocumentReference", target.get("identifier", {}))

    def _is_same(self, one: Key, other: Key) -> bool:
        """Whether two keys are one, or one id of the exchange by two addresses of it."""
        ids = self.keys.ids
        return one == other or (one in ids and other in ids and (one.type, one.value) == (other.type, other.value))


def _replaced(resource: JsonView) -> Iterable[JsonView]:
    """The references to documents that one replaces."""
    for related in resource.get("relatesTo", ()) if resource.get("resourceType") == "DocumentReference" else ():
        if related.get("code") == REPLACES:
            yield related.get("target", {})


def _fits(entry: Entry) -> bool:
    """Whether a request asks for the type, and with `PUT` for the id, that its resource has (FHIR R4 http §3.1.0.4,
    §3.1.0.8). A `PUT` need not repeat the id in the resource."""
    path, _, query = entry.url.partition("?")
    if not path or entry.method not in ("POST", "PUT"):
        return True
    parts = path.rstrip("/").split("/")
    if entry.method == "POST" or query:
        return parts[-1] == entry.type
    return parts[-2:] == [entry.type, str(entry.resource.get("id", parts[-1]))]
