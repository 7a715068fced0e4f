"""FHIR R4: official definitions, FHIRPath, JSON and XML. Imports `wire` and `base` only."""
