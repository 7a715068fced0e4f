"""Which institution a resource belongs to: it qualifies local numbers and must be registered (common rules §3)."""

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import unquote

from hie.base.draft import Key
from hie.base.resource import JsonView
from hie.base.systems import ORGANISATION, ORGANISATION_KIND
from hie.mapping.fhir.tables import FhirTables
from hie.wire.submission import Entry, Submission

OWNER: Mapping[str, str] = {
    "Composition": "custodian",
    "DiagnosticReport": "performer",
    "DocumentReference": "custodian",
    "Encounter": "serviceProvider",
    "List": "source",
    "Patient": "managingOrganization",
}
"""Type -> the element that names the institution."""

_SOURCE_ID = "ihe-sourceId"


class Senders:
    """Finds the institution of each resource of a submission. `sender` is that of the submission itself, `counted`
    the one that it is counted under: the first registered one that a resource names, else the agreed one."""

    def __init__(self, submission: Submission, tables: FhirTables, region: str, registered: Collection[str]) -> None:
        self._tables = tables
        self._registered = registered
        self._known = {
            Key(region, uscc, "Organization", ORGANISATION_KIND, uscc).reference: uscc for uscc in registered
        }
        for entry in submission.entries:
            code = self._code(entry.resource) if entry.type == "Organization" else None
            if code:
                names = (entry.full_url, f"Organization/{entry.resource.get('id', '')}")
                self._known |= dict.fromkeys((name for name in names if name), code)
        stated = [code for entry in submission.stating for code in self._stated(entry.resource)]
        self.sender = tables.organisation or next(iter(stated), "")
        self.counted = next((code for code in stated if code in registered), self.sender)

    def of(self, entry: Entry) -> str:
        """The social credit code of the institution of a resource; empty when it is none that is registered."""
        code = next(iter(self._stated(entry.resource)), self.sender)
        return code if code in self._registered else ""

    def own_code(self, resource: JsonView) -> str | None:
        """The code of a registered institution when the resource is that Organization itself."""
        code = self._code(resource) if resource.get("resourceType") == "Organization" else None
        return code if code in self._registered else None

    def _code(self, organisation: JsonView) -> str | None:
        for one in organisation.get("identifier", ()):
            if self._means_institution(one):
                return str(one.get("value", "")).upper()
        return None

    def _means_institution(self, identifier: JsonView) -> bool:
        system = str(identifier.get("system", ""))
        return system == ORGANISATION or self._tables.identifiers.get(system) == ORGANISATION_KIND

    def _stated(self, resource: JsonView) -> Iterable[str]:
        """The codes that a resource names as its institution."""
        if resource.get("resourceType") == "List":
            for extension in resource.get("extension", ()):
                identifier = extension.get("valueIdentifier", {})
                if str(extension.get("url", "")).endswith(_SOURCE_ID) and self._means_institution(identifier):
                    yield str(identifier.get("value", "")).upper()
        owner = resource.get(OWNER.get(str(resource.get("resourceType")), ""), ())
        for reference in owner if isinstance(owner, list) else [owner]:
            code = self._referred(reference, resource) if isinstance(reference, Mapping) else None
            if code:
                yield code

    def _referred(self, reference: JsonView, resource: JsonView) -> str | None:
        identifier = reference.get("identifier")
        if isinstance(identifier, Mapping) and self._means_institution(identifier):
            return str(identifier.get("value", "")).upper()
        url = str(reference.get("reference", ""))
        if url.startswith("#"):
            held = (one for one in resource.get("contained", ()) if one.get("id") == url[1:])
            return next((self._code(one) for one in held), None)
        if url.startswith("Organization?identifier="):
            system, _, value = unquote(url.partition("=")[2]).partition("|")
            return value.upper() if self._means_institution({"system": system}) else None
        return self._known.get(url)


def counted(submission: Submission, tables: FhirTables, region: str, registered: Collection[str]) -> str:
    """The institution that a submission is counted under on the quality pages; empty when nobody is named."""
    return Senders(submission, tables, region, registered).counted
