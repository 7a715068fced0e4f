"""Simulated traffic through a whole exchange: what it says to every item and whom it links is what the truth says."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hie.app import Exchange, open_exchange
from hie.commands.scored import report, score_store
from hie.config import load_config
from hie.simulate.answers import READ
from hie.simulate.dirt import even
from hie.simulate.history import World
from hie.simulate.item import Item, status_of
from hie.simulate.score import Score
from hie.simulate.traffic import traffic
from hie.simulate.truth import item_line, person_line

WORLD = World(seed=103, patients=200, start=datetime(2025, 1, 6), days=60, dirt=even(0.25))


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    settings = {"data": tmp_path, "mllp_port": -1, "drop_poll_seconds": 0, "retry_poll_seconds": 0}
    opened = await open_exchange(load_config(settings, {}))
    await opened.start()
    yield opened
    await opened.close()


SAVED = ("wujiang-hl7v2", "jiashan-soap")
"""Doors that answer known bytes with the saved answer, which does not say `duplicate`."""


async def test_every_answer_and_every_link_is_what_the_truth_says(exchange: Exchange) -> None:
    wrong: list[str] = []
    lines: list[dict[str, Any]] = []
    labels: set[str] = set()
    items = 0
    for line in traffic(WORLD):
        if not isinstance(line, Item):
            lines.append(person_line(WORLD, line))
            continue
        items += 1
        lines.append(item_line(line, items))
        labels.add(line.label.partition(" ")[2])
        answer = await exchange.ingest.receive(line.door, line.body)
        status, findings = READ[line.door](answer.body)
        expected = line.status
        if expected == "duplicate" and line.door in SAVED:
            expected = status_of(line.findings)
        if status != expected or not line.findings <= findings <= line.findings | line.perhaps:
            what = f"{line.label} {line.fault or 'clean'}"
            wrong.append(f"{what}: {status} {sorted(findings)}, not {expected} {sorted(line.findings)}")
    assert items > 1_000
    assert wrong == [], "\n".join(wrong)
    found = await score_store(exchange.store, exchange.ingest, iter(lines))
    assert len(found.linkable) > 30
    assert found.perfect
    assert (found.precision, found.recall) == (1.0, 1.0)
    assert 0.5 < found.reach < 1.0, "some hospitals never ask for a number"
    assert {fault for fault, (n, _) in found.faults.items() if n} >= {"late", "early", "batch-count-wrong"}
    assert {"A12", "A13", "A40", "A40-I", "batch"} <= labels


def line(kind: str, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "item": {"item": 1, "person": 1, "patient": "Patient/a", "door": "qingpu-xml", "wrong": "name-missing"}
        | {"status": "accepted-with-warnings", "findings": ["value-missing"], "perhaps": []},
        "person": {"person": 1, "linked": [["Patient/a", "Patient/b"]]}
        | {"records": [{"patient": f"Patient/{one}"} for one in "abx"]},
    }
    return {"kind": kind} | base[kind] | changes


def test_a_score_counts_what_is_missed_and_what_is_said_without_cause() -> None:
    score = Score()
    score.item(line("item"), ("accepted-with-warnings", frozenset({"value-missing"})))
    score.item(line("item"), ("accepted", frozenset()))
    score.item(line("item", wrong="", status="accepted", findings=[]), ("rejected", frozenset({"org-unknown"})))
    score.item(line("item"), None)
    score.item(line("item", status="duplicate"), None)
    assert (score.items, score.right, score.unknown) == (4, 1, 1)
    assert score.faults == {"name-missing": (2, 1), "-": (1, 0)}
    assert dict(score.wrong) == {"name-missing: accepted ": 1, "-: rejected org-unknown": 1}


def scored(*people: dict[str, Any], sent: str) -> Score:
    """A score of people and of one item about each of these patients, all answered as they must be."""
    score = Score()
    for person in people:
        score.person(person)
    for number, one in enumerate(sent, 1):
        item = line("item", item=number, person=1, patient=f"Patient/{one}")
        score.item(item, (item["status"], frozenset(item["findings"])))
    return score


TWO = (
    line("person", person=0),
    line(
        "person", linked=[["Patient/c", "Patient/d", "Patient/e"]], records=[{"patient": f"Patient/{p}"} for p in "cde"]
    ),
)
FOUND = {("Patient/a", "Patient/b"), ("Patient/c", "Patient/d"), ("Patient/a", "Patient/c")}


def test_precision_and_recall_of_links() -> None:
    score = scored(*TWO, sent="abxcde")
    score.linked = set(FOUND)
    assert score.precision == pytest.approx(2 / 3)
    assert score.recall == 0.5
    assert score.reach == pytest.approx(2 / 6)
    assert not score.perfect


def test_links_are_judged_between_records_that_truth_and_traffic_know() -> None:
    """Patients of a feed that the truth does not tell of were wrong links; records of a door that nothing was sent
    through were links missed."""
    score = scored(*TWO, sent="abcd")
    score.linked = {("Patient/a", "Patient/b"), ("Patient/c", "Patient/d"), ("Patient/a", "Patient/kunshan")}
    assert (score.precision, score.recall, score.reach) == (1.0, 1.0, 1.0)
    assert score.perfect
    assert "1 links with records that the truth does not tell of" in "\n".join(report(score))


def test_a_truth_with_missing_lines_is_not_whole() -> None:
    score = scored(TWO[1], sent="cde")
    score.linked = {("Patient/c", "Patient/d"), ("Patient/c", "Patient/e"), ("Patient/d", "Patient/e")}
    score.item(
        line("item", item=6, person=4, patient="Patient/d"), ("accepted-with-warnings", frozenset({"value-missing"}))
    )
    score.item(line("item", item=7, door="kunshan-hl7v2"), None, readable=False)
    assert (score.lost_items, score.lost_people, score.items, score.right) == (2, 2, 4, 4)
    assert not score.perfect
    said = "\n".join(report(score))
    assert "the truth is not whole: lines of 2 items and 2 people are missing" in said
    assert "1 items of kunshan-hl7v2, whose answers cannot be read here" in said
