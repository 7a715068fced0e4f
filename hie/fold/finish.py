"""Finish: folded state to FHIR resources, with what they inherit from parents and owe to children."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from hie.base.finding import finding
from hie.base.ids import resource_id
from hie.base.resource import Json
from hie.base.slots import EARLY_END, assemble
from hie.base.systems import (
    ALLERGY_VERIFICATION,
    CONDITION_VERIFICATION,
    DATA_ABSENT_REASON,
    ORGANISATION_KIND,
    PATIENT_INDEX,
)
from hie.fold.fold import FINAL, Folded, MemberState
from hie.fold.placed import ENCOUNTER, SUBJECT
from hie.fold.visit import precedes, stated_end, visit_elements

Resolve = Callable[[str], str]

_WRONG = {"coding": [{"system": CONDITION_VERIFICATION, "code": "entered-in-error"}]}
_WRONG_ALLERGY = {"coding": [{"system": ALLERGY_VERIFICATION, "code": "entered-in-error"}]}
REVOKED: Mapping[str, Mapping[str, Any]] = {
    "AllergyIntolerance": {"verificationStatus": _WRONG_ALLERGY, "clinicalStatus": None},
    "Condition": {"verificationStatus": _WRONG, "clinicalStatus": None},
    "Patient": {"active": False},
    "RelatedPerson": {"active": False},
}
"""Resource type -> elements that say "taken back"; every other type has `status: entered-in-error`."""


class Child(NamedTuple):
    """A root that hangs on another: its reference, the order key of its first statement, and whether it was revoked."""

    reference: str
    order: str
    revoked: bool


def organisation_reference(region: str, uscc: str) -> str:
    """`Organization/id` of an institution."""
    return f"Organization/{resource_id(region, uscc, 'Organization', ORGANISATION_KIND, uscc)}"


def finish(
    state: Folded,
    *,
    resolve: Resolve,
    parent: Json | None = None,
    children: Sequence[Child] = (),
    gone: Collection[str] = (),
) -> list[Json]:
    """The resources of one root, the root first: complete except for `meta`.

    `resolve` follows merges and aliases of Patient references, so that what hangs on a merged-away Patient is the
    survivor's (Wujiang §6.2); `parent` is the current resource of `state.parent`, with the status that it would have
    had it not been taken back; `children` are the roots that hang on this one, in any order; `gone` are references of
    Conditions that were taken back.
    """
    subject, encounter = _context(state, parent, resolve)
    root: Json = {"resourceType": state.type, "id": state.id, **assemble(state.slots)}
    if state.type == "Encounter":
        visit = visit_elements(state.slots, state.events)
        if "period.end" in state.slots and "period" not in visit:
            root.pop("period", None)  # it goes on, and nobody says since when
        root.update(visit)
        _forwards(root, state)
    elif state.type == "Observation":
        _value_or_reason(root)
    if parent is not None:
        _inherit(root, parent)
    _organisation(root, state)
    _place(root, subject, encounter)
    resources = [root]
    for member in state.members.values():
        if member.exists:
            resources.append(_member(member, root, subject, encounter, state.revoked))
    _list_members(root, state)
    _list_children(root, children)
    _drop_revoked(root, {*gone, *(child.reference for child in children if child.revoked)})
    if state.revoked:
        _revoke(root)
    return resources


def untold_end(root: Json, state: Folded) -> str | None:
    """The end of a finished visit that its Period does not say, since it lies before the start; None when there is
    none."""
    if state.type != "Encounter" or "end" in root.get("period", {}) or state.slots.get("status") != "finished":
        return None
    return stated_end(state.slots)


def conceals(parent: Json, child: str) -> bool:
    """Whether a resource may not show what a child of that type takes over from it: the status of a report that was
    taken back (Qingpu §3.2, §4.4), or when a stay ended (Qingpu §4.6)."""
    if child == "Composition":
        return parent["resourceType"] == "Encounter" and "end" not in parent.get("period", {})
    return child == "Observation" and parent.get("status") == "entered-in-error"


def revealed(parent: Json, state: Folded) -> Json:
    """A resource with what it conceals: a report has the status that it had, a stay the end that was stated."""
    if state.type != "Encounter":
        return {**parent, "status": state.slots.get("status")}
    end = untold_end(parent, state)
    return parent if end is None else {**parent, "period": {**parent.get("period", {}), "end": end}}


def diagnoses(state: Folded) -> list[str]:
    """The Conditions that a visit lists and that are no members of it."""
    listed = [
        item["condition"]["reference"]
        for slot, items in state.slots.items()
        if slot.startswith("diagnosis[]")
        for item in (items if isinstance(items, list) else [items])
    ]
    return [reference for reference in listed if reference not in state.members]


def link_merged(patient: Json, target: str | None, merged: Sequence[str]) -> None:
    """State the merges of a Patient: `target` replaced it, it replaced `merged` (Wujiang §6.1).

    A retired Patient is inactive, and the number it was known by is `old`.
    """
    links = [{"other": {"reference": reference}, "type": "replaces"} for reference in merged]
    if target is not None:
        patient["active"] = False
        links.append({"other": {"reference": target}, "type": "replaced-by"})
        patient["identifier"] = [
            {**identifier, "use": "old"} if identifier.get("system", "").endswith(PATIENT_INDEX) else identifier
            for identifier in patient.get("identifier", ())
        ]
    if links:
        patient["link"] = [*patient.get("link", ()), *links]


def _context(state: Folded, parent: Json | None, resolve: Resolve) -> tuple[str | None, str | None]:
    """The Patient and Encounter references of a root, stated or inherited."""
    subject, encounter = state.subject, state.encounter
    if state.type == "Patient":
        subject = resolve(state.reference)
    elif subject is not None:
        subject = resolve(subject)
    if parent is not None:
        subject = subject or (parent.get("subject") or {}).get("reference")
        if parent["resourceType"] == "Encounter":
            encounter = encounter or f"Encounter/{parent['id']}"
        else:
            encounter = encounter or (parent.get("encounter") or {}).get("reference")
    return subject, encounter


def _place(resource: Json, subject: str | None, encounter: str | None) -> None:
    kind = resource["resourceType"]
    if subject is not None and kind in SUBJECT:
        resource[SUBJECT[kind]] = {**resource.get(SUBJECT[kind], {}), "reference": subject}
    if encounter is None:
        return
    if kind in ENCOUNTER:
        resource["encounter"] = {**resource.get("encounter", {}), "reference": encounter}
    elif kind == "DocumentReference":
        resource.setdefault("context", {})["encounter"] = [{"reference": encounter}]


def _member(member: MemberState, root: Json, subject: str | None, encounter: str | None, revoked: bool) -> Json:
    resource: Json = {"resourceType": member.type, "id": member.id, **assemble(member.slots)}
    if root["resourceType"] == "Encounter":
        encounter = f"Encounter/{root['id']}"
    if member.type == "Observation":
        _value_or_reason(resource)
    _place(resource, subject, encounter)
    if member.gone or revoked:
        _revoke(resource)
    return resource


def _revoke(resource: Json) -> None:
    for element, value in REVOKED.get(resource["resourceType"], {"status": "entered-in-error"}).items():
        if value is None:
            resource.pop(element, None)
        else:
            resource[element] = value


def _organisation(root: Json, state: Folded) -> None:
    reference = {"reference": organisation_reference(state.region, state.organisation)}
    if state.type == "Patient":
        root["managingOrganization"] = reference
    elif state.type == "Encounter":
        root["serviceProvider"] = reference
    elif state.type == "DiagnosticReport":
        named = root.get("performer", [])
        if all(one.get("reference") != reference["reference"] for one in named):
            root["performer"] = [*named, reference]
    elif state.type in ("Composition", "DocumentReference"):
        root["custodian"] = reference
        if state.type == "Composition" and not root.get("author"):
            root["author"] = [reference]


def _forwards(root: Json, state: Folded) -> None:
    """A Period must not run backwards: the end is left out (common rules §5.2); whoever stated both was told."""
    period = root.get("period", {})
    if "start" in period and "end" in period and precedes(period["end"], period["start"]):
        del period["end"]
        if "period.end" in state.slots or EARLY_END not in state.slots:
            state.findings.append(finding("time-order", "Encounter.period"))


def _value_or_reason(root: Json) -> None:
    """An Observation has a value or the reason why not (common rules §7.1.6)."""
    if any(name.startswith("value") for name in root):
        root.pop("dataAbsentReason", None)
    elif "component" not in root and "hasMember" not in root and "dataAbsentReason" not in root:
        root["dataAbsentReason"] = {"coding": [{"system": DATA_ABSENT_REASON, "code": "unknown"}]}


def _list_members(root: Json, state: Folded) -> None:
    """What a root lists of its members: what is there, and no result that was taken back with its report (§7.6)."""
    for member in state.members.values():
        if member.listed is None or member.gone or not member.exists:
            continue
        if state.revoked and member.type == "Observation":
            continue
        name = member.listed.removesuffix("[]")
        link = {"reference": f"{member.type}/{member.id}"}
        if member.listed.endswith("[]"):
            root.setdefault(name, []).append(link)
        else:
            root[name] = link


def _list_children(root: Json, children: Sequence[Child]) -> None:
    if root["resourceType"] != "DiagnosticReport":
        return
    for child in sorted(children, key=lambda c: (c.order, c.reference)):
        if child.reference.startswith("Observation/") and not child.revoked:
            root.setdefault("result", []).append({"reference": child.reference})


def _drop_revoked(root: Json, gone: Collection[str]) -> None:
    """A visit no longer lists diagnoses that were taken back: a revoking row need not name the visit (Qingpu §3.2), and
    the visit stays when the document that lists them is withdrawn (Jiashan §5)."""
    if not gone or "diagnosis" not in root:
        return
    root["diagnosis"] = [item for item in root["diagnosis"] if item["condition"].get("reference") not in gone]
    if not root["diagnosis"]:
        del root["diagnosis"]


def _inherit(root: Json, parent: Json) -> None:
    """What a root takes over from its parent (Qingpu §4.4, §4.6)."""
    if root["resourceType"] == "Observation" and parent["resourceType"] == "DiagnosticReport":
        if "effectiveDateTime" in parent:
            root["effectiveDateTime"] = parent["effectiveDateTime"]
        if parent.get("status") == "preliminary" and root.get("status") in FINAL:
            root["status"] = "preliminary"
    elif root["resourceType"] == "Composition" and parent["resourceType"] == "Encounter":
        end = parent.get("period", {}).get("end")
        if end:
            root["date"] = end
