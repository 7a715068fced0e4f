"""What JSON is in Python: one name for what is built or changed, others for what is only read."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""A JSON object that whoever holds it builds or changes."""
JsonView = Mapping[str, Any]
"""A JSON object that is only read: an element, a row of a table, a resource that came in."""
Resource = Mapping[str, Any]
"""A FHIR resource, or an element of one, that is only read."""
