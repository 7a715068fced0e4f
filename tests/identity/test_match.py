"""Records are linked by a shared number only, and only when nothing speaks against it."""

from itertools import permutations
from typing import Any

import pytest

from hie.base.systems import HEALTH_CARD, NATIONAL_ID, PATIENT_INDEX
from hie.identity.demographics import Demographics, demographics
from hie.identity.golden import golden_patient
from hie.identity.match import MAX_CARRIERS, MAX_PEOPLE, Review, identifies_nobody, look_alike, match

NI = f"{NATIONAL_ID}|320598196804175127"
CARD = f"{HEALTH_CARD}|A800000517"
INDEX = f"https://hie.example.org/id/ORG/{PATIENT_INDEX}|YY1"


def record(
    patient: str, *keys: str, name: str = "顾晓岚", birth: str = "1968-04-17", gender: str = "female"
) -> Demographics:
    return Demographics(patient, keys, name, birth, gender, ())


def test_two_numbers_chain_three_regions_into_one_person_in_any_order() -> None:
    middle = record("Patient/b", NI, CARD, name="顾晓嵐")
    records = [record("Patient/a", NI), middle, record("Patient/c", CARD, birth="")]
    for order in permutations(records):
        result = match(order)
        assert [(p.key, p.patients) for p in result.persons] == [(NI, ("Patient/a", "Patient/b", "Patient/c"))]
        assert result.reviews == ()


def test_names_compare_as_they_are_used_whole_or_in_parts() -> None:
    old, parts = {"use": "old", "text": "王小花"}, {"use": "official", "family": "王", "given": ["晓", "华"]}
    assert (
        demographics({"id": "a", "name": [old, parts]}).name
        == demographics({"id": "b", "name": [{"text": "王晓华"}]}).name
    )


def test_the_patient_index_of_one_institution_joins_its_cards_and_is_the_worst_number() -> None:
    cards = [record("Patient/a", INDEX), record("Patient/b", INDEX, CARD)]
    assert [(p.key, p.patients) for p in match(cards).persons] == [(CARD, ("Patient/a", "Patient/b"))]
    assert match([record("Patient/a", INDEX), record("Patient/b", INDEX, gender="male")]).persons == ()
    system, value = INDEX.split("|")
    numbers = [{"system": system, "value": value}, {"system": system, "value": "YY0", "use": "old"}]
    assert demographics({"id": "a", "identifier": numbers}).keys == (INDEX,)
    elsewhere = {"system": "https://hie.example.org/id/ORG/passport", "value": NI.split("|")[1]}
    assert demographics({"id": "a", "identifier": [elsewhere]}).keys == ()


def test_a_patient_index_that_looks_like_an_oid_is_no_national_id() -> None:
    cards = [record("Patient/a", f"{INDEX}.1.3|A"), record("Patient/b", f"{INDEX}.1.3|A", NI)]
    assert [p.key for p in match(cards).persons] == [NI]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (record("Patient/b", NI, birth="1986-04-17"), "birth-date-conflict"),
        (record("Patient/b", NI, gender="male"), "gender-conflict"),
        (record("Patient/b", NI, name="王建国"), "name-conflict"),
    ],
)
def test_conflicting_demographics_stay_apart_and_are_listed(other: Demographics, reason: str) -> None:
    result = match([record("Patient/a", NI), other])
    assert result.persons == ()
    assert result.reviews == (Review("Patient/a", "Patient/b", reason),)


def test_one_bad_record_does_not_separate_the_good_ones() -> None:
    bad = record("Patient/z", NI, birth="2001-01-01")
    result = match([record("Patient/a", NI), record("Patient/b", NI), bad])
    assert [p.patients for p in result.persons] == [("Patient/a", "Patient/b")]
    assert {r.second for r in result.reviews} == {"Patient/z"}


def test_a_partial_birth_date_conflicts_only_where_both_state_the_part() -> None:
    assert match([record("Patient/a", NI, birth="1968"), record("Patient/b", NI)]).persons
    assert not match([record("Patient/a", NI, birth="1969"), record("Patient/b", NI)]).persons


@pytest.mark.parametrize("part", [{"gender": "unknown"}, {"gender": ""}, {"name": ""}, {"birth": ""}])
def test_what_is_not_known_conflicts_with_nothing(part: dict[str, str]) -> None:
    assert match([record("Patient/a", NI, **part), record("Patient/b", NI)]).persons
    assert match([record("Patient/a", NI), record("Patient/b", NI, **part)]).persons


