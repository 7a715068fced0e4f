"""Finding persons."""

import pytest

from hie.browse.person import masked
from hie.browse.search import clean, find_people, is_number
from hie.browse.source import Source
from tests.browse import seed


@pytest.mark.parametrize(
    ("typed", "born", "count"),
    [
        (seed.GU_ID, "", 1),
        (" ３２０５９８１９６８０４１７５１２７ ", "", 1),
        ("a800000517", "", 1),
        ("L800001", "", 1),
        ("顾晓岚", "", 1),
        ("顾晓嵐", "", 1),
        ("王建国", "", 2),
        ("王建国", "1957-05", 1),
        ("320598196804175128", "", 0),
        ("", "", 0),
        ("查无此人", "", 0),
    ],
)
async def test_by_number_or_name_one_row_per_person(source: Source, typed: str, born: str, count: int) -> None:
    found = await find_people(source, typed, born)
    assert len(found.ids) == count
    assert not found.more


async def test_any_record_of_a_person_leads_to_the_golden_patient(source: Source) -> None:
    assert (await find_people(source, "KH820001")).ids == (seed.uid("golden", "gu"),)


@pytest.mark.parametrize(
    ("text", "expected"), [("32059819680417512x", True), ("A800000517", True), ("王建国", False), ("Smith", False)]
)
def test_a_number_is_told_from_a_name(text: str, expected: bool) -> None:
    assert is_number(clean(text)) is expected


@pytest.mark.parametrize(
    ("number", "shown"),
    [("320598196804175127", "3205**********5127"), ("A800000517", "A*******17"), ("123", "***"), ("", "")],
)
def test_a_number_is_shown_masked(number: str, shown: str) -> None:
    assert masked(number) == shown
