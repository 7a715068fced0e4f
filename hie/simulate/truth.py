"""The truth beside the traffic: one line of JSON for the run, each person and each item."""

import dataclasses
import json
from typing import Any

from hie.base.ids import sha256
from hie.simulate.history import Record, World, outline, plan, record
from hie.simulate.item import Item, patient_reference, temporary_reference
from hie.simulate.people import Person
from hie.simulate.regions import REGIONS


def records(world: World, who: Person) -> list[Record]:
    """The records that hospitals keep of a person, in the order in which they are made."""
    found = {}
    for index, hospital in enumerate(one.hospital for one in plan(world, who.number)):
        if hospital.code not in found and REGIONS[hospital.region].acts(outline(world, who.number, index)):
            found[hospital.code] = record(world, who, hospital)
    return list(found.values())


def linked(found: list[Record]) -> list[list[str]]:
    """Groups of records that share a number, directly or through others: what identity must find, no less, no more."""
    groups: list[tuple[set[str], list[str]]] = []
    for one in found:
        numbers, patients = set(one.numbers), [patient_reference(one)]
        rest = []
        for group in groups:
            if group[0] & numbers:
                numbers |= group[0]
                patients = [*group[1], *patients]
            else:
                rest.append(group)
        groups = [*rest, (numbers, patients)]
    return sorted(sorted(patients) for _, patients in groups if len(patients) > 1)


def world_line(world: World) -> dict[str, Any]:
    """The first line: the run, by which it can be told from others and made again."""
    return {"kind": "world"} | dataclasses.asdict(world) | {"start": world.start.isoformat()}


def person_line(world: World, who: Person) -> dict[str, Any]:
    """Who a person is, and under which Patients the exchange knows them."""
    found = records(world, who)
    temporary = [
        {"patient": temporary_reference(v), "hospital": v.hospital.code, "mergedInto": patient_reference(v.record)}
        for v in (outline(world, who.number, index) for index in range(len(plan(world, who.number))))
        if v.merged and v.hospital.region == "wujiang"
    ]
    return {
        "kind": "person",
        "person": who.number,
        "name": who.name,
        "gender": "male" if who.male else "female",
        "birthDate": who.born.isoformat(),
        "nationalId": who.national_id,
        "healthCard": who.health_card,
        "home": who.home,
        "disease": who.disease.code,
        "looksLike": who.twin_of,
        "records": [
            {"patient": patient_reference(one), "hospital": one.hospital.code, "wrong": one.spoilt} for one in found
        ]
        + temporary,
        "linked": linked(found),
    }


def item_line(item: Item, number: int, file: str | None = None) -> dict[str, Any]:
    """What an item is, what is wrong with it, and what the exchange must say to it."""
    line: dict[str, Any] = {
        "kind": "item",
        "item": number,
        "at": item.at.isoformat(),
        "door": item.door,
        "sha256": sha256(item.body),
        "label": item.label,
        "person": item.person,
        "patient": item.patient,
        "wrong": item.fault,
        "status": item.status,
        "findings": sorted(item.findings),
        "perhaps": sorted(item.perhaps),
    }
    return line | ({"file": file} if file else {})


def to_json(line: dict[str, Any]) -> str:
    """One line of `truth.jsonl`."""
    return json.dumps(line, ensure_ascii=False) + "\n"
