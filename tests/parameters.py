"""A search parameter of our own, as clients post it."""

from typing import Any


def parameter(code: str) -> dict[str, Any]:
    """An active token parameter on Patient, for the extension `urn:test:<code>`."""
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": f"urn:test:{code}",
        "name": code,
        "status": "active",
        "description": code,
        "code": code,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension('urn:test:{code}').value",
    }
