"""A submission becomes a draft: one contribution per resource, one Binary per verbatim document (docs/feeds/fhir.md).

`PUT` states a resource as a whole; `POST`, a collection and a single resource add to what is known, younger values
winning; `POST` with `ifNoneExist` counts only where nothing else does; `DELETE` takes back; `PATCH` may say that a
document is superseded, where another one replaces it. What a resource says is kept as sent, with three changes:
references, identifier systems, and translations beside the source codings.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from hie.base.draft import Alias, Contribution, Draft, Key, Merge
from hie.base.finding import Severity, gravest
from hie.base.record import Delivery, Record
from hie.base.resource import JsonView
from hie.base.systems import ORGANISATION_KIND
from hie.fhir.definitions import Definitions
from hie.mapping.codes import CodeTable
from hie.mapping.context import Context
from hie.mapping.fhir.keyed import REPLACES, Keyed, Keying
from hie.mapping.fhir.keys import Keys, decoded
from hie.mapping.fhir.order import order_of
from hie.mapping.fhir.references import PATIENT, RELATED, References
from hie.mapping.fhir.senders import Senders
from hie.mapping.fhir.submitted import provided
from hie.mapping.fhir.tables import FhirTables
from hie.mapping.terms import NO_TERMS, Terms
from hie.plugin import Adapter
from hie.wire.safejson import dumps
from hie.wire.submission import READS, SUPERSEDED, Entry, Submission

_KEPT_META = ("profile", "security")


def fhir_draft(
    record: Record,
    delivery: Delivery,
    adapter: Adapter,
    *,
    tables: FhirTables,
    codes: Mapping[str, CodeTable],
    definitions: Definitions,
    terms: Terms = NO_TERMS,
) -> Draft:
    """The draft of one record; one with a reject leaves no contributions."""
    if gravest(record.findings) is Severity.REJECT:
        return Draft(findings=record.findings)
    context = Context(
        region=adapter.region,
        organisation="",
        feed=delivery.feed,
        received=delivery.received,
        codes=codes,
        terms=terms,
        type=record.type,
    )
    made = _Making(record.tree, context, tables, definitions, frozenset(o.uscc for o in adapter.organisations))
    draft = made.draft()
    findings = tuple(dict.fromkeys((*record.findings, *context.findings)))
    if gravest(findings) is Severity.REJECT:
        return Draft(findings=findings, message_id=draft.message_id, key=draft.key)
    return replace(draft, findings=findings)


class _Making:
    """One submission while its draft is made."""

    def __init__(
        self,
        submission: Submission,
        context: Context,
        tables: FhirTables,
        definitions: Definitions,
        registered: Collection[str],
    ) -> None:
        self.submission = submission
        self.context = context
        self.tables = tables
        self.definitions = definitions
        self.keys = Keys(tables, context)
        self.senders = Senders(submission, tables, context.region, registered)
        self.contributions: list[Contribution] = []
        self.aliases: list[Alias] = []
        self.merges: list[Merge] = []
        self.needs: dict[Key, None] = {}
        self.binaries: list[tuple[Key, str, bytes]] = []
        self.used: dict[str, None] = {}
        self.unmapped: dict[str, None] = {}

    def draft(self) -> Draft:
        """Everything the entries state."""
        keying = Keying(self.submission, self.context, self.keys, self.senders, self.definitions)
        keyed = [keying.of(entry) for entry in self.submission.entries]
        reads = [(one.entry, one.key) for one in keyed if one.entry.method in READS and one.key is not None]
        known = {name: key for entry, key in reads for name in _names(entry)}
        same: dict[Key, Key] = {}
        for one in keyed:
            if one.key is not None and one.entry.method not in ("DELETE", *READS):
                known |= dict.fromkeys(_names(one.entry), one.key)
                same |= dict.fromkeys((*one.also, one.key), one.key)
        for one in keyed:
            self.context.organisation = one.organisation
            if one.key is not None:
                self._state(one.entry, one.key, one.also, References(self.keys, known, same))
        self._once_each(keyed, same)
        self.unmapped |= dict.fromkeys(self.submission.unread)
        for path in self.unmapped:
            self.context.note("field-unmapped", path=path)
        provided(self.submission, References(self.keys, known, same))
        sender = self.senders.sender
        identity = self.submission.id
        return Draft(
            contributions=tuple(self.contributions),
            aliases=tuple(self.aliases),
            needs=tuple(self.needs),
            merges=tuple(self.merges),
            message_id=f"{sender}|{identity}" if identity else "",
            order=max((contribution.order for contribution in self.contributions), default=""),
            key="|".join(one.key.reference if one.key is not None else "" for one in keyed),
            used=tuple(self.used),
            unmapped=tuple(self.unmapped),
            binaries=tuple(self.binaries),
            ids=tuple(self.keys.ids),
        )

    def _once_each(self, keyed: Iterable[Keyed], same: Mapping[Key, Key]) -> None:
        """Note the second change of one resource in a transaction, which must fail (FHIR R4 http §3.1.0.11.2)."""
        changed: set[Key] = set()
        for entry, key, _, _ in keyed if self.submission.kind == "transaction" else ():
            if key is None or entry.method not in ("PUT", "DELETE", SUPERSEDED):
                continue
            if key.type != "Binary" and same.get(key, key) in changed:
                self.context.note("resource-invalid", "the resource is changed twice", f"{entry.path}.request")
            changed.add(same.get(key, key))

    def _state(self, entry: Entry, key: Key, also: Iterable[Key], references: References) -> None:
        self.unmapped |= dict.fromkeys(entry.unread)
        if entry.method == SUPERSEDED or entry.method in READS:
            return  # the document that replaces it says so; a read says nothing
        order = order_of(entry.resource, self.submission, self.context)
        if key.type == "Organization" and key.kind == ORGANISATION_KIND:
            self.used |= dict.fromkeys(f"Organization.{name}" for name in entry.resource)
            return
        self.aliases += [Alias(other, key, order) for other in also]
        digest = sha256(dumps(entry.resource)).hexdigest()
        if entry.method == "DELETE":
            self.contributions.append(Contribution(key, order, revoke=True, exists=False, digest=digest))
            return
        if key.type == "Binary":
            self._binary(entry, key)
            return
        content = self._content(entry, references, order, key)
        subject, encounter = self._place(entry, references)
        self.contributions.append(
            Contribution(
                key,
                order,
                slots=self._slots(key.type, content),
                seed=bool(entry.if_none_exist),
                whole=entry.method == "PUT",
                subject=None if key.type == "Patient" else subject,
                encounter=encounter,
                mentions=tuple(name for name in references.mentions if name != key.reference),
                digest=digest,
            )
        )
        self._superseded(entry.resource, key, order, references)

    def _content(self, entry: Entry, references: References, order: str, key: Key) -> dict[str, Any]:
        """The elements of a resource as they are stored, without id and most of meta."""
        resource, kind = entry.resource, key.type
        path = entry.at
        ignored = self.tables.ignore.get(kind, frozenset())
        content: dict[str, Any] = {}
        for name, value in resource.items():
            if name in ("resourceType", "id") or name in ignored:
                continue
            self.used[f"{kind}.{name}"] = None
            made = references.rewritten(value, f"{path}.{name}")
            if name == "meta":
                made = {part: value[part] for part in _KEPT_META if value.get(part)}
                self.unmapped |= {f"{kind}.meta.{part}": None for part in value if part in ("tag", "extension")}
            elif kind == "Patient" and name == "link":
                made = self._links(made, value, references, order, key, path)
            if made not in (None, [], {}):
                content[name] = made
        return content

    def _links(self, made: Any, sent: Any, references: References, order: str, key: Key, path: str) -> Any:
        """Links without those that say a merge: the exchange writes these itself, on both sides."""
        kept = []
        for link, one in zip(made, sent, strict=True):
            other = references.key_of(one.get("other"), "patient")
            if other is None or one.get("type") not in ("replaces", "replaced-by"):
                kept.append(link)
                continue
            prior, target = (other, key) if one["type"] == "replaces" else (key, other)
            self.merges.append(Merge(prior, target, order, f"{path}.link"))
        return kept

    def _slots(self, kind: str, content: JsonView) -> dict[str, Any]:
        """Elements as slots: lists are replaced as a whole, a choice replaces the other choices."""
        choices = self._choices(kind)
        slots: dict[str, Any] = {}
        for name, value in content.items():
            if name == "meta":
                slots |= {f"meta.{part}[]": list(held) for part, held in value.items()}
            elif name.removeprefix("_") in choices:
                choice = f"{choices[name.removeprefix('_')]}[x]"
                slots[choice] = {**slots.get(choice, {}), name: value}
            else:
                slots[f"{name}[]" if isinstance(value, list) and not name.startswith("_") else name] = value
        return slots

    def _choices(self, kind: str) -> dict[str, str]:
        """Name in JSON -> element, for the choices of a type (`valueQuantity` -> `value`)."""
        children = self.definitions.children(kind)
        return {p.key: p.name for properties in children.values() for p in properties if p.element.is_choice}

    def _place(self, entry: Entry, references: References) -> tuple[str | None, str | None]:
        """Patient and visit of a resource; those outside the submission must be known. In the record of a Patient that
        is contained nobody would find it."""
        resource = entry.resource
        subject = next((resource[name] for name in sorted(PATIENT) if name in resource), None)
        inside = subject.get("reference", "")[1:] if isinstance(subject, Mapping) else ""
        held = (one for one in resource.get("contained", ()) if one.get("id") == inside)
        if any(one["resourceType"] == "Patient" for one in held):
            self.context.note("orphan-reference", path=f"{entry.at}.contained")
        documents = resource["resourceType"] == "DocumentReference"
        visits = resource.get("context", {}).get("encounter") if documents else None
        visit = visits[0] if visits else resource.get("encounter")
        found: list[str | None] = []
        for name, value, kind in (("subject", subject, "Patient"), ("encounter", visit, "Encounter")):
            key = references.key_of(value, name)
            if key is None or key.type != kind:
                found.append(None)
                continue
            if not references.holds(key):
                self.needs[key] = None
            found.append(key.reference)
        return found[0], found[1]

    def _binary(self, entry: Entry, key: Key) -> None:
        for name in entry.resource:
            if name not in ("resourceType", "id"):
                (self.used if name in ("contentType", "data") else self.unmapped).setdefault(f"Binary.{name}")
        data = decoded(entry.resource)
        if data is not None:
            self.binaries.append((key, str(entry.resource.get("contentType", "")), data))

    def _superseded(self, resource: JsonView, key: Key, order: str, references: References) -> None:
        """What a document replaces is superseded, also when it has not arrived yet (IHE MHD 2:3.65.4.1.3)."""
        if key.type != "DocumentReference":
            return
        for related in resource.get("relatesTo", ()):
            other = references.key_of(related.get("target"), RELATED)
            if related.get("code") == REPLACES and other is not None and other != key:
                slots = {"status": "superseded"}
                self.contributions.append(Contribution(other, order, slots=slots, tier=1, exists=False))


def _names(entry: Entry) -> Iterable[str]:
    """What other entries of the Bundle may call an entry."""
    if entry.full_url:
        yield entry.full_url
        parts = entry.full_url.split("/")
        if len(parts) > 2 and parts[-2] == entry.type:
            yield "/".join(parts[-2:])
    if entry.resource.get("id"):
        yield f"{entry.type}/{entry.resource['id']}"
    if entry.url and entry.method != "POST":
        yield entry.url
    if entry.searched:
        yield entry.searched
