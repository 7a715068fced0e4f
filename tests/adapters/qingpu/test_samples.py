"""Every sample gives what its README says, sent in order through the whole pipeline."""

import re

import pytest

from adapters.qingpu import adapter
from tests.adapters.qingpu.exchange import Exchange, codes, draft, drafts, parsed

SAMPLES = adapter.samples
ACCEPTED, WARNED = "accepted", "accepted-with-warnings"

EXPECTED = [
    ("01-patient-visit-lab.xml", 200, ACCEPTED, [ACCEPTED] * 7, []),
    ("02-inpatient-open.xml", 200, ACCEPTED, [ACCEPTED] * 2, []),
    ("03-inpatient-discharged.xml", 200, ACCEPTED, [ACCEPTED] * 3, []),
    ("04-indicators-first.xml", 202, "quarantined", ["quarantined"], ["orphan-reference"]),
    ("05-report-after.xml", 200, ACCEPTED, [ACCEPTED], []),
    ("06-revoke.xml", 200, ACCEPTED, [ACCEPTED], []),
    ("07-gb18030.xml", 200, ACCEPTED, [ACCEPTED] * 2, []),
    ("08-imaging.xml", 200, ACCEPTED, [ACCEPTED], []),
    ("09-lookalike.xml", 200, ACCEPTED, [ACCEPTED] * 2, []),
    ("10-bom-crlf.xml", 200, ACCEPTED, [ACCEPTED], []),
    ("11-wrong-count.xml", 422, "rejected", [], ["count-mismatch"]),
    ("12-bad-truncated.xml", 422, "rejected", [], ["message-malformed"]),
    ("13-oddids.xml", 200, WARNED, [WARNED] * 2, ["id-checksum", "id-gender-conflict"]),
    ("14-every-column.xml", 200, ACCEPTED, [ACCEPTED] * 16, []),
]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


async def sent(count: int = len(EXPECTED)) -> Exchange:
    exchange = Exchange()
    for name, *_ in EXPECTED[:count]:
        await exchange.send(sample(name))
    return exchange


async def test_receipts() -> None:
    exchange = Exchange()
    for name, http, status, rows, found in EXPECTED:
        receipt = await exchange.send(sample(name))
        assert (name, receipt.http, receipt.status) == (name, http, status)
        assert [disposition for _, disposition in receipt.rows] == rows
        assert receipt.codes == found


async def test_sending_everything_again_changes_nothing() -> None:
    exchange = await sent()
    before = await exchange.all()
    for name, *_ in EXPECTED:
        assert (await exchange.send(sample(name))).status == "duplicate"
    assert await exchange.all() == before


async def test_any_order_of_arrival_gives_the_same_store() -> None:
    forward, backward = await sent(), Exchange()
    for name, *_ in reversed(EXPECTED):
        await backward.send(sample(name))
    assert await backward.all() == await forward.all()


