"""URLs under which the exchange names its own things, those of FHIR, HL7 and LOINC, and the OIDs of common rules §4."""

LOINC = "http://loinc.org"
CORE = "http://hl7.org/fhir/StructureDefinition/"
"""Before the name of a type, profile or extension of HL7: the URL of its definition."""

CONDITION_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CRITICAL_FLAGS = frozenset({"HH", "LL", "AA"})
"""Interpretations of a result that somebody must be told of at once (common rules §7.4)."""

BASE = "https://hie.example.org"
EXTENSION = f"{BASE}/fhir/StructureDefinition"
CODE_SYSTEM = f"{BASE}/fhir/CodeSystem"
REGION = f"{CODE_SYSTEM}/region"
"""The tag that says from which region a resource came (common rules §4.2)."""

FINDING = f"{CODE_SYSTEM}/finding"
"""The system of the codes of findings, in answers and in reports."""

RAW_ITEM = f"{BASE}/raw-item"
"""The system of the ids of raw items."""

OID = "2.16.156.10011"
GLOBAL_KINDS = frozenset(f"{OID}.1.{number}" for number in (1, 2, 3, 5, 15, 19))
"""Numbers valid everywhere: document, health record, national id, organisation, insurance and health card."""

NATIONAL_ID_KIND = f"{OID}.1.3"
NATIONAL_ID = f"urn:oid:{NATIONAL_ID_KIND}"
ORGANISATION_KIND = f"{OID}.1.5"
ORGANISATION = f"urn:oid:{ORGANISATION_KIND}"
"""The social credit code of an institution, as a kind and as a system."""

HEALTH_CARD = f"urn:oid:{OID}.1.19"
PATIENT_INDEX = f"{OID}.2.5.1.4"
"""The kind of a patient index: one organisation's own number for a person (rule L)."""

STAFF = f"{OID}.1.4"
"""The kind of a staff number, which an organisation gives."""


def identifier_system(organisation: str, kind: str) -> str:
    """The identifier system of `kind` (an OID or a local kind) in an organisation (common rules §4, rule L).

    Global OIDs give `urn:oid:`; a kind that is a system itself stays (a FHIR sender's own); all others are qualified
    with the organisation's USCC.
    """
    if ":" in kind:
        return kind
    return f"urn:oid:{kind}" if kind in GLOBAL_KINDS else f"{BASE}/id/{organisation}/{kind}"
