"""The hand-written invariants against the FHIRPath engine, on examples and on the same with one thing broken."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hie.fhir.definitions import official
from hie.fhir.element import Constraint
from hie.fhir.validate.engine import Engine
from hie.fhir.validate.references import Root, root_of
from hie.fhir.validate.rules import RULES, in_order

LENIENT = {
    "dom-3": "a link in a narrative, or a string that is not typed as a reference, also counts",
    "ref-1": "# alone means the container",
}
"""Rules that accept more than their expression, and why."""

TYPED_STRICTLY = {"que-7": "to the engine a FHIR boolean is not System.Boolean, which the constraint means"}
"""Rules whose expression the engine reads more strictly than it is meant, and why."""

PLACES = {
    "ait-1": "AllergyIntolerance",
    "ait-2": "AllergyIntolerance",
    "con-4": "Condition",
    "con-5": "Condition",
    "dom-2": "Patient",
    "dom-3": "Patient",
    "dom-4": "Patient",
    "dom-5": "Patient",
    "mdd-1": "MedicationDispense",
    "obs-7": "Observation",
    "org-1": "Organization",
    "per-1": "Period",
    "que-7": "Questionnaire.item.enableWhen",
    "ref-1": "Reference",
    **{f"bdl-{n}": "Bundle" for n in (1, 2, 3, 4, 7, 9, 10, 11, 12)},
    "bdl-8": "Bundle.entry",
}

CONCEPT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}
ERROR = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error"}]
}
ALLERGY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
            "code": "entered-in-error",
        }
    ]
}
CODE = {"coding": [{"system": "http://loinc.org", "code": "1-1"}]}
KEPT_AND_BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ait-1": ({"clinicalStatus": CODE}, {}),
    "ait-2": ({"verificationStatus": ALLERGY}, {"verificationStatus": ALLERGY, "clinicalStatus": CODE}),
    "bdl-1": ({"type": "searchset", "total": 1}, {"type": "batch", "total": 1}),
    "bdl-2": (
        {"type": "searchset", "entry": [{"search": {}}]},
        {"type": "batch", "entry": [{"search": {"mode": "x"}}]},
    ),
    "bdl-3": ({"type": "batch", "entry": [{"request": {"url": "x"}}]}, {"type": "batch", "entry": [{"fullUrl": "x"}]}),
    "bdl-4": (
        {"type": "batch-response", "entry": [{"response": {"status": "200"}}]},
        {"type": "batch-response", "entry": [{"fullUrl": "x"}]},
    ),
    "bdl-7": (
        {"type": "batch", "entry": [{"fullUrl": "a"}, {"fullUrl": "b"}]},
        {"type": "batch", "entry": [{"fullUrl": "a"}, {"fullUrl": "a"}]},
    ),
    "bdl-8": ({"fullUrl": "http://x/Patient/1"}, {"fullUrl": "http://x/Patient/1/_history/2"}),
    "bdl-9": ({"type": "document", "identifier": {"system": "x", "value": "y"}}, {"type": "document"}),
    "bdl-10": ({"type": "document", "timestamp": "2024-01-01T00:00:00Z"}, {"type": "document"}),
    "bdl-11": (
        {"type": "document", "entry": [{"resource": {"resourceType": "Composition"}}]},
        {"type": "document", "entry": [{"resource": {"resourceType": "Patient"}}]},
    ),
    "bdl-12": (
        {"type": "message", "entry": [{"resource": {"resourceType": "MessageHeader"}}]},
        {"type": "message", "entry": [{"resource": {"resourceType": "Patient"}}]},
    ),
    "con-4": ({"abatementString": "x", "clinicalStatus": CONCEPT}, {"abatementString": "x", "clinicalStatus": CODE}),
    "con-5": ({"verificationStatus": ERROR}, {"verificationStatus": ERROR, "clinicalStatus": CODE}),
    "dom-2": (
        {"contained": [{"resourceType": "Patient", "id": "a"}]},
        {"contained": [{"resourceType": "Patient", "contained": [{"resourceType": "Patient", "id": "b"}]}]},
    ),
    "dom-3": (
        {
            "contained": [{"resourceType": "Patient", "id": "a"}],
            "managingOrganization": {"reference": "#a"},
        },
        {"contained": [{"resourceType": "Patient", "id": "a"}]},
    ),
    "dom-4": (
        {"contained": [{"resourceType": "Patient", "meta": {"profile": ["x"]}}]},
        {"contained": [{"resourceType": "Patient", "meta": {"versionId": "1"}}]},
    ),
    "dom-5": (
        {"contained": [{"resourceType": "Patient", "meta": {"tag": [{"code": "x"}]}}]},
        {"contained": [{"resourceType": "Patient", "meta": {"security": [{"code": "x"}]}}]},
    ),
    "mdd-1": (
        {"whenPrepared": "2024-01-01", "whenHandedOver": "2024-01-02"},
        {"whenPrepared": "2024-01-02", "whenHandedOver": "2024-01-01"},
    ),
    "obs-7": (
        {"valueString": "x", "code": CODE, "component": [{"code": CONCEPT}]},
        {"valueString": "x", "code": CODE, "component": [{"code": CODE}]},
    ),
    "org-1": ({"name": "x"}, {"active": True}),
    "per-1": ({"start": "2024-01-01", "end": "2024-01-01"}, {"start": "2024-01-02", "end": "2024-01-01"}),
    "que-7": ({"operator": "exists", "answerBoolean": True}, {"operator": "exists", "answerInteger": 1}),
    "ref-1": ({"reference": "Patient/1"}, {"reference": "#nowhere"}),
}


def constraint(key: str) -> Constraint:
    node = PLACES[key]
    definition = official().type(node.partition(".")[0])
    assert definition is not None
    return next(c for c in definition.elements[node].constraints if c.key == key)


def both(key: str, value: dict[str, Any], root: Root, engine: Engine) -> tuple[bool, bool]:
    node = PLACES[key]
    kind = node if "." not in node else "BackboneElement"
    return RULES[key](value, root), engine.holds(constraint(key), value, kind, node, root)


def test_every_rule_is_kept_by_one_object_and_broken_by_another() -> None:
    engine = Engine(official())
    assert KEPT_AND_BROKEN.keys() == RULES.keys() == PLACES.keys()
    for key, (kept, broken) in KEPT_AND_BROKEN.items():
        for value, answer in ((kept, True), (broken, False)):
            full = {"resourceType": PLACES[key], **value} if "." not in PLACES[key] else value
            by_hand, by_engine = both(key, full, root_of(full), engine)
            assert (key, by_hand) == (key, answer)
            assert key in TYPED_STRICTLY or (key, by_engine) == (key, answer)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from objects(part)


def test_rules_and_engine_agree_on_the_examples(examples: dict[str, Any]) -> None:
    engine, compared = Engine(official()), Counter[str]()
    for name in random.Random(3).sample(sorted(examples), 250):
        resource = examples[name]
        if len(json.dumps(resource, default=str)) > 60_000:
            continue
        root = root_of(resource)
        for key, node in PLACES.items():
            if key in LENIENT or key in TYPED_STRICTLY:
                continue
            found: list[dict[str, Any]] = [resource] if resource["resourceType"] == node else []
            if node == "Period":
                found = [value for value in objects(resource) if value.keys() and value.keys() <= {"start", "end"}]
            for value in found:
                answers = both(key, value, root, engine)
                assert answers[0] == answers[1], (name, key)
                compared[key] += 1
    assert compared["per-1"] > 40
    assert compared["obs-7"] > 5


def test_dates_are_in_order_unless_precision_or_zone_says_so() -> None:
    assert in_order("2024", "2024-05-01")
    assert in_order("2024-01-01T10:00:00+08:00", "2024-01-01T03:00:00Z")
    assert not in_order("2024-01-01T10:00:00Z", "2024-01-01T10:00:00+08:00")
    assert not in_order("2024-06", "2024-05-01")
