"""The stream: the same for a seed, in order, with dirt as asked for and everything a region can send."""

import hashlib
from collections import Counter
from datetime import datetime

import pytest

from hie.base.errors import HieError
from hie.simulate.dirt import dirt, even
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.people import Person
from hie.simulate.regions import REGIONS
from hie.simulate.traffic import traffic

START = datetime(2025, 1, 6)


def items(world: World) -> list[Item]:
    return [line for line in traffic(world) if isinstance(line, Item)]


def digest(world: World) -> str:
    return hashlib.sha256(b"".join(item.body for item in items(world))).hexdigest()


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    world = World(3, 60, START, 30, even(0.3))
    assert digest(world) == digest(world)
    assert digest(world) != digest(World(4, 60, START, 30, even(0.3)))


def test_items_come_in_order_of_arrival_and_after_their_person() -> None:
    known: set[int] = set()
    last = START
    for line in traffic(World(3, 80, START, 30, even(0.3))):
        if isinstance(line, Person):
            known.add(line.number)
            continue
        assert line.person in known
        assert line.at >= last
        last = line.at


def test_without_dirt_nothing_is_wrong() -> None:
    found = items(World(3, 80, START, 30))
    assert {item.fault for item in found} == {""}
    assert {code for item in found for code in item.findings} <= {
        "pairing-assumed",
        "charset-mismatch",
        "merge-inverse",
    }


def share(found: list[Item]) -> float:
    return sum(1 for item in found if item.fault) / len(found)


def test_the_share_of_dirt_is_the_one_asked_for() -> None:
    assert 0.16 < share(items(World(3, 600, START, 30, even(0.2)))) < 0.27


KIND = {fault.name: fault.kind for region in REGIONS.values() for fault in region.faults}


@pytest.mark.parametrize("kind", sorted(set(KIND.values())))
def test_a_kind_of_dirt_comes_alone(kind: str) -> None:
    found = items(World(3, 300, START, 30, dirt(f"{kind}=0.5")))
    assert {KIND.get(item.fault, item.fault) for item in found} == {"", kind}
    assert 0.08 < share(found) < 0.52


def test_duplicates_late_items_and_mistyped_numbers_have_shares_of_their_own() -> None:
    assert {i.fault for i in items(World(3, 200, START, 30, dirt("duplicate=0.2")))} == {"", "sent-twice"}
    assert {i.fault for i in items(World(3, 400, START, 30, dirt("late=0.5")))} == {"", "late", "early"}
    numbered = items(World(3, 200, START, 30, dirt("number=0.5")))
    assert {i.fault for i in numbered} == {""}
    assert {"id-checksum", "id-masked"} <= {code for i in numbered for code in i.findings}


@pytest.mark.parametrize(
    "text", ["x", "1.5", "missing", "rust=0.1", "missing=0.9,code=0.2", "lookalike=0.8", "late=0.1,late=0"]
)
def test_what_is_no_dirt_is_refused(text: str) -> None:
    with pytest.raises(HieError):
        dirt(text)


def test_an_inverse_merge_with_a_wrong_code_is_held_all_the_same() -> None:
    found = [item for item in items(World(8, 7, START, 20, dirt("code=1"))) if item.label.endswith("A40-I")]
    assert [(item.fault, item.status) for item in found] == [("gender-code-wrong", "quarantined")]


@pytest.mark.parametrize("kind", ["missing", "code", "value", "form", "address"])
def test_a_kind_of_dirt_can_happen_to_nearly_every_item(kind: str) -> None:
    """`missing=0.05` gave 0.033: uploads of Qingpu without a person had no field that could be left out."""
    found = items(World(5, 150, START, 60, dirt(f"{kind}=1")))
    told = sum(1 for item in found if item.status not in ("rejected", "quarantined") or not item.fault)
    spoilt = sum(1 for item in found if item.fault)
    assert spoilt / told > 0.85


def test_a_kind_of_dirt_without_share_is_named() -> None:
    with pytest.raises(HieError, match="'late' needs a share"):
        dirt("missing=0.1,late")


@pytest.mark.parametrize(("start", "days"), [(datetime(2016, 12, 31), 30), (datetime(9998, 12, 1), 90), (START, 10**9)])
def test_a_run_in_which_nobody_lives_or_that_no_date_can_name_is_refused(start: datetime, days: int) -> None:
    with pytest.raises(HieError, match="A run lies between 2017-01-01 and 9998-12-31"):
        World(3, 10, start, days)


def test_every_fault_and_every_kind_of_item_occurs() -> None:
    found = items(World(3, 1_500, START, 60, even(0.8)))
    faults = {(item.door, item.fault) for item in found}
    expected = {fault.name for region in REGIONS.values() for fault in region.faults} | {"late", "early", "sent-twice"}
    assert {name for _, name in faults} - {""} == expected
    kinds = Counter(item.label.partition(" ")[2] for item in found)
    assert set(kinds) == (
        {"A01", "A02", "A03", "A04", "A05", "A08", "A11", "A12", "A13", "A31", "A40", "A40-I"}
        | {"ORM", "ORM-X", "ORM-D", "ORU", "ORU-C", "batch"}
        | {"C0002", "C0004", "C0006", "C0007", "C0007-1", "C0053"}
        | {"visit", "report", "results", "again", "imaging", "discharge", "revoke"}
    )


def test_people_are_seen_in_more_than_one_region() -> None:
    regions: dict[int, set[str]] = {}
    for item in items(World(3, 200, START, 365)):
        regions.setdefault(item.person, set()).add(item.door.partition("-")[0])
    assert sum(1 for seen in regions.values() if len(seen) == 3) > 10
