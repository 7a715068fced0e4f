"""What has no page of its own still stands on the page and opens, with all that it says."""

from typing import Any

import httpx
import pytest

from hie.browse.chart import GONE
from hie.browse.other import counts, elements
from hie.browse.timeline import timeline
from tests.browse import seed
from tests.browse.conftest import filled, mounted, source_of

WHO = seed.patient(seed.WJYY, "P", "某人")


def of(kind: str, key: str, **more: Any) -> dict[str, Any]:
    """A resource of a FHIR sender about the patient."""
    return {"resourceType": kind, "id": seed.uid("other", key), **more}


SHOT = of(
    "Immunization",
    "shot",
    status="completed",
    vaccineCode={"text": "流感疫苗"},
    patient=seed.ref(WHO),
    occurrenceDateTime="2025-10-03T09:00:00+08:00",
    lotNumber="A12",
    primarySource=False,
)
VISIT = of("Appointment", "visit", status="booked", participant=[{"actor": seed.ref(WHO), "status": "accepted"}])
ORDER = of("ServiceRequest", "order", status="completed", intent="order", subject=seed.ref(WHO), code={"text": "B超"})
REPORT = seed.lab(WHO, seed.WJYY, "R", "血常规", "2025-10-03", [], basedOn=[seed.ref(ORDER)])


@pytest.mark.parametrize(
    ("language", "said"), [("", ("免疫接种", "已完成", "否")), ("en", ("Immunization", "completed", "no"))]
)
async def test_every_record_has_a_row_and_opens(language: str, said: tuple[str, str, str]) -> None:
    transport = httpx.ASGITransport(mounted(await filled([WHO, SHOT, VISIT, ORDER, REPORT])))
    kind, status, source = said
    async with httpx.AsyncClient(transport=transport, base_url="http://hie", params={"lang": language}) as client:
        page = (await client.get(f"/browse/record/{WHO['id']}?span=all")).text
        opened = (await client.get(f"/browse/record/{WHO['id']}/Immunization/{SHOT['id']}")).text
        assert (await client.get(f"/browse/record/{WHO['id']}/Appointment/{VISIT['id']}")).status_code == 200
    assert f"{kind} 1" in page
    assert 'data-event="Appointment/' in page
    assert 'data-event="ServiceRequest/' not in page, "its report tells it"
    for text in ("流感疫苗", f"<dd>{status}</dd>", "<dd>A12</dd>", f"<dd>{source}</dd>"):
        assert text in opened


@pytest.mark.parametrize(
    ("kind", "stated", "mark"),
    [
        ("ServiceRequest", {"status": "revoked", "intent": "order"}, "cancelled"),
        ("MedicationStatement", {"status": "not-taken"}, "not-done"),
        ("Goal", {"lifecycleStatus": "entered-in-error"}, "withdrawn"),
        ("Goal", {"lifecycleStatus": "proposed"}, "planned"),
        ("Flag", {"status": "inactive"}, "stopped"),
        ("ServiceRequest", {"status": "active", "intent": "order"}, ""),
    ],
)
async def test_what_is_not_simply_so_is_marked(kind: str, stated: dict[str, str], mark: str) -> None:
    store = await filled([WHO, of(kind, "one", subject=seed.ref(WHO), **stated)])
    chart = await source_of(store).chart(WHO["id"])
    [event] = timeline(chart)
    assert event.marks == ((mark,) if mark else ())
    assert counts(chart) == ([] if mark in GONE else [(kind, 1)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"text": "疫苗", "coding": [{"code": "1"}]}, "疫苗"),
        ({"text": "是否吸烟", "answer": [{"valueBoolean": False}]}, "是否吸烟 · false"),
        ({"value": 140, "comparator": "<", "unit": "mmHg"}, "<140 mmHg"),
        ({"start": "2025-01-01"}, "2025-01-01 →"),
        ({"reference": "Patient/x", "display": "本人"}, "本人"),
        ({"system": "http://x", "code": "CT"}, "CT"),
        ({"authorString": "周", "text": "无不良反应"}, "周 · 无不良反应"),
        ([{"text": "甲"}, {"text": "乙"}], "甲\n乙"),
    ],
)
def test_a_value_reads_without_loss(value: Any, text: str) -> None:
    assert [(k, t.strip()) for k, t in elements({"resourceType": "Basic", "id": "x", "e": value})] == [
        ("element.e", text)
    ]
