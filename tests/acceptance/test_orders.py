"""Any order of arrival gives the same store: all 5,040 orders of seven items about one patient, for each region.

The items are chosen to interact: corrections, cancellations, withdrawals, a merge, children before their parents
(common rules §8).
"""

from pathlib import Path

import pytest

from adapters.jiashan import adapter as jiashan
from adapters.qingpu import adapter as qingpu
from adapters.wujiang import adapter as wujiang
from hie.commands.adapters import samples
from hie.plugin import Adapter
from tests.acceptance.orders import Orders, State
from tests.adapters.fhir_exchange import FEED, made
from tests.adapters.jiashan_exchange import changed
from tests.adapters.qingpu.rows import revocation, upload
from tests.adapters.test_jiashan_versions import FEWER, FIRST, REPLACING, WITHDRAWN

PERSON = "PID|1||{local}^^^^LocalID{more}||顾晓岚||19680417|F"
NUMBER = "~320598196804175127^^^^IdentifyNO"


def hl7(event: str, number: int, at: str, *segments: str, kind: str = "ADT", old: bool = False) -> bytes:
    """A message of WJYY about the patient L1, or about L2, which is merged into it."""
    sender = "HIS|WJYY^12320509MBHE01015B^USCC|HIE|YRD"
    person = PERSON.format(local="L2" if old else "L1", more="" if old else NUMBER)
    head = f"MSH|^~\\&|{sender}|{at}||{kind}^{event}|M{number}|P|2.4|||||CHN|UNICODE UTF-8"
    event_segment = [f"EVN|{event}|{at}"] if kind == "ADT" else []
    return "\r".join([head, *event_segment, person, *segments]).encode() + b"\r"


def visit(ward: str) -> str:
    fields = {2: "I", 3: f"{ward}^01^1^^^^^^{ward}病区", 7: "D1^周闻", 19: "V1"}
    return "PV1|1|" + "|".join(fields.get(n, "") for n in range(2, 20))


def report(number: int, at: str, status: str, white: str, *more: str, old: bool = False) -> bytes:
    flag = "F" if status == "F" else status
    order = f"OBR|1|O1|R1|XCG^血常规|||20260119080000|||||||||||||||{at}|||{status}"
    value = f"OBX|1|NM|WBC^白细胞计数||{white}|10^9/L|3.5-9.5|H|||{flag}"
    return hl7("R01", number, at, visit("W1"), order, value, *more, kind="ORU", old=old)


WUJIANG = [
    hl7("A01", 1, "20260118080000", visit("W1"), "DG1|1||J18.900^肺炎^I10|||A", old=True),
    hl7("A02", 2, "20260119080000", visit("W2")),
    report(3, "20260119100000", "P", "12.3", "OBX|2|NM|HGB^血红蛋白||131|g/L|115-150|N|||P", old=True),
    report(4, "20260119120000", "C", "11.3"),
    hl7("A40", 5, "20260120080000", "MRG|L2^^^^LocalID"),
    hl7("A03", 6, "20260121080000", visit("W2")),
    hl7("A13", 7, "20260121090000", visit("W2")),
]
"""Admitted under the old number, moved, a preliminary report and its correction, merged, discharged, taken back."""

NATIONAL = '<id root="2.16.156.10011.1.3" extension="320598196804175127"/>'
JIASHAN = [
    changed("06", (NATIONAL, "")),
    FIRST,
    FEWER,
    REPLACING,
    WITHDRAWN,
    changed("01"),
    changed(
        "06",
        (NATIONAL, ""),
        ("3bb230a8beae9873fa3923d3bb0ceb8f", "4bb230a8beae9873fa3923d3bb0ceb8f"),
        ('<effectiveTime value="20260302103000"/>', '<effectiveTime value="20260302113000"/>'),
        ("<parentDocument>\n<id></id>", "<parentDocument>\n<id>3bb230a8beae9873fa3923d3bb0ceb8f</id>"),
        ("<versionNumber></versionNumber>", "<versionNumber>1</versionNumber>"),
        ("J40.x00", "J20.900"),
    ),
]
"""A prescription known by its visit only and its replacement, a report, corrected, replaced and withdrawn, a visit."""

QINGPU = [
    upload(("patient", {}), batch="B1", at="2026-04-10 20:00:00"),
    upload(("outpatient", {}), batch="B2", at="2026-04-10 20:10:00"),
    upload(("report", {"SHSJ": "-"}), ("result", {}), batch="B3", at="2026-04-10 20:20:00"),
    upload(
        ("result", {"JYZBLSH": "I2", "JYZBDM": "1039001003", "JYZBMC": "血红蛋白"}),
        batch="B4",
        at="2026-04-10 21:00:00",
    ),
    upload(("report", {}), ("result", {"JYZBJG": "7.10"}), batch="B5", at="2026-04-11 20:00:00"),
    revocation("result", batch="B6", at="2026-04-11 21:00:00", JYZBLSH="I2"),
    upload(("outpatient", {"JZKSMC": "呼吸科"}), ("patient", {"XM": "柯宁宁"}), batch="B7", at="2026-04-12 20:00:00"),
]
"""Patient, visit, report and results apart, changed rows, a revoked result, a late change of the parents."""


async def differing(adapter: Adapter, door: str, items: list[bytes]) -> tuple[int, list[str]]:
    """How many orders there are, and what differs from the first of them."""
    expected: State = {}
    found: list[str] = []
    count = 0
    async for order, state in Orders(adapter, [(door, body) for body in items]).states():
        count += 1
        expected = expected or state
        if state != expected and len(found) < 3:
            names = sorted(n for n in state.keys() | expected.keys() if state.get(n) != expected.get(n))
            found += [f"{order} {n}:\n  {expected.get(n)}\n  {state.get(n)}" for n in names[:3]]
    return count, found


@pytest.mark.parametrize(
    ("adapter", "door", "items"),
    [(wujiang, "wujiang-hl7v2", WUJIANG), (jiashan, "jiashan-cda", JIASHAN), (qingpu, "qingpu-xml", QINGPU)],
    ids=["wujiang", "jiashan", "qingpu"],
)
async def test_all_orders_of_seven_items_give_the_same_store(adapter: Adapter, door: str, items: list[bytes]) -> None:
    count, found = await differing(adapter, door, items)
    assert count == 5_040
    assert not found, "\n".join(found)


async def test_all_orders_of_the_fhir_samples_give_the_same_store(tmp_path: Path) -> None:
    adapter = made(tmp_path)
    bodies = [path.read_bytes() for path in samples(adapter.samples)]
    count, found = await differing(adapter, FEED, bodies)
    assert count == 720
    assert not found, "\n".join(found)
