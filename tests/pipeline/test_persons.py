"""Persons: linked by shared numbers, kept in step, the same for every order of arrival."""

import json
from itertools import permutations
from random import Random
from typing import Any

import pytest

from hie.identity import match
from hie.identity.tables import NUMBER, REVIEW
from hie.pipeline import persons
from hie.pipeline.persons import Persons, linked
from hie.store.memory import MemoryStore
from hie.store.port import Store, Transaction
from tests.pipeline.world import TABLES, World, key, number, patient

NI = number("urn:oid:2.16.156.10011.1.3", "320598196804175127")
CARD = number("urn:oid:2.16.156.10011.1.19", "A800000517")


def person(value: str, *numbers: dict[str, str], name: str = "顾晓岚", birth: str = "1968-04-17") -> dict[str, Any]:
    slots = {"identifier[]": list(numbers), "name[]": {"text": name}, "gender": "female", "birthDate": birth}
    return patient(value, "1", **slots)


async def golden_of(world: World, value: str) -> str | None:
    resource = await world.resource("Patient", value)
    assert resource is not None
    links = [link["other"]["reference"] for link in resource.get("link", ()) if link["type"] == "refer"]
    return links[0] if links else None


async def test_three_records_become_one_person(world: World) -> None:
    await world.send(person("wj", NI))
    assert await golden_of(world, "wj") is None
    await world.send(person("js", NI, CARD, name="顾晓嵐"))
    await world.send(person("qp", CARD))
    goldens = {await golden_of(world, value) for value in ("wj", "js", "qp")}
    assert len(goldens) == 1
    golden = str(goldens.pop()).partition("/")[2]
    ids = sorted(key("Patient", value).id for value in ("wj", "js", "qp"))
    assert list(await linked(world.store, golden)) == ids
    version = await world.store.read("Patient", golden)
    assert version is not None
    assert b"tag" not in version.body
    assert await world.store.select(REVIEW, {}) == []
    assert b"seealso" in version.body


async def test_any_order_of_arrival_gives_the_same_store() -> None:
    parts = [
        person("wj", NI),
        person("js", NI, CARD, name="顾晓嵐"),
        person("qp", CARD),
        person("other", birth="1968-01-01"),
    ]
    results = []
    for order in permutations(parts):
        world = World(MemoryStore(TABLES))
        for part in order:
            await world.send(part)
        results.append(await world.all())
    assert all(result == results[0] for result in results)


async def test_conflicts_and_look_alikes_are_listed_and_not_linked(world: World) -> None:
    await world.send(person("a", NI))
    await world.send(person("b", NI, birth="1999-01-01"))
    await world.send(person("c", birth="1968-12-31"))
    assert {await golden_of(world, value) for value in "abc"} == {None}
    rows = await world.store.select(REVIEW, {})
    assert sorted(str(row["reason"]) for row in rows) == ["birth-date-conflict", "look-alike"]


async def test_a_corrected_number_unlinks(world: World) -> None:
    await world.send(person("a", NI))
    await world.send(person("b", NI))
    golden = await golden_of(world, "a")
    assert golden is not None
    other = number("urn:oid:2.16.156.10011.1.3", "310198197004045291")
    await world.send(patient("b", "2", **{"identifier[]": [other]}))
    assert await golden_of(world, "a") is None
    assert await golden_of(world, "b") is None
    version = await world.store.read("Patient", golden.partition("/")[2])
    assert version is not None
    assert version.deleted
    carriers = await world.store.select(NUMBER, {"number": f"{NI['system']}|{NI['value']}"})
    assert [row["patient"] for row in carriers] == [key("Patient", "a").reference]


async def test_a_patient_known_by_a_visit_number_only_becomes_the_known_one() -> None:
    """Jiashan §3.1: no second Patient arises, whatever the order of arrival."""
    by_visit = {
        "says": [
            {"target": ["Patient", "visit"], "order": "1", "slots": {"gender": "female"}},
            {"target": ["DiagnosticReport", "r"], "order": "1", "slots": {"status": "final"},
             "subject": key("Patient", "visit").reference},
        ]
    }  # fmt: skip
    by_number = {
        "says": [{"target": ["Patient", "strong"], "order": "2", "slots": {"identifier[]": [NI]}}],
        "aliases": [[["Patient", "visit"], ["Patient", "strong"], "2"]],
    }
    results = []
    for order in permutations([by_visit, by_number]):
        world = World(MemoryStore(TABLES))
        for part in order:
            await world.send(part)
        results.append(await world.all())
        assert await world.resource("Patient", "visit") is None
        strong = await world.resource("Patient", "strong")
        assert strong is not None
        assert (strong["gender"], strong["identifier"]) == ("female", [NI])
        report = await world.resource("DiagnosticReport", "r")
        assert report is not None
        assert report["subject"] == {"reference": key("Patient", "strong").reference}
    assert results[0] == results[1]


