"""Whose the numbers of a patient are, whatever documents state together and in whatever order they come (Jiashan
§3.1)."""

import json
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from adapters.jiashan import adapter
from hie.base.draft import Key
from hie.pipeline import statements
from hie.pipeline.operate import Operator
from tests.acceptance import random_items
from tests.acceptance.orders import RECEIVED, Orders, State, state_of
from tests.clock import FixedClock

JSYY = adapter.organisations[0].uscc
ROOTS = {"N": "3", "C": "19", "Z": "12", "M": "11"}
"""What is told by the first letter of a number below: national id, health card, stay, outpatient visit; the first that
a document states is its patient's key."""

NATIONAL = {"N1": "320598196804175127", "N2": "330498195701010010"}

Said = tuple[str, ...]
"""The numbers that one document states."""


def document(n: int, said: Said, minute: int, version: str = "") -> bytes:
    numbers = {ROOTS[one[0]]: NATIONAL.get(one, one) for one in said}
    return random_items.document("01", f"{n:032}", f"202603021000{minute:02}", numbers, version).encode()


def reference(type: str, number: str) -> str:
    kind = f"2.16.156.10011.1.{ROOTS[number[0]]}"
    return Key("jiashan", JSYY, type, kind, NATIONAL.get(number, number)).reference


def patients(state: State) -> set[str]:
    """The Patients of the organisation."""
    return {one for one, text in state.items() if one.startswith("Patient/") and '"tag"' in text}


def subject(state: State, visit: str) -> str:
    found: str = json.loads(state[reference("Encounter", visit)])["subject"]["reference"]
    return found


def feed_of(documents: Sequence[bytes]) -> Orders:
    return Orders(adapter, [("jiashan-cda", one) for one in documents])


WHOSE: Mapping[str, tuple[Sequence[Said], Mapping[str, str]]] = {
    "a stay that is stated with the visit of somebody": ([("N1", "M1"), ("Z1", "M1")], {"M1": "N1", "Z1": "N1"}),
    "a visit that is stated with the stay of somebody": (
        [("C1", "Z1"), ("Z1", "M1"), ("M1",)],
        {"Z1": "C1", "M1": "C1"},
    ),
    "one after the other": (
        [("N1", "M2"), ("Z1", "M2"), ("Z1", "M1"), ("M1",)],
        {"M2": "N1", "Z1": "N1", "M1": "N1"},
    ),
    "two stays with one visit": ([("Z1", "M1"), ("Z2", "M1"), ("M1",)], {"Z1": "Z1", "Z2": "Z1", "M1": "Z1"}),
    "a stay between two people is nobody's": (
        [("N1", "M1"), ("N2", "M2"), ("Z1", "M1"), ("Z1", "M2")],
        {"M1": "N1", "M2": "N2", "Z1": "Z1"},
    ),
    "what only one of two people reaches": (
        [("N1", "M1"), ("N2", "Z2"), ("Z1", "M1"), ("Z2", "M1")],
        {"M1": "N1", "Z1": "N1", "Z2": "N2"},
    ),
    "a visit that two people claim": (
        [("N1", "M1"), ("N2", "M1"), ("Z1", "M1"), ("M1",)],
        {"Z1": "Z1"},
    ),
}
"""What documents state together, each a minute after the one before; visit -> the number of its patient."""


@pytest.mark.parametrize(("stated", "whose"), WHOSE.values(), ids=WHOSE)
async def test_a_visit_belongs_to_whom_its_numbers_lead_to(stated: Sequence[Said], whose: Mapping[str, str]) -> None:
    states = [s async for _, s in feed_of([document(n, said, n) for n, said in enumerate(stated)]).states()]
    assert all(state == states[0] for state in states)
    assert {visit: subject(states[0], visit) for visit in whose} == {
        visit: reference("Patient", number) for visit, number in whose.items()
    }


def some(random: Random) -> list[Said]:
    """What some documents state: each a few of a few numbers."""
    found: list[Said] = []
    while len(found) < random.randint(3, 6):
        pick = [("N1", "N1", "N2", "C1")[random.randrange(4)]] if random.random() < 0.4 else []
        pick += [random.choice(["Z1", "Z2"])] if random.random() < 0.6 else []
        pick += [random.choice(["M1", "M2", "M3"])] if random.random() < 0.7 else []
        found += [tuple(pick)] if pick else []
    return found


def connected(stated: Sequence[Said]) -> list[set[str]]:
    """The numbers that are stated together, directly or through others."""
    sets: list[set[str]] = []
    for said in stated:
        own = set(said)
        sets = [*(one for one in sets if not one & own), own.union(*(one for one in sets if one & own))]
    return sets


@pytest.mark.parametrize(("seed", "many"), [(seed, many) for many in (1, statements.MANY) for seed in range(3)])
async def test_what_is_connected_and_reaches_one_person_at_the_most_is_one_patient(
    seed: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any order, also with prefixes of folds, when items are run again, and when a document was withdrawn."""
    monkeypatch.setattr(statements, "MANY", many)
    monkeypatch.setattr(statements, "BEHIND", min(many - 1, 4))
    random = Random(seed)
    stated = some(random)
    orders = feed_of([document(n, s, random.randrange(60), random.choice(["", "-1"])) for n, s in enumerate(stated)])
    sent = range(len(stated))
    state = await state_of(await orders.sent(sent))
    visits = {number: reference("Encounter", number) for said in stated for number in said if number[0] in "ZM"}
    assert {one for one in state if one.startswith("Encounter/")} <= set(visits.values())
    for numbers in connected(stated):
        persons = {one for one in numbers if one[0] in "NC"}
        if len(persons) <= 1:
            own = {reference("Patient", one) for one in numbers} & patients(state)
            of = {subject(state, one) for one in numbers & set(visits) if visits[one] in state}
            assert len(own) == 1
            assert own == {reference("Patient", one) for one in persons} or not persons
            assert of <= own
    for _ in range(2):
        store = await orders.sent(random.sample(sent, len(stated)))
        assert await state_of(store) == state
    operator = Operator(store, {one.feed.id: one for one in orders.feeds}, FixedClock(RECEIVED), "tester")
    await operator.replay(random.choice([str(row["id"]) async for row in operator.items()]))
    assert {one: text for one, text in (await state_of(store)).items() if not one.startswith("AuditEvent/")} == state
