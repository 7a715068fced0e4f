"""From resources that a FHIR platform states to contributions: keys, references, order, code translations."""
