"""Trimming, full width, null text and lengths (common rules §5.3, §5.5)."""

import pytest

from hie.base.text import half_width, is_han
from hie.mapping.transforms import texts
from tests.mapping.transforms.notebook import Notebook


def test_half_width_changes_ascii_forms_only() -> None:
    assert half_width("（１０^９／Ｌ）　～中") == "(10^9/L) ~中"


@pytest.mark.parametrize("sent", ["-", "--", "—", "/", "无", "NULL", "null", "同上"])
def test_null_text_counts_in_header_fields_and_not_in_clinical_text(sent: str) -> None:
    header, clinical = Notebook(), Notebook()
    assert texts.words(f" {sent}\u3000", header) is None
    assert texts.text(sent, clinical) == sent
    assert (header.codes, clinical.codes) == (["null-text"], [])


@pytest.mark.parametrize(("length", "limit"), [("code", 64), ("name", 100), ("short", 4000), ("long", 1_000_000)])
def test_text_over_the_length_of_its_class_is_noted(length: str, limit: int) -> None:
    notes = Notebook()
    assert texts.fits("x" * limit, length, notes)
    assert not texts.fits("x" * (limit + 1), length, notes)
    assert notes.codes == ["field-too-long"]


@pytest.mark.parametrize(("text", "expected"), [("张三", True), ("张 三", True), ("张·三", False), ("", False)])
def test_ideographs_are_told_from_other_characters(text: str, expected: bool) -> None:
    assert is_han(text) is expected