def merge(prior: str, target: str, order: str) -> dict[str, Any]:
    return {"merges": [[["Patient", prior], ["Patient", target], order]], **patient(target, order, gender="female")}


async def test_a_merge_moves_everything_to_the_survivor_before_and_after(world: World) -> None:
    report = {"target": ["DiagnosticReport", "r"], "order": "1", "slots": {"status": "final"}}
    late = {**report, "target": ["DiagnosticReport", "late"], "order": "9"}
    subject = key("Patient", "a").reference
    await world.send({"says": [{**report, "subject": subject}]}, patient("a", "1", gender="male"))
    assert (await world.send(merge("a", "b", "5")))["findings"] == []
    answer = await world.send({"says": [{**late, "subject": subject}]}, patient("a", "9", birthDate="1990-01-01"))
    assert answer["findings"] == ["retired-id"]
    for value in ("r", "late"):
        found = await world.resource("DiagnosticReport", value)
        assert found is not None
        assert found["subject"] == {"reference": key("Patient", "b").reference}
    prior = await world.resource("Patient", "a")
    assert prior is not None
    assert (prior["active"], prior["gender"]) == (False, "male")
    assert "birthDate" not in prior
    assert prior["link"] == [{"other": {"reference": key("Patient", "b").reference}, "type": "replaced-by"}]
    survivor = await world.resource("Patient", "b")
    assert survivor is not None
    assert survivor["link"] == [{"other": {"reference": subject}, "type": "replaces"}]


async def test_merges_of_unknown_repeated_inverse_and_chained(world: World) -> None:
    assert (await world.send(merge("a", "b", "1")))["findings"] == ["merge-stub"]
    assert (await world.send(merge("a", "b", "2")))["findings"] == ["merge-repeat"]
    inverse = await world.send(merge("b", "a", "3"))
    assert (inverse["findings"], inverse["status"]) == (["merge-inverse"], "quarantined")
    assert (await world.send(merge("b", "c", "4")))["findings"] == []
    ring = await world.send(merge("c", "a", "5"))
    assert ring["findings"] == ["merge-inverse"]
    report = {"target": ["DiagnosticReport", "r"], "order": "6", "slots": {}, "subject": key("Patient", "a").reference}
    await world.send({"says": [report]})
    found = await world.resource("DiagnosticReport", "r")
    assert found is not None
    assert found["subject"] == {"reference": key("Patient", "c").reference}


def random_person(random: Random, value: str, order: str) -> dict[str, Any]:
    numbers = [
        {"system": system, "value": random.choice(values)}
        for system, *values in (
            ("urn:oid:2.16.156.10011.1.3", "320598196804175127", "310198197004045291"),
            ("urn:oid:2.16.156.10011.1.19", "A1", "A2"),
            ("https://hie.example.org/id/ORG/2.16.156.10011.2.5.1.4", "P1", "P2"),
        )
        if random.random() < 0.4
    ]
    made = person(
        value,
        *numbers,
        name=random.choice(["顾晓岚"] * 4 + ["王建国"]),
        birth=random.choice(["1968-04-17"] * 4 + ["1999-01-01"]),
    )
    made["says"][0]["order"] = order
    made["says"][0]["slots"]["address[]"] = {"text": random.choice("xy")}
    return made


async def identified(store: Store) -> tuple[dict[str, Any], set[tuple[str, ...]]]:
    """All Patients, golden ones included, and the pairs to review."""
    patients = {}
    async for version in store.versions("Patient"):
        if not version.deleted:
            patients[version.id] = {k: v for k, v in json.loads(version.body).items() if k != "meta"}
    return patients, {(str(r["first"]), str(r["second"]), str(r["reason"])) for r in await store.select(REVIEW, {})}


