"""Medicines: what is prescribed, in what dose, and whether it is to be taken at all."""

from typing import Any

import pytest

from hie.browse.medicine import dose_text, drugs_of, ends, steps_of
from hie.browse.timeline import timeline
from hie.browse.words import catalogues
from tests.browse import seed
from tests.browse.conftest import filled, source_of

WORDS = catalogues()


def request(who: seed.Resource, key: str, **elements: Any) -> seed.Resource:
    """A prescription of March 2026."""
    elements = {"status": "active", "intent": "order", "authoredOn": "2026-03-20", **elements}
    return seed.made(seed.QPZS, "MedicationRequest", key, subject=seed.ref(who), **elements)


async def test_only_what_is_ordered_is_taken_and_a_medicine_by_reference_has_its_name() -> None:
    who = seed.patient(seed.QPZS, "P", "某人")
    warfarin = {"resourceType": "Medication", "id": "m", "code": {"text": "华法林"}}
    found = [
        request(who, "1", medicationReference={"reference": "Medication/m1"}),
        request(who, "2", medicationReference={"reference": "#m"}, contained=[warfarin]),
        request(who, "3", medicationReference={"reference": "Medication/unknown", "display": "布洛芬"}),
        request(who, "4", medicationCodeableConcept={"text": "阿司匹林"}, doNotPerform=True),
        request(who, "5", medicationCodeableConcept={"text": "头孢"}, intent="plan"),
        request(who, "6", medicationCodeableConcept={"text": "青霉素"}, status="draft"),
        request(who, "7", medicationCodeableConcept={"text": "地高辛"}, status="stopped"),
    ]
    found += [
        request(who, str(n), groupIdentifier={"value": "R"}, medicationCodeableConcept={"text": name}, status=status)
        for n, name, status in ((8, "甲硝唑", "cancelled"), (9, "奥美拉唑", "completed"))
    ]
    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "利伐沙班"}}
    chart = await source_of(await filled(seed.organizations(), [who, medication, *found])).chart(who["id"])
    drugs = drugs_of(chart, seed.NOW)
    assert {(d.text, d.current) for d in drugs} == {
        ("利伐沙班", True),
        ("华法林", True),
        ("布洛芬", True),
        ("地高辛", False),
        ("奥美拉唑", False),
    }
    rows = {e.text: e.marks for e in timeline(chart)}
    assert rows["奥美拉唑"] == ()
    assert {text: marks for text, marks in rows.items() if marks} == {
        "阿司匹林": ("forbidden",),
        "头孢": ("planned",),
        "青霉素": ("draft",),
        "地高辛": ("stopped",),
    }


async def test_what_is_taken_now_keeps_its_dose_when_a_later_course_is_over() -> None:
    who = seed.patient(seed.QPZS, "P", "某人")
    aspirin = {"medicationCodeableConcept": {"text": "阿司匹林"}}
    over = {"intent": "order", "status": "completed", "subject": seed.ref(who), **aspirin}
    found = [
        seed.made(seed.WJYY, "MedicationRequest", "0", authoredOn="2026-03-01", **over),
        request(who, "1", dosageInstruction=[{"text": "100mg"}], **aspirin),
        seed.made(
            seed.JSYY, "MedicationRequest", "2", authoredOn="2026-03-25", dosageInstruction=[{"text": "300mg"}], **over
        ),
    ]
    chart = await source_of(await filled(seed.organizations(), [who, *found])).chart(who["id"])
    (drug,) = drugs_of(chart, seed.NOW)
    assert (dose_text(drug.dose, WORDS["zh"]), drug.at, drug.current) == ("100mg", "2026-03-20", True)
    assert drug.places == [chart.directory.place(found[1])]


@pytest.mark.parametrize(
    ("dosage", "shown", "until"),
    [
        (
            [
                {"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}], "text": "早"},
                {"doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}], "text": "晚"},
            ],
            "5mg 早; 10mg 晚",
            "",
        ),
        (
            [
                {"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}], "text": "早5mg"},
                {"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}], "text": "晚15mg"},
                {"timing": {"repeat": {"frequency": 1, "frequencyMax": 2, "period": 8, "periodUnit": "h"}}},
            ],
            "早5mg; 5mg 晚15mg; 1-2次/8小时",
            "",
        ),
        (
            [
                {
                    "doseAndRate": [{"doseRange": {"low": {"value": 1}, "high": {"value": 2, "unit": "片"}}}],
                    "asNeededCodeableConcept": {"text": "头痛"},
                    "timing": {"repeat": {"boundsPeriod": {"end": "2026-04-02"}}},
                }
            ],
            "1-2片 prn 头痛",
            "2026-04-02",
        ),
        ([{"timing": {"repeat": {"frequency": 2, "period": 3, "periodUnit": "{shift}"}}}], "2次/3{shift}", ""),
    ],
)
def test_every_step_of_a_dose_is_shown(dosage: list[seed.Resource], shown: str, until: str) -> None:
    asked = {"authoredOn": "2026-03-20", "dosageInstruction": dosage}
    assert (dose_text(steps_of(asked), WORDS["zh"]), ends(asked)) == (shown, until)
