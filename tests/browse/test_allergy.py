"""Allergies: what is known, denied, over or refuted; three ways of knowing none that never look alike."""

import pytest

from hie.browse.allergy import allergies
from hie.browse.source import Source
from tests.browse import seed
from tests.browse.conftest import filled, source_of


async def test_allergies_are_listed_with_source(source: Source) -> None:
    found = allergies(await source.chart(seed.uid("golden", "gu")))
    assert found.state == "list"
    assert [(a.text, a.reaction, a.grave, a.places[0].name) for a in found.items] == [
        ("青霉素过敏", "休克", True, "嘉善县第一人民医院")
    ]


@pytest.mark.parametrize(
    ("people", "broken", "state"),
    [
        (seed.no_allergy, False, "none-known"),
        (seed.unknown_allergy, False, "not-recorded"),
        (seed.unknown_allergy, True, "unreachable"),
        (seed.no_allergy, True, "unreachable"),
    ],
)
async def test_no_allergy_has_three_different_states(people: object, broken: bool, state: str) -> None:
    resources = people()  # type: ignore[operator]
    store = await filled(seed.organizations(), resources)
    if broken:
        store.broken.add("AllergyIntolerance")
    chart = await source_of(store).chart(resources[0]["id"])
    assert allergies(chart).state == state


async def test_an_allergy_that_is_over_or_doubtful_says_so_and_a_refuted_one_is_none() -> None:
    who = seed.patient(seed.JSYY, "P", "某人")

    def allergy(text: str, clinical: str, verification: str, at: str, **more: object) -> seed.Resource:
        states = {"clinicalStatus": seed.state(clinical), "verificationStatus": seed.state(verification)}
        names = {"patient": seed.ref(who), "code": {"text": text}, "recordedDate": at}
        return seed.made(seed.JSYY, "AllergyIntolerance", f"{text}{at}", **names, **states, **more)

    found = [
        allergy("花生", "inactive", "refuted", "2026-03-05"),
        allergy("牛奶", "resolved", "confirmed", "2026-03-04"),
        allergy("头孢", "active", "unconfirmed", "2026-03-03"),
        allergy("碘", "active", "entered-in-error", "2026-03-03"),
        allergy("磺胺", "resolved", "confirmed", "2026-03-02"),
        allergy("磺胺", "active", "confirmed", "2026-02-02"),
        allergy("青霉素", "active", "confirmed", "2020-01-01", criticality="high"),
    ]
    store = await filled(seed.organizations(), [who, *found])
    shown = allergies(await source_of(store).chart(who["id"]))
    assert [(a.text, a.status) for a in shown.items] == [
        ("青霉素", ""),
        ("头孢", "unconfirmed"),
        ("磺胺", ""),
        ("牛奶", "resolved"),
    ]
    assert [a.text for a in shown.refuted] == ["花生"]


@pytest.mark.parametrize("code", ["716186003", "409137002", "no-known-allergies"])
async def test_no_known_allergy_is_told_by_its_code_too(code: str) -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    told = {"code": {"coding": [{"code": code}], "text": "NKA"}, "patient": seed.ref(who)}
    store = await filled([who, seed.made(seed.WJYY, "AllergyIntolerance", "A", **told)])
    assert allergies(await source_of(store).chart(who["id"])).state == "none-known"
