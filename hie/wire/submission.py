"""A submission: what a FHIR sender posts, as entries, before anything is made of it (FHIR R4 http §3.1.0.11).

A transaction, a batch, a collection, a document and a single resource all become a `Submission`.
"""

from dataclasses import dataclass

from hie.base.resource import JsonView

STATED = "STATE"
"""Method of an entry that came without a request: a collection, a document, a single resource."""

SUPERSEDED = "SUPERSEDED"
"""Method of an entry that patches the status of a DocumentReference to superseded, which is all that a PATCH may ask:
so a Bundle says of the document that another one in it replaces (IHE MHD 2:3.65.4.1.2.3)."""

READS = frozenset({"GET", "HEAD"})
"""Methods of entries that state nothing: they are answered from what is stored once the others are (FHIR R4 http
§3.1.0.11.2). MHD has one for the patient, with a copy of the resource that says whom the others mean."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where it stands (`Bundle.entry[0]`), its fullUrl, what is asked (`PUT`, `Patient/1`), its resource.

    `method` is `STATED` for entries without a request; `resource` is empty for a deletion and `SUPERSEDED`, for a read
    the copy that came with it. `url` is relative to the base where it is below one of this feed. `unread` are elements
    beside these, which a feed does not follow (`Bundle.entry.request.ifMatch`).
    """

    path: str
    full_url: str
    method: str
    url: str
    if_none_exist: str
    resource: JsonView
    unread: tuple[str, ...] = ()

    @property
    def at(self) -> str:
        """Where its resource stands."""
        return f"{self.path}.resource" if self.path.startswith("Bundle") else self.path

    @property
    def searched(self) -> str:
        """The search of a conditional create, as a URL (`Patient?identifier=…`); empty without one."""
        return f"{self.type}?{self.if_none_exist}" if self.if_none_exist and "?" not in self.if_none_exist else ""

    @property
    def type(self) -> str:
        """The resource type, of a deletion that of its URL."""
        named = self.resource.get("resourceType")
        return str(named) if named else asked_type(self.url)

    @property
    def is_elsewhere(self) -> bool:
        """Whether its URL is one of another server."""
        return "://" in self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Submission:
    """The entries of one part, with what the Bundle says about all of them.

    `kind` is the Bundle type (`transaction`, `batch`, `collection`, `document`) or `resource`; `profiles` are those of
    `Bundle.meta`; `time` is the text of Bundle.timestamp, else Bundle.meta.lastUpdated; `id` is
    Bundle.identifier.value; `unread` as for an entry.
    """

    kind: str
    entries: tuple[Entry, ...]
    profiles: tuple[str, ...] = ()
    time: str = ""
    id: str = ""
    unread: tuple[str, ...] = ()

    @property
    def stating(self) -> tuple[Entry, ...]:
        """The entries that state something: all but reads."""
        return tuple(entry for entry in self.entries if entry.method not in READS)


def asked_type(url: str) -> str:
    """The resource type in the URL of a request: `Patient/1`, `Patient?…`, `https://…/Patient/1`."""
    path, _, query = url.partition("?")
    if "://" not in path:
        return path.partition("/")[0]
    parts = path.split("/")
    return parts[-1] if query else parts[-2]
