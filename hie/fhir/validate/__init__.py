"""Validation of FHIR R4 resources, compiled from the StructureDefinitions (FHIR R4 validation §2.7.0).

Two readers of the same rules: `shape` answers "valid?" in microseconds for the write path, `walk` says exactly what is
wrong and where. A test holds them against each other.
"""

from hie.fhir.outcome import Issue
from hie.fhir.validate.options import Options
from hie.fhir.validate.structures import ProfileSet
from hie.fhir.validate.validator import Validator, load_validator
from hie.fhir.validate.writing import OURS, Strictness, WriteRules, our_profiles

__all__ = [
    "OURS",
    "Issue",
    "Options",
    "ProfileSet",
    "Strictness",
    "Validator",
    "WriteRules",
    "load_validator",
    "our_profiles",
]
