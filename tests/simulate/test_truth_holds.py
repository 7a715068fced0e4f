"""Simulated traffic through a whole exchange: what it says to every item and whom it links is what the truth says."""

import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from hie.app import Exchange, open_exchange
from hie.config import load_config
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.traffic import traffic
from hie.simulate.truth import person_line

WORLD = World(seed=11, patients=200, start=datetime(2025, 1, 6), days=60, dirt=0.25)
HL7_STATUS = {"AA": "accepted", "AE": "quarantined", "AR": "rejected"}


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    settings = {"data": tmp_path, "mllp_port": -1, "drop_poll_seconds": 0, "retry_poll_seconds": 0}
    opened = await open_exchange(load_config(settings, {}))
    await opened.start()
    yield opened
    await opened.close()


def hl7(body: bytes) -> tuple[str, set[str]]:
    text = body.decode("gb18030", errors="replace")
    found = {line.split("|")[5] for line in text.split("\r") if line.startswith("ERR|")}
    status = HL7_STATUS[re.findall(r"(?:^|\r)MSA\|(\w\w)\|", text)[0]]
    return ("accepted-with-warnings" if status == "accepted" and found else status), found


def receipt(body: bytes) -> tuple[str, set[str]]:
    answer = json.loads(body)
    issues = answer["outcome"]["issue"]
    return answer["status"], {i["details"]["coding"][0]["code"] for i in issues if i["severity"] != "information"}


def soap(body: bytes) -> tuple[str, set[str]]:
    hl7v3 = "{urn:hl7-org:v3}"
    root = etree.fromstring(body)
    code = root.find(f".//{hl7v3}acknowledgement").get("typeCode")  # type: ignore[union-attr]
    words = root.find(f".//{hl7v3}acknowledgementDetail/{hl7v3}text").get("value")  # type: ignore[union-attr]
    found = set(str(words).split()[1:])
    return ("accepted-with-warnings" if code == "AA" and found else HL7_STATUS[str(code)]), found


def xml(body: bytes) -> tuple[str, set[str]]:
    root = etree.fromstring(body)
    return str(root.get("status")), {str(f.get("code")) for f in root.iter("Finding") if f.get("severity") != "info"}


READ = {"wujiang-hl7v2": hl7, "jiashan-cda": receipt, "jiashan-soap": soap, "qingpu-xml": xml}
SAVED = ("wujiang-hl7v2", "jiashan-soap")
"""Doors that answer known bytes with the saved answer, which does not say `duplicate`."""


async def test_every_answer_and_every_link_is_what_the_truth_says(exchange: Exchange) -> None:
    wrong: list[str] = []
    people: list[dict[str, Any]] = []
    items = 0
    for line in traffic(WORLD):
        if not isinstance(line, Item):
            people.append(person_line(WORLD, line))
            continue
        items += 1
        answer = await exchange.ingest.receive(line.door, line.body)
        status, findings = READ[line.door](answer.body)
        expected = line.status
        if expected == "duplicate" and line.door in SAVED:
            expected = "accepted-with-warnings" if line.findings else "accepted"
        if status != expected or not line.findings <= findings <= line.findings | line.perhaps:
            what = f"{line.label} {line.fault or 'clean'}"
            wrong.append(f"{what}: {status} {sorted(findings)}, not {expected} {sorted(line.findings)}")
    assert items > 1_000
    assert wrong == [], "\n".join(wrong)
    truth = {pair for one in people for group in one["linked"] for pair in combinations(sorted(group), 2)}
    found = await pairs_of(exchange)
    assert len(truth) > 40
    assert found - truth == set(), "precision"
    assert truth - found == set(), "recall"


async def pairs_of(exchange: Exchange) -> set[tuple[str, str]]:
    """Every pair of local Patients that a golden Patient links."""
    pairs = set()
    async for version in exchange.store.versions("Patient"):
        patient = json.loads(version.body)
        if not patient["meta"].get("tag"):
            linked = sorted(link["other"]["reference"] for link in patient.get("link", ()))
            pairs |= set(combinations(linked, 2))
    return pairs
