"""The official value sets of R4: our members against those that HL7 published."""

from typing import Any

import orjson
import pytest

from hie.base.data import data_path
from hie.base.errors import HieError
from hie.fhir.definitions import official
from hie.terminology.concept import EVERYTHING
from hie.terminology.library import Library
from hie.terminology.members import Member, Steps
from hie.terminology.service import Terminology

VALUE_SETS = tuple(orjson.loads(data_path("profiles", "r4", "value-sets.index.json").read_bytes()))
"""The URL of each."""


@pytest.fixture(scope="module")
def answers() -> Terminology:
    return Terminology(Library(official()))


def published(value_set: dict[str, Any]) -> set[tuple[str, str]]:
    return {(system, row[0]) for system, rows in value_set["codes"].items() for row in rows}


def members(answers: Terminology, url: str) -> list[Member]:
    return list(answers.members(url).walk(EVERYTHING, Steps()))


def test_every_published_code_is_a_member_and_what_is_more_is_grouping_or_retired(answers: Terminology) -> None:
    """HL7 leaves out abstract and deprecated codes, and those that only a `child` property puts below another."""
    same, more = 0, {}
    for url in VALUE_SETS:
        value_set = official().value_set(url)
        if value_set is None or "codes" not in value_set:
            continue
        found, wanted = members(answers, url), published(value_set)
        ours = {(member.system, member.concept.code) for member in found}
        assert wanted <= ours, url
        assert len(ours) == len(found), f"{url}: a code twice"
        usable = {(m.system, m.concept.code) for m in found if not (m.concept.abstract or m.concept.inactive)}
        same += ours == wanted
        if not usable <= wanted:
            more[url.rpartition("/")[2]] = len(usable - wanted)
    assert same == 453
    assert more == {"detectedissue-category": 49, "v3-ActPharmacySupplyType": 3}


def test_what_cannot_be_expanded_says_why(answers: Terminology) -> None:
    reasons: dict[str, int] = {}
    for url in VALUE_SETS:
        try:
            members(answers, url)
        except HieError as error:
            reasons[error.issue] = reasons.get(error.issue, 0) + 1
    assert set(reasons) <= {"not-found", "too-costly"}
    assert sum(reasons.values()) < 150
