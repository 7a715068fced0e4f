"""Every shipped sample gets the answer that the interface documents promise for it."""

import json
import re

import pytest
from lxml import etree

from hie.app import Exchange

WUJIANG: dict[str, tuple[str, set[str]]] = {
    "01-admit-a01": ("AA", set()),
    "02-transfer-a02": ("AA", set()),
    "03-discharge-a03": ("AA", set()),
    "04-register-gb18030": ("AA", set()),
    "05-register-undeclared-crlf": ("AA", set()),
    "06-update-zp1-lf": ("AA", set()),
    "07-oru-two-orders": ("AA", set()),
    "08-oru-correction": ("AA", set()),
    "09-oul-r24-gb18030": ("AA", set()),
    "10-merge-a40": ("AA", {"merge-stub"}),
    "11-batch": ("AA,AR,AA", {"key-missing"}),
    "12-oru-z-segments": ("AA", set()),
    "13-bad-unknown-event": ("AR", {"event-unknown"}),
    "14-wrongcharset-a31": ("AA", {"charset-mismatch"}),
}
JIASHAN: dict[str, tuple[str, set[str]]] = {
    "01-c0002-outpatient": ("accepted", set()),
    "02-c0007-nested": ("accepted", set()),
    "03-c0007-flat": ("accepted-with-warnings", {"pairing-assumed"}),
    "04-c0007-corrected": ("accepted", set()),
    "05-c0006-imaging-gb18030": ("accepted", set()),
    "06-c0004-prescription": ("accepted", set()),
    "07-c0053-discharge": ("accepted", set()),
    "08-soap-register": ("AA", set()),
    "09-c0007-wrongcharset": ("accepted-with-warnings", {"charset-mismatch"}),
    "10-bad-truncated": ("rejected", {"message-malformed"}),
    "11-doctype": ("rejected", {"doctype-forbidden"}),
    "12-c0007-withdrawn-crlf": ("accepted-with-warnings", {"pairing-assumed"}),
}
QINGPU: dict[str, tuple[str, set[str]]] = {
    "01-patient-visit-lab": ("accepted", set()),
    "02-inpatient-open": ("accepted", set()),
    "03-inpatient-discharged": ("accepted", set()),
    "04-indicators-first": ("quarantined", {"orphan-reference"}),
    "05-report-after": ("accepted", set()),
    "06-revoke": ("accepted", set()),
    "07-gb18030": ("accepted", set()),
    "08-imaging": ("accepted", set()),
    "09-lookalike": ("accepted", set()),
    "10-bom-crlf": ("accepted", set()),
    "11-wrong-count": ("rejected", {"count-mismatch"}),
    "12-bad-truncated": ("rejected", {"message-malformed"}),
    "13-oddids": ("accepted-with-warnings", {"id-checksum", "id-gender-conflict"}),
    "14-every-column": ("accepted", set()),
}
"""Sample -> answer and the findings above info that it names."""


async def send(exchange: Exchange, feed: str) -> dict[str, bytes]:
    """Send the samples of a feed in order; returns the answers by sample."""
    runtime = exchange.ingest.feeds[feed]
    answers = {}
    for path in sorted(p for p in runtime.adapter.samples.iterdir() if p.suffix != ".md"):
        door = "jiashan-soap" if "soap" in path.name else feed
        answers[path.stem] = (await exchange.ingest.receive(door, path.read_bytes())).body
    return answers


def hl7(answer: bytes) -> tuple[str, set[str]]:
    text = answer.decode("gb18030", errors="replace")
    codes = ",".join(re.findall(r"(?:^|\r)MSA\|(\w\w)\|", text))
    return codes, {line.split("|")[5] for line in text.split("\r") if line.startswith("ERR|")}


def receipt(answer: bytes) -> tuple[str, set[str]]:
    if answer.startswith(b"{"):
        body = json.loads(answer)
        issues = body["outcome"]["issue"]
        found = {i["details"]["coding"][0]["code"] for i in issues if i["severity"] != "information"}
        return body["status"], found
    root = etree.fromstring(answer)
    found = {f.get("code") for f in root.iter("Finding") if f.get("severity") != "info"}
    return str(root.get("status")), {str(code) for code in found}


def soap(answer: bytes) -> tuple[str, set[str]]:
    root = etree.fromstring(answer)
    code = root.find(".//{urn:hl7-org:v3}acknowledgement")
    detail = root.find(".//{urn:hl7-org:v3}acknowledgementDetail/{urn:hl7-org:v3}text")
    assert code is not None
    assert detail is not None
    return str(code.get("typeCode")), set(str(detail.get("value")).split()[1:])


@pytest.mark.parametrize(
    ("feed", "expected"),
    [("wujiang-hl7v2", WUJIANG), ("jiashan-cda", JIASHAN), ("qingpu-xml", QINGPU)],
    ids=["wujiang", "jiashan", "qingpu"],
)
async def test_samples_get_the_answers_of_their_readme(
    exchange: Exchange, feed: str, expected: dict[str, tuple[str, set[str]]]
) -> None:
    answers = await send(exchange, feed)
    read = {"wujiang-hl7v2": hl7, "qingpu-xml": receipt, "jiashan-cda": receipt}[feed]
    found = {name: (soap if "soap" in name else read)(answer) for name, answer in answers.items()}
    assert found == expected
