"""What every CDA document gives besides its entries, and what its version does to them (Jiashan interface §2.1, §5).

A field map says what the entries mean. Here the draft gets Binary, DocumentReference and Composition, and every
statement about clinical content is tied to its document, so that a correction or withdrawal reaches it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from hie.base.draft import Contribution, Draft, Key, Member
from hie.base.finding import Severity, gravest
from hie.base.record import Delivery, Record
from hie.base.systems import OID, identifier_system
from hie.base.text import LENGTHS, trimmed
from hie.mapping.apply import MapSet
from hie.mapping.composition import has_long_text, sections
from hie.mapping.context import Context
from hie.mapping.transforms.clinical import signer
from hie.mapping.transforms.dates import moment
from hie.mapping.transforms.texts import fits
from hie.plugin import Adapter
from hie.wire.clinical_document import Header, read_header

DOCUMENT_ID = f"{OID}.1.1"
DOCUMENT_TABLE = "document"
"""The code map of document types is `<region>-document`; a region without one uses the national list of Jiashan's."""

LASTING = frozenset({"Patient", "Encounter", "RelatedPerson"})
"""Types that a correction or withdrawal leaves alone."""

_DIAGNOSIS_USE: Mapping[str, tuple[str, str]] = {
    "46241-6": ("AD", "Admission diagnosis"),
    "11535-2": ("DD", "Discharge diagnosis"),
}
"""Section of C0053 -> Encounter.diagnosis.use (Jiashan interface §6.5)."""

_ROLE = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
_TEMPLATE = f"{OID}.2.1.1."
_FIRST_TEMPLATE = 20
_NATIONAL_TYPES = frozenset(f"C{number:04d}" for number in range(1, 54))
"""WS/T 500 parts 1 to 53, each with a template of its own."""


def with_document(
    draft: Draft,
    record: Record,
    delivery: Delivery,
    adapter: Adapter,
    maps: MapSet,
) -> Draft:
    """The draft of a document that `maps` made, completed; one with a reject is left as it is."""
    if record.tree is None or gravest(draft.findings) is Severity.REJECT:
        return draft
    header = read_header(record.tree)
    context = Context.of(record, delivery, adapter.region, maps.codes, maps.terms)
    document = _Document(record, header, context, draft)
    if maps.programs[delivery.feed, record.type].states <= LASTING:
        context.note("document-level-only", path="code/@code")
    contributions = (*document.lasting(), *document.itself(), *document.clinical(), *document.superseded())
    return replace(
        draft,
        contributions=contributions,
        findings=tuple(dict.fromkeys((*draft.findings, *context.findings))),
        message_id=draft.message_id or (f"{record.organisation}|{header.id}" if header.is_new else ""),
        order=header.order,
        binaries=(*draft.binaries, (document.binary, "application/xml", record.body)),
        issues=(document.key, header.issue) if header.is_new else None,
    )


