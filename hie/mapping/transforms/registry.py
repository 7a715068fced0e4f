"""The transforms that every field map may call, by the name it uses. Adapters add their own (`Adapter.transforms`)."""

from collections.abc import Callable, Mapping
from typing import Any

from hie.mapping.transforms import (
    coded,
    dates,
    elements,
    hl7v2,
    identifiers,
    names,
    narrative,
    results,
    row_result,
    texts,
)
from hie.mapping.transforms.clinical import CLINICAL

_RESULT = ("qualitative", "unit")

READS: Mapping[str, tuple[str, ...]] = {
    "document-dosage": ("drug-route",),
    "document-result": _RESULT,
    "hl7-observation": _RESULT,
    "result-value": _RESULT,
    "row-result": _RESULT,
}
"""Name of a transform -> the code maps that it reads without being told so in a field map."""

ONLY: Mapping[str, str] = {"hl7-": "hl7v2", "document-": "cda"}
"""How the name of a transform begins -> the only dialect that it reads; every other one reads any."""


def reads(name: str, dialect: str) -> bool:
    """Whether a transform is for values of a dialect."""
    return next((of == dialect for begin, of in ONLY.items() if name.startswith(begin)), True)


def reads_text(name: str) -> bool:
    """Whether a transform of the exchange reads text, in whatever dialect."""
    return name in BUILTIN and not any(name.startswith(begin) for begin in ONLY)


_OF_RESULT = frozenset({"value[x]", "dataAbsentReason", "referenceRange[]", "interpretation[]"})

STATES: Mapping[str, frozenset[str]] = {
    "document-result": _OF_RESULT,
    "hl7-identifiers": frozenset({"identifier[]"}),
    "hl7-observation": _OF_RESULT,
    "row-result": _OF_RESULT,
    "sections": frozenset({"section[]"}),
}
"""Name of a transform that gives several slots -> what it may state, without shares (`#…`)."""

_TEXT = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid", "base64Binary")
_CONCEPT = ("CodeableConcept",)
_PERSON = ("Reference",)

GIVES: Mapping[str, tuple[str, ...]] = {
    "": (*_TEXT, "date", "dateTime", "instant"),
    **dict.fromkeys(("address", "document-address", "hl7-address"), ("Address",)),
    "annotation": ("Annotation",),
    **dict.fromkeys(("concept-text", "concept-words", "local-concept", "interpretation"), _CONCEPT),
    **dict.fromkeys(("document-code", "document-drug", "document-exam-category", "document-flag"), _CONCEPT),
    "date": ("date", "dateTime"),
    "date-time": ("dateTime",),
    "document-dosage": ("Dosage",),
    **dict.fromkeys(("document-condition", "document-extension", "text-extension"), ("Extension",)),
    **dict.fromkeys(("document-identifier", "identifier", "national-id", "qualified-identifier"), ("Identifier",)),
    **dict.fromkeys(("document-order", "document-signer", "display", "identifier-reference", "staff"), _PERSON),
    **dict.fromkeys(("document-total", "quantity"), ("Quantity",)),
    **dict.fromkeys(("document-value", "lines", "name-number", "name-text", "number", "text", "uscc", "words"), _TEXT),
    "hl7-attachment": ("Attachment",),
    **dict.fromkeys(("hl7-interpreter", "hl7-order", "hl7-performer", "hl7-staff", "hl7-staff-name"), _PERSON),
    **dict.fromkeys(("hl7-name", "human-name"), ("HumanName",)),
    **dict.fromkeys(("contact-url", "hl7-phone", "phone"), ("ContactPoint",)),
    "hl7-yes": ("boolean",),
    "instant": ("instant", "dateTime"),
}
"""Name of a transform, empty for none -> the FHIR types it gives; those that are not named give several, or parts."""

Transform = Callable[..., Any]
"""`transform(value, context, **options)`; None states nothing."""

BUILTIN: Mapping[str, Transform] = {
    **hl7v2.TRANSFORMS,
    "address": names.address,
    "annotation": elements.annotation,
    "check-code": coded.check_code,
    "concept-text": elements.concept_text,
    "concept-words": elements.concept_words,
    "contact-url": names.contact_url,
    "date": dates.date,
    "date-time": dates.date_time,
    "display": elements.display,
    "human-name": names.human_name,
    "identifier": identifiers.identifier,
    "identifier-reference": identifiers.identifier_reference,
    "instant": dates.instant,
    "lines": elements.lines,
    "local-concept": coded.local_concept,
    "name-number": identifiers.name_number,
    "name-text": names.name_text,
    "national-id": identifiers.national_id,
    "number": identifiers.number,
    "order-time": dates.order_time,
    "phone": names.phone,
    "presence": dates.presence,
    "qualified-identifier": identifiers.qualified_identifier,
    "quantity": elements.quantity,
    "row-result": row_result.row_result,
    "sections": narrative.sections,
    "staff": elements.staff,
    "text": texts.text,
    "text-extension": elements.text_extension,
    "uscc": identifiers.uscc,
    "words": texts.words,
    **results.TRANSFORMS,
    **CLINICAL,
}
"""Name in a map -> function."""