async def placed_afresh(patients: dict[str, Any], random: Random) -> tuple[dict[str, Any], set[tuple[str, ...]]]:
    """The same local Patients, each placed once, in any order."""
    store = MemoryStore(TABLES)
    local = [p for p in patients.values() if not any(link["type"] == "seealso" for link in p.get("link", ()))]
    for patient_ in random.sample(local, len(local)):

        async def job(tx: Transaction, patient_: dict[str, Any] = patient_) -> None:
            await tx.put(await Persons(tx, 0).place(patient_), unless_same=True)

        await store.write(job)
    return await identified(store)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_was_said_before_only_what_is_said_now_counts(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    if seed % 2:
        monkeypatch.setattr(match, "MAX_CARRIERS", 2)
        monkeypatch.setattr(persons, "MAX_CARRIERS", 2)
    if seed % 3:
        monkeypatch.setattr(persons, "MAX_LOOK_ALIKES", 1 + seed % 3)
    world = World(MemoryStore(TABLES))
    retired: set[str] = set()
    said: set[str] = set()
    for n in range(12):
        value = random.choice("abcdef")
        if len(said - retired) > 1 and random.random() < 0.1:
            prior, target = random.sample(sorted(said - retired), 2)
            retired.add(prior)
            await world.send({"merges": [[["Patient", prior], ["Patient", target], f"{n:03}"]]})
        elif value not in retired:
            said.add(value)
            await world.send(random_person(random, value, f"{n:03}"))
    now = await identified(world.store)
    assert now == await placed_afresh(now[0], random)


async def test_one_that_leaves_a_chain_does_not_leave_the_others_apart(world: World) -> None:
    await world.send(person("a", NI))
    await world.send(person("b", NI, CARD))
    await world.send(person("c", CARD))
    golden = await golden_of(world, "c")
    await world.send({"merges": [[["Patient", "a"], ["Patient", "d"], "2"]]})
    assert await golden_of(world, "a") is None
    assert golden is not None
    assert await golden_of(world, "b") == await golden_of(world, "c") == golden
    members = await linked(world.store, golden.partition("/")[2])
    assert members == tuple(sorted(key("Patient", value).id for value in "bc"))


async def test_a_patient_merged_away_is_no_look_alike_of_the_one_that_stays(world: World) -> None:
    await world.send(person("a"))
    await world.send(person("b", birth="1968-12-31"))
    assert [row["reason"] for row in await world.store.select(REVIEW, {})] == ["look-alike"]
    for value in "ab":
        await world.send(patient(value, "1.5", **{"identifier[]": [NI]}))
    assert [row["reason"] for row in await world.store.select(REVIEW, {})] == ["birth-date-conflict"]
    await world.send({"merges": [[["Patient", "a"], ["Patient", "b"], "2"]]})
    assert await world.store.select(REVIEW, {}) == []


async def test_a_golden_patient_of_a_contested_number_is_kept_in_step(world: World) -> None:
    for value, birth in (("a", "1968-04-17"), ("b", "1968-04-17"), ("c", "1999-01-01"), ("d", "1999-01-01")):
        await world.send(person(value, NI, birth=birth))
    for value in ("a", "c"):
        golden = await golden_of(world, value)
        assert golden is not None
        await world.send(patient(value, "2", **{"deceasedBoolean": True}))
        version = await world.store.read("Patient", golden.partition("/")[2])
        assert version is not None
        assert json.loads(version.body)["deceasedBoolean"] is True


async def test_a_number_that_too_many_carry_links_nobody_and_takes_no_other_number_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(match, "MAX_CARRIERS", 2)
    monkeypatch.setattr(persons, "MAX_CARRIERS", 2)
    world = World(MemoryStore(TABLES))
    await world.send(person("a", CARD))
    await world.send(person("b", CARD))
    assert await golden_of(world, "a") == await golden_of(world, "b") is not None
    for value in "cde":
        await world.send(person(value, CARD))
        assert {await golden_of(world, one) for one in "ab" + value} == {None}
    await world.send(person("f", CARD, NI))
    await world.send(person("g", CARD, NI))
    assert await golden_of(world, "f") == await golden_of(world, "g") is not None
    assert {await golden_of(world, one) for one in "abcde"} == {None}