def test_whoever_shares_a_contested_number_joins_the_first_and_two_persons_of_it_keep_apart() -> None:
    one = [record("Patient/a", NI), record("Patient/c", NI, birth="1968")]
    two = [record("Patient/b", NI, birth="1968-07-14"), record("Patient/d", NI, birth="1968-07-14")]
    for order in permutations([*two, *one]):
        persons = [(p.key, p.patients) for p in match(order).persons]
        assert persons == [(NI, ("Patient/a", "Patient/c")), (f"{NI}|Patient/b", ("Patient/b", "Patient/d"))]


def test_a_lent_health_card_does_not_join_two_national_ids() -> None:
    other = f"{NATIONAL_ID}|310198197004045291"
    result = match([record("Patient/a", NI, CARD), record("Patient/b", other, CARD)])
    assert result.persons == ()
    assert result.reviews[0].reason == "number-conflict"
    assert match([record("Patient/a", NI, CARD), record("Patient/b", CARD)]).persons


def test_a_record_between_two_that_conflict_does_not_tie_them_together() -> None:
    other = f"{NATIONAL_ID}|310198197004045291"
    first, second = record("Patient/a", NI, INDEX), record("Patient/b", other, CARD)
    between = record("Patient/c", INDEX, CARD, birth="")
    for order in permutations([first, second, between]):
        result = match(order)
        assert [p.patients for p in result.persons] == [("Patient/b", "Patient/c")]
        assert result.reviews == (Review("Patient/a", "Patient/c", "person-conflict"),)


def test_a_number_that_many_people_carry_identifies_nobody() -> None:
    one_person = [record(f"Patient/{n}", CARD) for n in range(MAX_CARRIERS)]
    assert not identifies_nobody(one_person)
    assert identifies_nobody([*one_person, record("Patient/x", CARD)])
    people = [record(f"Patient/{n}", CARD, birth=f"{1950 + n}-01-01") for n in range(MAX_PEOPLE + 1)]
    assert not identifies_nobody([*people[1:], record("Patient/x", CARD, birth="1951-01-01")])
    assert identifies_nobody(people)


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ({"gender": "unknown"}, {"gender": "female"}, {"gender": "female"}),
        ({"gender": "unknown"}, {}, {"gender": "unknown"}),
        ({"birthDate": "1968"}, {"birthDate": "1968-04-17"}, {"birthDate": "1968-04-17"}),
        ({"deceasedBoolean": False}, {"deceasedBoolean": True}, {"deceasedBoolean": True}),
        ({"deceasedBoolean": False}, {}, {}),
        (
            {"deceasedBoolean": True},
            {"deceasedDateTime": "2026-03-01T08:00:00+08:00"},
            {"deceasedDateTime": "2026-03-01T08:00:00+08:00"},
        ),
    ],
)
def test_the_golden_patient_says_what_is_known_best(first: dict[str, Any], second: dict[str, Any], shown: Any) -> None:
    made = golden_patient("g", [{"id": "a", **first}, {"id": "b", **second}])
    assert {k: v for k, v in made.items() if k not in ("resourceType", "id", "active", "link")} == shown


def test_the_golden_patient_carries_each_national_number_once_and_none_of_one_institution() -> None:
    numbers = [dict(zip(("system", "value"), key.split("|"), strict=True)) for key in (CARD, NI, INDEX)]
    lent = {**numbers[0], "value": "A800000518"}
    patients = [{"id": "b", "identifier": [lent, numbers[1]]}, {"id": "a", "identifier": numbers}]
    made = golden_patient("g", patients)
    assert made["active"] is True
    assert made["identifier"] == [numbers[0], lent, numbers[1]]
    assert [link["other"]["reference"] for link in made["link"]] == ["Patient/a", "Patient/b"]


def test_the_golden_patient_says_what_most_say() -> None:
    for order in permutations(["1968-04-17", "1968-04-18", "1968-04-18"]):
        patients = [{"id": str(n), "birthDate": day} for n, day in enumerate(order)]
        assert golden_patient("g", patients)["birthDate"] == "1968-04-18"


def test_look_alikes_without_a_shared_number() -> None:
    first = record("Patient/a", NI, name="王建国", birth="1957-03-02", gender="male")
    second = record("Patient/b", name="王建国", birth="1957-08-19", gender="male")
    assert look_alike(first, second)
    assert not look_alike(first, record("Patient/c", name="王建国", birth="1958-08-19", gender="male"))
    assert not look_alike(first, record("Patient/c", NI, name="王建国", birth="1957-08-19", gender="male"))
    assert match([first, second]).persons == ()
