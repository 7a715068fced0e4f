"""Where a document lies: by its fields `z` and `p` a sharded cluster divides the data, and knows where to ask.

`z` is the region, "" without one; `p` the Patient in whose compartment a resource is alone.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hie.base.systems import REGION
from hie.fhir.definitions import official
from hie.search.clause import Match, ReferenceTest
from hie.search.entries import Entries

SHARED = "*"
"""In the place of a Patient for resources in the compartments of several."""

_ONLY_PATIENTS = ".where(resolve() is Patient)"


def place(resource_type: str, resource_id: str, entries: Entries) -> dict[str, Any]:
    """The place of a resource: SHARED for one in several compartments, its own id for a Patient and for one in none."""
    patients = {owner for kind, owner in entries.compartments if kind == "Patient"}
    region = next((entry[2] for entry in entries.token if entry[0] == "_tag" and entry[1] == REGION), "")
    if resource_type == "Patient":
        patients = {resource_id} if patients <= {resource_id} else {SHARED}
    return {"z": region, "p": SHARED if len(patients) > 1 else next(iter(patients), resource_id)}


def placed(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """The place of a document as it lies there; documents of an older program have none."""
    return {field: document[field] for field in ("z", "p") if field in document} if document is not None else {}


def lies_with(patients: Sequence[str]) -> dict[str, Any]:
    """The condition on `p` for what is in the compartments of Patients, and for themselves."""
    return {"$in": [*dict.fromkeys(patients), SHARED, None]}


def named_place(resource_type: str, ids: Sequence[str]) -> dict[str, Any]:
    """The condition on the place of resources that are known by their ids only: for Patients there is one."""
    return {"p": lies_with(ids)} if resource_type == "Patient" else {}


def patients_of(clause: Match, scope: Sequence[str]) -> list[str]:
    """The Patients in whose compartments all lies that a reference to one of them finds; none when it may lie
    elsewhere."""
    tests = [test for test in clause.tests if isinstance(test, ReferenceTest)]
    if len(tests) < len(clause.tests) or not all(clause.param in _inward(kind) for kind in scope):
        return []
    if all(_inward(kind)[clause.param] for kind in scope):
        tests = [test for test in tests if test.type in ("Patient", None)]
    found = [test.id for test in tests if test.type == "Patient" and test.id]
    return found if len(found) == len(tests) else []


@cache
def _inward(resource_type: str) -> dict[str, bool]:
    """Reference parameters of a type that read nothing but what puts it into the compartment of a Patient (FHIR R4
    CompartmentDefinition/patient), and whether they find Patients only: `patient` is `subject` where that is one."""
    parameters = official().search_parameters(resource_type)
    paths = {code: _paths(resource_type, one.expression or "") for code, one in parameters.items()}
    reads = {code: {path.removesuffix(_ONLY_PATIENTS) for path in own} for code, own in paths.items()}
    inside = {path for code in official().compartment_params("Patient", resource_type) for path in reads.get(code, ())}
    return {
        code: all(path.endswith(_ONLY_PATIENTS) for path in own)
        for code, own in paths.items()
        if own and reads[code] <= inside
    }


def _paths(resource_type: str, expression: str) -> set[str]:
    parts = (part.strip() for part in expression.split("|"))
    return {part for part in parts if part.startswith(f"{resource_type}.")}
