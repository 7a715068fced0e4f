"""What the three feeds make conforms to our profiles and says so; the profiles can be read and are asked for."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from hie.app import Exchange, open_exchange
from hie.app.terminology import shipped_terminology
from hie.config import load_config
from hie.fhir.definitions import load_definitions
from hie.fhir.validate import load_validator
from hie.fhir.validate.writing import profile_of
from hie.simulate.dirt import Dirt
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.traffic import traffic
from hie.wire.safejson import loads

from .test_samples import send

OURS = "https://hie.example.org/fhir/StructureDefinition/hie-"
FEEDS = ("jiashan-cda", "qingpu-xml", "wujiang-hl7v2")
DIRT = Dirt(missing=0.15, code=0.15, value=0.15, form=0.05, late=0.1, number=0.1)
PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:oid:2.16.156.10011.1.19", "value": "E1"}],
    "name": [{"family": "张", "given": ["三"]}],
    "gender": "male",
    "birthDate": "1990-01-01",
}


RESULT = {
    "resourceType": "Observation",
    "identifier": [{"system": "https://hie.example.org/id/12310118MBHE03010J/jyzblsh", "value": "1"}],
    "status": "final",
    "category": [
        {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"},
            ]
        }
    ],
    "subject": {"reference": "Patient/1"},
    "valueString": "x",
}


async def opened(folder: Path, **given: Any) -> Exchange:
    settings = {"data": folder, "mllp_port": -1, "workers": 0, "drop_poll_seconds": 0, "retry_poll_seconds": 0, **given}
    exchange = await open_exchange(load_config(settings, {}))
    await exchange.start()
    return exchange


def client_of(exchange: Exchange) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(exchange.web), base_url="http://127.0.0.1/fhir/")


async def stored(exchange: Exchange) -> list[dict[str, Any]]:
    """Everything but what is shipped."""
    found = [loads(version.body) async for version in exchange.store.versions()]
    return [row for row in found if "url" not in row and row["resourceType"] != "NamingSystem"]


async def test_all_that_the_samples_make_conforms_and_says_so(tmp_path: Path) -> None:
    exchange = await opened(tmp_path, profiles="warn")
    validator = load_validator(load_definitions(), shipped_terminology(load_definitions()))
    claimed: dict[str, int] = {}
    try:
        for feed in FEEDS:
            await send(exchange, feed)
        for resource in await stored(exchange):
            told = resource["meta"].get("profile", [])
            wanted = [url for url in [profile_of(resource)] if url]
            assert told == (wanted if "source" in resource["meta"] else [])
            found = [issue for issue in validator.validate(resource, profiles=wanted) if issue.fails]
            assert found == [], (resource["resourceType"], resource["id"])
            for url in told:
                claimed[url.removeprefix(OURS)] = claimed.get(url.removeprefix(OURS), 0) + 1
    finally:
        await exchange.close()
    assert set(claimed) == {
        "composition",
        "condition",
        "document-reference",
        "encounter",
        "medication-request",
        "observation-lab",
        "patient",
        "provenance",
        "report-imaging",
        "report-lab",
    }
    assert sum(claimed.values()) > 120


async def test_of_dirty_traffic_only_what_conforms_says_so(tmp_path: Path) -> None:
    world = World(7, 20, datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=8))), 5, DIRT)
    exchange = await opened(tmp_path, profiles="warn")
    validator = load_validator(load_definitions(), shipped_terminology(load_definitions()))
    silent = checked = 0
    try:
        for line in traffic(world):
            if isinstance(line, Item):
                await exchange.ingest.receive(line.door, line.body)
        for resource in await stored(exchange):
            found = {issue.rule for issue in validator.validate(resource) if issue.fails}
            assert found <= {"code-unknown"}, (resource["resourceType"], resource["id"])
            told = bool(resource["meta"].get("profile"))
            checked += told
            silent += not told and profile_of(resource) is not None and "source" in resource["meta"]
    finally:
        await exchange.close()
    assert checked > 150
    assert silent == 0


async def test_without_the_setting_nothing_is_claimed(tmp_path: Path) -> None:
    exchange = await opened(tmp_path)
    try:
        await send(exchange, "wujiang-hl7v2")
        assert not [row for row in await stored(exchange) if "profile" in row["meta"]]
    finally:
        await exchange.close()


async def test_the_claim_makes_no_version_of_unchanged_content(tmp_path: Path) -> None:
    exchange = await opened(tmp_path, profiles="warn")
    try:
        samples = exchange.ingest.feeds["wujiang-hl7v2"].adapter.samples
        body = next(p for p in samples.iterdir() if "a01" in p.name).read_bytes()
        fields = body.partition(b"\r")[0].split(b"|")
        await exchange.ingest.receive("wujiang-hl7v2", body)
        await exchange.ingest.receive("wujiang-hl7v2", body.replace(fields[9], b"AGAIN1", 1))
        patient = next(row for row in await stored(exchange) if row["resourceType"] == "Patient")
        assert (patient["meta"]["versionId"], patient["meta"]["profile"]) == ("1", [f"{OURS}patient"])
    finally:
        await exchange.close()


async def test_a_resource_that_breaks_its_profile_is_kept_without_the_claim(tmp_path: Path) -> None:
    exchange = await opened(tmp_path, profiles="strict")
    try:
        feed = exchange.ingest.feeds["qingpu-xml"]
        assert feed.profiles({**RESULT, "code": {"text": "x"}}) == (f"{OURS}observation-lab",)
        assert feed.profiles({**RESULT, "code": {"coding": [{"code": "x"}]}}) == ()
        assert feed.profiles({**RESULT, "code": {"text": "x"}, "status": "wrong"}) == ()
    finally:
        await exchange.close()


async def test_only_types_that_are_listed_claim(tmp_path: Path) -> None:
    exchange = await opened(tmp_path, profiles="strict", profile_types="Encounter,Patient")
    try:
        item = next(p for p in exchange.ingest.feeds["wujiang-hl7v2"].adapter.samples.iterdir() if "a01" in p.name)
        answer = await exchange.ingest.receive("wujiang-hl7v2", item.read_bytes())
        assert b"MSA|AA" in answer.body
        rows = {row["resourceType"]: row["meta"].get("profile") for row in await stored(exchange)}
        assert rows["Patient"] == [f"{OURS}patient"]
        assert rows["Encounter"] == [f"{OURS}encounter"]
        assert rows["Condition"] is None
    finally:
        await exchange.close()


@pytest.mark.parametrize(("profiles", "status"), [("off", 201), ("warn", 201), ("strict", 422)])
async def test_a_write_is_held_against_our_profile_as_configured(tmp_path: Path, profiles: str, status: int) -> None:
    exchange = await opened(tmp_path, profiles=profiles)
    try:
        async with client_of(exchange) as client:
            answer = await client.post("Patient", json=PATIENT, headers={"Prefer": "return=OperationOutcome"})
            assert answer.status_code == status
            issues = answer.json()["issue"]
            found = [row for row in issues if row.get("expression") == ["Patient.name[0]"]]
            expected = {"off": [], "warn": ["warning"], "strict": ["error"]}[profiles]
            assert [row["severity"] for row in found] == expected
            good = {**PATIENT, "name": [{"text": "张三"}]}
            assert (await client.post("Patient", json=good)).status_code == 201
    finally:
        await exchange.close()


async def test_types_that_are_not_listed_are_left_alone_unless_they_claim(tmp_path: Path) -> None:
    exchange = await opened(tmp_path, profiles="strict", profile_types="Encounter")
    try:
        async with client_of(exchange) as client:
            assert (await client.post("Patient", json=PATIENT)).status_code == 201
            claiming = {**PATIENT, "meta": {"profile": [f"{OURS}patient"]}}
            assert (await client.post("Patient", json=claiming)).status_code == 422
            unknown = {**PATIENT, "meta": {"profile": ["https://example.org/unknown"]}}
            assert (await client.post("Patient", json=unknown)).status_code == 201
    finally:
        await exchange.close()


async def test_the_definitions_can_be_read_and_are_listed(exchange: Exchange) -> None:
    async with client_of(exchange) as client:
        statement = (await client.get("metadata")).json()
        rows = {row["type"]: row.get("supportedProfile") for row in statement["rest"][0]["resource"]}
        assert rows["Patient"] == [f"{OURS}patient"]
        assert rows["DiagnosticReport"] == [f"{OURS}report-lab", f"{OURS}report-imaging"]
        assert rows["Coverage"] is None
        profile = await client.get("StructureDefinition/hie-patient")
        assert profile.json()["snapshot"]["element"][0]["id"] == "Patient"
        found = await client.get("StructureDefinition", params={"url": f"{OURS}patient"})
        assert [row["resource"]["id"] for row in found.json()["entry"]] == ["hie-patient"]
        naming = await client.get("NamingSystem", params={"value": "urn:oid:2.16.156.10011.1.3"})
        assert [row["resource"]["id"] for row in naming.json()["entry"]] == ["national-id"]
        refused = await client.put("StructureDefinition/hie-patient", json=json.loads(profile.text))
        assert refused.status_code == 403


async def test_validate_knows_our_profiles(exchange: Exchange) -> None:
    async with client_of(exchange) as client:
        answer = await client.post("Patient/$validate", params={"profile": f"{OURS}patient"}, json=PATIENT)
        told = {(row["severity"], row["details"]["coding"][0]["code"]) for row in answer.json()["issue"]}
        assert ("error", "cardinality-min") in told