class _Document:
    """One document while its draft is completed."""

    def __init__(self, record: Record, header: Header, context: Context, draft: Draft) -> None:
        self.root = record.tree
        self.header = header
        self.context = context
        self.draft = draft
        self.size = len(record.body)
        self.key = self._key("DocumentReference", header.id)
        self.binary = self._key("Binary", f"{header.id}#{sha256(record.body).hexdigest()}")
        self.subject = _reference(draft, "Patient")
        self.encounter = _reference(draft, "Encounter")
        self.type = self._type()
        self.date = self._date()
        self._note_version()
        self._note_lengths()

    def _key(self, type: str, value: str) -> Key:
        return self.context.key(type, DOCUMENT_ID, value)

    def _date(self) -> Any:
        self.context.path = "effectiveTime/@value"
        return moment(self.header.effective, self.context)

    def _type(self) -> dict[str, Any]:
        """Document type; title and template that belong to another type contradict it (Jiashan interface §2)."""
        context, header = self.context, self.header
        context.path = "title"
        own = f"{context.region}-{DOCUMENT_TABLE}"
        table = context.codes[own if own in context.codes else f"jiashan-{DOCUMENT_TABLE}"]
        found = table.translate(header.type, header.title, context)
        context.path = "templateId/@root"
        template = (node.get("root") or "" for node in self.root.iterfind("templateId"))
        numbers = [root.removeprefix(_TEMPLATE) for root in template if root.startswith(_TEMPLATE)]
        named = {f"C{int(n) - _FIRST_TEMPLATE:04d}" for n in numbers if n.isdecimal()}
        if (named - {header.type}) & _NATIONAL_TYPES:
            context.note("code-name-conflict")
        return found.concept

    def _note_version(self) -> None:
        header = self.header
        if not (header.is_new or header.corrects or header.withdraws):
            self.context.note("code-unknown", path="versionNumber")

    def _note_lengths(self) -> None:
        """What is too long of what no field map reads: the header about the document, the texts of the body (common
        rules §5.5)."""
        header, context = self.header, self.context
        for path, text, length in (
            ("id/@extension", header.id, "code"),
            ("title", header.title, "short"),
            ("setId", header.set_id, "code"),
            ("versionNumber", header.version, "code"),
            ("relatedDocument/parentDocument/id", header.parent, "code"),
        ):
            context.path = path
            fits(text, length, context)
        for title in self.root.iterfind("component/structuredBody//section/title"):
            context.path = "structuredBody//section/title"
            fits(trimmed(title.text) or "", "short", context)
        if self.size > LENGTHS["long"] and has_long_text(self.root):
            context.note("field-too-long", path="structuredBody//section")

    @property
    def _parent(self) -> Key | None:
        """The document that this one replaces."""
        return self._related if self.header.relation == "replaces" else None

    @property
    def _related(self) -> Key | None:
        """The document that this one replaces, adds to or is another form of."""
        if not self.header.parent or self.header.parent == self.header.id or self.header.withdraws:
            return None
        return self._key("DocumentReference", self.header.parent)

    def lasting(self) -> Iterable[Contribution]:
        """What the map states about patient, visit and contacts: it stays whatever becomes of the document."""
        for contribution in self.draft.contributions:
            if contribution.target.type not in LASTING:
                continue
            if contribution.target.type == "Encounter" and not contribution.seed:
                contribution = replace(contribution, slots={**contribution.slots, **self._diagnoses()})
            yield contribution

    def _diagnoses(self) -> dict[str, Any]:
        """Encounter.diagnosis from the Conditions that a discharge summary states, with rank for those at discharge."""
        if self.header.type != "C0053" or self.header.withdraws:
            return {}
        found: list[dict[str, Any]] = []
        for contribution in self.draft.contributions:
            if contribution.target.type != "Condition":
                continue
            place, _, rank = contribution.target.value.rpartition(":")
            code, display = _DIAGNOSIS_USE.get(place.rpartition(":")[2], ("", ""))
            if not code:
                continue
            use = {"coding": [{"system": _ROLE, "code": code, "display": display}]}
            ranked = {"rank": int(rank)} if code == "DD" else {}
            found.append({"condition": {"reference": contribution.target.reference}, "use": use, **ranked})
        return {"diagnosis[]": found} if found else {}

    def itself(self) -> Iterable[Contribution]:
        """DocumentReference and Composition."""
        stated = Contribution(
            self.key,
            self.header.order,
            slots=self._reference_slots(),
            source=self.key.reference,
            subject=self.subject,
            encounter=self.encounter,
            withdraw=self.header.withdraws,
        )
        yield replace(stated, mentions=(self._related.reference,)) if self._related is not None else stated
        exists = not self.header.withdraws
        slots = self._composition_slots() if exists else {}
        yield replace(stated, target=self._key("Composition", self.header.id), slots=slots, exists=exists)

    def _reference_slots(self) -> dict[str, Any]:
        header = self.header
        attachment = {
            "contentType": "application/xml",
            "url": self.binary.reference,
            "size": self.size,
            "title": header.title or self.type.get("text", header.type),
        }
        slots: dict[str, Any] = {
            "masterIdentifier": self._identifier(),
            "status": "current",
            "type": self.type,
            "content[]": [{"attachment": attachment}],
        }
        if header.set_id:
            system = identifier_system(self.context.organisation, "set")
            slots["identifier[]#set"] = [{"system": system, "value": header.set_id}]
        if self.date is not None and self.date.time:
            slots["date"] = self.date.text
        if self._related is not None:
            related = {"reference": self._related.reference, "type": "DocumentReference"}
            known_as = {"system": f"urn:oid:{DOCUMENT_ID}", "value": self.header.parent}
            slots["relatesTo[]"] = [{"code": header.relation, "target": {**related, "identifier": known_as}}]
        return {**slots, **self._authors()}

    def _composition_slots(self) -> dict[str, Any]:
        slots: dict[str, Any] = {
            "identifier": self._identifier(),
            "status": "amended" if self._changes else "final",
            "type": self.type,
            "title": self.header.title or self.type.get("text", self.header.type),
        }
        if self.date is not None:
            slots["date"] = self.date.text
        parts = sections(self.root)
        if parts:
            slots["section[]"] = parts
        return {**slots, **self._authors()}

    def _identifier(self) -> dict[str, str]:
        return {"system": f"urn:oid:{DOCUMENT_ID}", "value": self.header.id}

    def _authors(self) -> dict[str, Any]:
        self.context.path = "author"
        found = [author for node in self.root.iterfind("author") if (author := signer(node, self.context))]
        return {"author[]": found} if found else {}

    @property
    def _changes(self) -> bool:
        """Whether the content is stated as a correction of an earlier one."""
        return self.header.corrects or self._parent is not None

    def clinical(self) -> Iterable[Contribution]:
        """What the entries state, tied to the document; for a withdrawal only that it is taken back."""
        reasons = [c.target.reference for c in self.draft.contributions if c.target.type == "Condition"]
        for contribution in self.draft.contributions:
            if contribution.target.type in LASTING:
                continue
            stated = replace(contribution, source=self.key.reference)
            if self.header.withdraws:
                yield replace(stated, withdraw=True, exists=False, slots={}, members=(), complete=False)
                continue
            yield self._changed(_with_reasons(stated, reasons))
            if self._parent is not None and stated.target.type != "DiagnosticReport":
                before = self._parent.reference
                yield Contribution(stated.target, self.header.order, withdraw=True, exists=False, source=before)

    def _changed(self, contribution: Contribution) -> Contribution:
        """A report of a corrected document and its results have the status `corrected`."""
        if not self._changes or contribution.target.type != "DiagnosticReport":
            return contribution
        members = tuple(replace(m, slots=_corrected(m)) for m in contribution.members)
        return replace(contribution, slots={**contribution.slots, "status": "corrected"}, members=members)

    def superseded(self) -> Iterable[Contribution]:
        """The replaced document is superseded, also when it has not arrived yet."""
        if self._parent is not None:
            slots = {"status": "superseded"}
            source = self.key.reference
            yield Contribution(self._parent, self.header.order, slots=slots, tier=1, exists=False, source=source)


def _with_reasons(contribution: Contribution, reasons: list[str]) -> Contribution:
    """A prescription refers to the diagnoses of its document (Jiashan interface §6.2)."""
    if contribution.target.type != "MedicationRequest" or not reasons:
        return contribution
    slots = {**contribution.slots, "reasonReference[]": [{"reference": reference} for reference in reasons]}
    return replace(contribution, slots=slots)


def _corrected(member: Member) -> Mapping[str, Any]:
    return {**member.slots, "status": "corrected"} if member.slots.get("status") == "final" else member.slots


def _reference(draft: Draft, type: str) -> str | None:
    return next((c.target.reference for c in draft.contributions if c.target.type == type), None)
