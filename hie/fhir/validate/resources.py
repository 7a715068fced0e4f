"""Which resource types have rules of their own."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.validate.bundle import bundle_rules, parameters_rules
from hie.fhir.validate.conformance import (
    Found,
    capability_statement,
    search_parameter,
    structure_definition,
    value_set,
)
from hie.fhir.validate.options import Options

RESOURCE_RULES: Mapping[str, tuple[Callable[[Mapping[str, Any], Definitions, Options], Iterator[Found]], ...]] = {
    "Bundle": (bundle_rules,),
    "CapabilityStatement": (capability_statement,),
    "Parameters": (parameters_rules,),
    "SearchParameter": (search_parameter,),
    "StructureDefinition": (structure_definition,),
    "ValueSet": (value_set,),
}
"""Resource type -> rules beyond the definitions."""
