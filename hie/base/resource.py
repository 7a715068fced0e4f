"""What JSON is in Python: one name for what is built or changed, others for what is only read."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""A JSON object that whoever holds it builds or changes."""
JsonView = Mapping[str, Any]
"""A JSON object of any kind that is only read."""
Resource = JsonView
"""One that is FHIR: a resource or an element that is only read."""
