"""Elements that resources get without a field of their own: patient, visit, and what FHIR requires of some types."""

from collections.abc import Mapping

SUBJECT: Mapping[str, str] = {
    "AdverseEvent": "subject",
    "AllergyIntolerance": "patient",
    "BodyStructure": "patient",
    "CarePlan": "subject",
    "CareTeam": "subject",
    "ChargeItem": "subject",
    "Claim": "patient",
    "ClaimResponse": "patient",
    "ClinicalImpression": "subject",
    "Communication": "subject",
    "CommunicationRequest": "subject",
    "Composition": "subject",
    "Condition": "subject",
    "Consent": "patient",
    "Coverage": "beneficiary",
    "CoverageEligibilityRequest": "patient",
    "CoverageEligibilityResponse": "patient",
    "DetectedIssue": "patient",
    "Device": "patient",
    "DeviceRequest": "subject",
    "DeviceUseStatement": "subject",
    "DiagnosticReport": "subject",
    "DocumentManifest": "subject",
    "DocumentReference": "subject",
    "Encounter": "subject",
    "EpisodeOfCare": "patient",
    "ExplanationOfBenefit": "patient",
    "FamilyMemberHistory": "patient",
    "Flag": "subject",
    "Goal": "subject",
    "GuidanceResponse": "subject",
    "ImagingStudy": "subject",
    "Immunization": "patient",
    "ImmunizationEvaluation": "patient",
    "ImmunizationRecommendation": "patient",
    "Invoice": "subject",
    "List": "subject",
    "MeasureReport": "subject",
    "Media": "subject",
    "MedicationAdministration": "subject",
    "MedicationDispense": "subject",
    "MedicationRequest": "subject",
    "MedicationStatement": "subject",
    "MolecularSequence": "patient",
    "NutritionOrder": "patient",
    "Observation": "subject",
    "Procedure": "subject",
    "RelatedPerson": "patient",
    "RequestGroup": "subject",
    "RiskAssessment": "subject",
    "ServiceRequest": "subject",
    "Specimen": "subject",
    "SupplyDelivery": "patient",
    "VisionPrescription": "patient",
}
"""Resource type -> the element that names the patient: every type with one Reference that may be to one (FHIR R4)."""

ENCOUNTER = frozenset(
    {
        "AdverseEvent",
        "AllergyIntolerance",
        "CarePlan",
        "CareTeam",
        "ClinicalImpression",
        "Communication",
        "CommunicationRequest",
        "Composition",
        "Condition",
        "DeviceRequest",
        "DiagnosticReport",
        "Flag",
        "GuidanceResponse",
        "ImagingStudy",
        "Immunization",
        "List",
        "Media",
        "MedicationRequest",
        "NutritionOrder",
        "Observation",
        "Procedure",
        "RequestGroup",
        "RiskAssessment",
        "ServiceRequest",
        "VisionPrescription",
    }
)
"""Those of them with an `encounter` element that names the visit."""

VISITED = ENCOUNTER | {"DocumentReference"}
"""Resource types that name the visit: a DocumentReference does in `context`."""

ALWAYS: Mapping[str, frozenset[str]] = {
    "Composition": frozenset({"author", "custodian"}),
    "DocumentReference": frozenset({"custodian"}),
    "Encounter": frozenset({"status", "serviceProvider"}),
}
"""Resource type -> elements that FHIR or a profile of ours requires and that a resource of it has though nothing states
them."""
