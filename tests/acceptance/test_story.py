"""The samples together tell one woman's history in three regions, and the order of arrival does not matter."""

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hie.app import Exchange, open_exchange
from hie.config import load_config
from hie.fhir.definitions import load_definitions
from hie.fhir.validate import Validator
from hie.identity.tables import REVIEW
from hie.pipeline.persons import linked
from hie.pipeline.verify import verify
from tests.acceptance.test_samples import send

FEEDS = ("wujiang-hl7v2", "jiashan-cda", "qingpu-xml")
NATIONAL_ID = "urn:oid:2.16.156.10011.1.3"


async def current(exchange: Exchange) -> dict[str, dict[str, Any]]:
    """Every current resource by reference."""
    return {f"{v.type}/{v.id}": json.loads(v.body) async for v in exchange.store.versions()}


def region(resource: dict[str, Any]) -> str:
    return next((tag["code"] for tag in resource["meta"].get("tag", ())), "")


async def opened(folder: Path) -> Exchange:
    settings = {"data": folder, "mllp_port": -1, "workers": 0, "drop_poll_seconds": 0, "retry_poll_seconds": 0}
    exchange = await open_exchange(load_config(settings, {}))
    await exchange.start()
    return exchange


async def taken_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Take in all samples in order; what is stored then."""
    exchange = await opened(folder)
    for feed in FEEDS:
        await send(exchange, feed)
    found = await current(exchange)
    await exchange.close()
    return found


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """The data directory of an exchange that has taken in all samples, and what is stored there."""
    folder = tmp_path_factory.mktemp("samples")
    return folder, asyncio.run(taken_in(folder))


@pytest.fixture
async def fed(tmp_path: Path, samples: tuple[Path, dict[str, dict[str, Any]]]) -> AsyncIterator[Exchange]:
    """An exchange that has taken in all samples."""
    shutil.copytree(samples[0], tmp_path / "fed")
    exchange = await opened(tmp_path / "fed")
    yield exchange
    await exchange.close()


async def test_one_woman_in_three_regions(fed: Exchange) -> None:
    resources = await current(fed)
    goldens = [r for r in resources.values() if r["resourceType"] == "Patient" and not region(r)]
    spans = {g["id"]: {region(resources[link["other"]["reference"]]) for link in g["link"]} for g in goldens}
    widest = [golden for golden, regions in spans.items() if len(regions) == 3]
    assert len(widest) == 1
    ids = await linked(fed.store, widest[0])
    assert len(ids) == 3
    names = {resources[f"Patient/{i}"]["name"][0]["text"] for i in ids}
    assert names == {"顾晓岚", "顾晓嵐"}


async def test_two_men_of_one_name_stay_apart_and_are_listed(fed: Exchange) -> None:
    resources = await current(fed)
    people = [r for r in resources.values() if r["resourceType"] == "Patient"]
    men = [r for r in people if r.get("name", [{}])[0].get("text") == "王建国"]
    local = [man for man in men if region(man)]
    assert len(local) == 3
    linked_to = {link["other"]["reference"] for man in local for link in man.get("link", ())}
    assert len(linked_to) == 1, "his two cards in Qingpu are one person, the man in Wujiang is another"
    rows = await fed.store.select(REVIEW, {})
    assert {str(row["reason"]) for row in rows} == {"look-alike"}


async def test_the_corrected_potassium_and_its_neighbours(fed: Exchange) -> None:
    resources = await current(fed)
    results = {
        r["identifier"][0]["value"]: r
        for r in resources.values()
        if r["resourceType"] == "Observation" and region(r) == "wujiang"
    }
    potassium = results["B800001B:K:1"]
    assert (potassium["status"], potassium["valueQuantity"]["value"]) == ("corrected", 4.2)
    assert potassium["interpretation"][0]["coding"][-1]["code"] == "N"
    assert results["B800001B:CRP:1"]["valueQuantity"]["comparator"] == "<"
    assert results["B800001B:HBSAG:1"]["valueCodeableConcept"]["text"] == "阴性"
    reports = [r for r in resources.values() if r["resourceType"] == "DiagnosticReport"]
    report = next(r for r in reports if len(r.get("result", ())) == 4)
    assert report["status"] in ("corrected", "final")


async def test_decimals_stay_as_they_were_sent(fed: Exchange) -> None:
    bodies = [v.body async for v in fed.store.versions("Observation")]
    assert any(b'"value":7.2000' in body for body in bodies), "CDA REAL has four decimals"
    assert any(b'"value":6.20' in body for body in bodies)


async def test_a_withdrawn_report_and_a_revoked_indicator(fed: Exchange) -> None:
    resources = await current(fed)
    withdrawn = [r for r in resources.values() if r.get("status") == "entered-in-error"]
    kinds = {(region(r), r["resourceType"]) for r in withdrawn}
    assert {("jiashan", "DiagnosticReport"), ("jiashan", "Observation"), ("jiashan", "DocumentReference")} <= kinds
    assert ("qingpu", "Observation") in kinds


async def test_every_resource_names_its_source_and_is_traced(fed: Exchange) -> None:
    resources = await current(fed)
    traced = {t["reference"] for r in resources.values() if r["resourceType"] == "Provenance" for t in r["target"]}
    for reference, resource in resources.items():
        if resource["resourceType"] in ("Provenance", "Organization") or not region(resource):
            continue
        assert resource["meta"]["source"].startswith("https://hie.example.org/feeds/"), reference
        assert len(resource["meta"]["tag"]) == 1
        assert reference in traced
    result = await verify(fed.store, fed.operator())
    assert result.sound, result.problems


async def test_every_resource_is_valid_fhir(fed: Exchange) -> None:
    validator = Validator(load_definitions())
    wrong = {
        reference: [f"{issue.expression}: {issue.diagnostics}" for issue in issues]
        for reference, resource in (await current(fed)).items()
        if (issues := [i for i in validator.write_issues(resource) if i.severity in ("error", "fatal")])
    }
    assert wrong == {}


async def test_references_lead_somewhere(fed: Exchange) -> None:
    resources = await current(fed)

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["reference"]] if isinstance(value.get("reference"), str) else []
            return own + [r for inner in value.values() for r in references(inner)]
        return [r for inner in value for r in references(inner)] if isinstance(value, list) else []

    missing = {r for resource in resources.values() for r in references(resource) if r not in resources}
    assert missing == set()


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_arrival_gives_the_same_store(
    tmp_path: Path, samples: tuple[Path, dict[str, dict[str, Any]]], seed: int
) -> None:
    """Samples of each region in a random order; compared without versions, times and the trace of arrival."""
    exchange = await opened(tmp_path)
    deliveries = [
        ("jiashan-soap" if "soap" in path.name else feed, path)
        for feed in FEEDS
        for path in sorted(exchange.ingest.feeds[feed].adapter.samples.iterdir())
        if path.suffix != ".md"
    ]
    random.Random(seed).shuffle(deliveries)
    for door, path in deliveries:
        await exchange.ingest.receive(door, path.read_bytes())
    shuffled, in_order = untraced(await current(exchange)), untraced(samples[1])
    await exchange.close()
    assert set(shuffled) == set(in_order)
    for reference, resource in in_order.items():
        assert shuffled[reference] == resource, reference


def untraced(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Resources without versions, times and the trace of arrival."""
    kept = {k: v for k, v in found.items() if v["resourceType"] != "Provenance"}
    return {k: {name: value for name, value in v.items() if name != "meta"} for k, v in kept.items()}