async def test_the_bytes_are_those_of_the_readme() -> None:
    assert sample("10-bom-crlf.xml").startswith(b"\xef\xbb\xbf<?xml")
    assert sample("10-bom-crlf.xml").count(b"\r\n") == 7
    assert b'encoding="GB18030"' in sample("07-gb18030.xml")
    listed = re.findall(r"^\| `([^`]+)`", (SAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [name for name, *_ in EXPECTED]
    assert sorted(path.name for path in SAMPLES.glob("*.xml")) == listed


async def test_01_visit_report_and_results_hang_together() -> None:
    exchange = await sent(1)
    patient, visit = await exchange.one("Patient"), await exchange.one("Encounter")
    report, specimen = await exchange.one("DiagnosticReport"), await exchange.one("Specimen")
    assert visit["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert report["subject"] == visit["subject"]
    assert report["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert report["specimen"] == [{"reference": f"Specimen/{specimen['id']}"}]
    results = [await exchange.one("Observation", kind="jyzblsh", value=f"I82000{n}") for n in range(1, 5)]
    assert report["result"] == [{"reference": f"Observation/{result['id']}"} for result in results]
    assert {result["effectiveDateTime"] for result in results} == {"2026-04-02T08:40:00+08:00"}
    assert {result["subject"]["reference"] for result in results} == {f"Patient/{patient['id']}"}
    assert {result["status"] for result in results} == {"final"}


async def test_02_and_03_an_open_stay_is_discharged() -> None:
    visit = await (await sent(2)).one("Encounter", kind="2.16.156.10011.2.5.1.9", value="JZ820002")
    assert visit["status"] == "in-progress"
    assert visit["period"] == {"start": "2026-04-03T10:20:00+08:00"}
    exchange = await sent(3)
    visit = await exchange.one("Encounter", kind="2.16.156.10011.2.5.1.9", value="JZ820002")
    condition, summary = await exchange.one("Condition"), await exchange.one("Composition")
    assert visit["status"] == "finished"
    assert visit["period"] == {"start": "2026-04-03T10:20:00+08:00", "end": "2026-04-11T15:30:00+08:00"}
    (diagnosis,) = visit["diagnosis"]
    assert diagnosis["condition"] == {"reference": f"Condition/{condition['id']}"}
    assert diagnosis["use"]["coding"][0]["code"] == "DD"
    assert diagnosis["rank"] == 1
    (extension,) = visit["hospitalization"]["extension"]
    assert extension["url"] == "https://hie.example.org/fhir/StructureDefinition/discharge-condition"
    assert extension["valueCodeableConcept"]["text"] == "好转"
    assert visit["hospitalization"]["dischargeDisposition"]["coding"][1]["code"] == "home"
    assert summary["date"] == "2026-04-11T15:30:00+08:00"
    assert [section["title"] for section in summary["section"]] == [
        "入院诊断",
        "检查汇总",
        "治疗过程",
        "出院诊断",
        "出院情况",
        "出院医嘱",
    ]
    assert summary["encounter"] == condition["encounter"] == {"reference": f"Encounter/{visit['id']}"}


async def test_04_and_05_an_orphan_is_released_by_its_report() -> None:
    exchange = await sent(4)
    with pytest.raises(ValueError, match="not enough values"):
        await exchange.one("Observation", kind="jyzblsh", value="I820005")
    await exchange.send(sample("05-report-after.xml"))
    result = await exchange.one("Observation", kind="jyzblsh", value="I820005")
    report = await exchange.one("DiagnosticReport", kind="lis-report", value="20260404:L0007")
    assert report["result"] == [{"reference": f"Observation/{result['id']}"}]
    assert [coding["code"] for coding in result["interpretation"][0]["coding"]] == ["3", "HH"]


async def test_06_a_revoked_result_leaves_its_report() -> None:
    exchange = await sent(6)
    result = await exchange.one("Observation", kind="jyzblsh", value="I820002")
    report = await exchange.one("DiagnosticReport", kind="lis-report", value="20260402:L0001")
    assert result["status"] == "entered-in-error"
    assert f"Observation/{result['id']}" not in {link["reference"] for link in report["result"]}
    assert len(report["result"]) == 3


async def test_08_imaging() -> None:
    exchange = await sent(8)
    report = await exchange.one("DiagnosticReport", kind="instanceuid", value="1.2.156.820008.1")
    found = await exchange.one("Observation", kind="observation", value="1.2.156.820008.1:YXBX:1")
    assert found["code"]["text"] == "影像表现"
    study = await exchange.one("ImagingStudy")
    assert report["result"] == [{"reference": f"Observation/{found['id']}"}]
    assert report["imagingStudy"] == [{"reference": f"ImagingStudy/{study['id']}"}]
    assert study["identifier"] == [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.156.820008"}]
    assert found["valueString"] == "右叶低回声结节。"
    assert report["conclusion"] == "甲状腺结节，TI-RADS 3类。"


@pytest.mark.parametrize(
    ("name", "charset", "person"),
    [("07-gb18030.xml", "gb18030", "瑋億昞"), ("09-lookalike.xml", "utf-8", "王建国")],
)
def test_charsets(name: str, charset: str, person: str) -> None:
    assert parsed(sample(name)).charset.lower() == charset
    assert drafts(sample(name))[0].contributions[0].slots["name[]"][0]["text"] == person


def test_10_blanks_around_values() -> None:
    visit = draft(sample("10-bom-crlf.xml"))
    assert visit.contributions[0].slots["period.start"] == "2026-04-09T23:59:59+08:00"
    assert codes(visit) == []


def test_the_organisations_are_those_of_common_rules_3() -> None:
    assert [(o.code, o.uscc, o.name) for o in adapter.organisations] == [
        ("QPZS", "12310118MBHE03010J", "青浦区中山医院"),
        ("QPZJ", "12310118MBHE03029F", "青浦区朱家角人民医院"),
        ("QPYP", "12310118MBHE03037A", "青浦区盈浦街道社区卫生服务中心"),
    ]
