"""`POST /feeds/{feed}/$check`: the whole report, as JSON and as text, and nothing stored."""

from pathlib import Path

import pytest

from hie.admin.check import MOST_BYTES
from hie.app import Exchange
from hie.staging.tables import RAW_ITEM
from tests.admin.conftest import client

ADAPTERS = Path(__file__).resolve().parents[2] / "adapters"


@pytest.mark.parametrize(
    ("door", "sample", "line", "target"),
    [
        ("wujiang-hl7v2", "wujiang/samples/01-admit-a01.hl7", "  PID-7  19680417", "Encounter"),
        ("jiashan-cda", "jiashan/samples/02-c0007-nested.xml", "ClinicalDocument", "DocumentReference"),
        ("qingpu-xml", "qingpu/samples/01-patient-visit-lab.xml", "TB_YL_PATIENT_INFORMATION", "Patient"),
    ],
)
async def test_tree_findings_unmapped_and_draft(
    quiet: Exchange, door: str, sample: str, line: str, target: str
) -> None:
    body = (ADAPTERS / sample).read_bytes()
    async with client(quiet) as http:
        answer = await http.post(f"/feeds/{door}/$check", content=body)
        text = await http.post(f"/feeds/{door}/$check", content=body, headers={"Accept": "text/plain"})
    found = answer.json()
    assert (answer.status_code, found["disposition"], found["passes"]) == (200, "accepted", True)
    part = found["parts"][0]
    assert any(one.startswith(line) for one in part["tree"])
    assert target in {draft["k"][2] for draft in part["draft"]}
    assert part["unmapped"] == []
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.splitlines()[-1] == "accepted"
    assert await quiet.store.select(RAW_ITEM, {}) == []


async def test_strict_holds_warnings_and_unmapped_fields_against_it(quiet: Exchange) -> None:
    sample = (ADAPTERS / "wujiang/samples/01-admit-a01.hl7").read_bytes()
    spoilt = {
        "unmapped": sample + b"ZZ9|1|new\r",
        "warned": sample.replace(b"|19680417|", b"|19681341|"),
    }
    async with client(quiet) as http:
        for name, body in spoilt.items():
            loose = (await http.post("/feeds/wujiang-hl7v2/$check", content=body)).json()
            strict = (await http.post("/feeds/wujiang-hl7v2/$check?strict=true", content=body)).json()
            assert (name, loose["passes"], strict["passes"]) == (name, True, False)
        assert (await http.post("/feeds/wujiang-hl7v2/$check", content=spoilt["unmapped"])).json()["parts"][0][
            "unmapped"
        ] == ["ZZ9"]


async def test_what_cannot_be_checked(quiet: Exchange) -> None:
    async with client(quiet) as http:
        assert (await http.post("/feeds/nowhere/$check", content=b"x")).status_code == 404
        assert (await http.post("/feeds/jiashan-cda/$check", content=b"x" * (MOST_BYTES + 1))).status_code == 413
        packed = await http.post("/feeds/jiashan-cda/$check", content=b"x", headers={"Content-Encoding": "gzip"})
        assert (packed.status_code, "takes no Content-Encoding" in packed.text) == (415, True)
        refused = await http.post("/feeds/jiashan-cda/$check", content=b"<!DOCTYPE a []><a/>")
        assert (refused.status_code, refused.json()["passes"]) == (200, False)
        assert [f["code"] for f in refused.json()["findings"]] == ["doctype-forbidden"]
