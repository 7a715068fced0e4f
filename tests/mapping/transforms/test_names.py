"""Names, phones, addresses (common rules §5.4) and null text (§5.3)."""

from typing import Any

import pytest

from hie.base.text import NULL_TEXT
from hie.mapping.transforms import names
from tests.mapping.transforms.notebook import Notebook


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("顾晓岚", {"text": "顾晓岚", "family": "顾", "given": ["晓岚"]}),
        ("柯宁", {"text": "柯宁", "family": "柯", "given": ["宁"]}),
        ("郑板桥路", {"text": "郑板桥路", "family": "郑", "given": ["板桥路"]}),
        ("张  某", {"text": "张某", "family": "张", "given": ["某"]}),
        ("张　某", {"text": "张某", "family": "张", "given": ["某"]}),
        ("瑋億昞", {"text": "瑋億昞", "family": "瑋", "given": ["億昞"]}),
        ("𠮷田宁", {"text": "𠮷田宁", "family": "𠮷", "given": ["田宁"]}),
        ("买买提·艾力", {"text": "买买提·艾力"}),
        ("一二三四五", {"text": "一二三四五"}),
        ("张", {"text": "张"}),
        ("Anna  Maria Example", {"text": "Anna Maria Example"}),
        ("张A", {"text": "张A"}),
    ],
)
def test_human_name_of_a_full_name(sent: str, expected: dict[str, Any]) -> None:
    assert names.human_name(sent, Notebook()) == expected


@pytest.mark.parametrize(
    "surname",
    ["欧阳", "司马", "上官", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "宇文", "司徒", "东方"],
)
def test_surnames_of_two_characters(surname: str) -> None:
    assert names.human_name(f"{surname}明", Notebook()) == {"text": f"{surname}明", "family": surname, "given": ["明"]}


def test_a_source_that_splits_the_name_decides() -> None:
    assert names.human_name("张", Notebook(), given="三") == {"text": "张三", "family": "张", "given": ["三"]}
    expected = {"text": "Smith Anna", "family": "Smith", "given": ["Anna"]}
    assert names.human_name("Smith", Notebook(), given="Anna") == expected


def test_use_comes_first() -> None:
    assert list(names.human_name("柯宁", Notebook(), use="official") or {}) == ["use", "text", "family", "given"]


@pytest.mark.parametrize("sent", sorted(NULL_TEXT))
def test_null_text_is_no_value(sent: str) -> None:
    for transform in (names.human_name, names.phone, names.address, names.name_text):
        notes = Notebook()
        assert transform(f" {sent} ", notes) is None
        assert notes.codes == ["null-text"]


def test_absent_states_nothing_and_notes_nothing() -> None:
    notes = Notebook()
    assert names.human_name(None, notes) is None
    assert names.phone("", notes) is None
    assert notes.codes == []


def test_names_over_100_characters_are_not_cut_off() -> None:
    notes = Notebook()
    assert names.human_name("张" * 101, notes) == {"text": "张" * 101}
    assert notes.codes == ["field-too-long"]
    assert names.human_name("张" * 100, Notebook()) == {"text": "张" * 100}


@pytest.mark.parametrize(
    ("sent", "use", "expected"),
    [
        ("12000008006", None, {"system": "phone", "value": "12000008006", "use": "mobile"}),
        ("120 0000 8006", None, {"system": "phone", "value": "12000008006", "use": "mobile"}),
        ("021-00000000", None, {"system": "phone", "value": "021-00000000", "use": "home"}),
        ("22000008006", None, {"system": "phone", "value": "22000008006", "use": "home"}),
        ("12000008006", "work", {"system": "phone", "value": "12000008006", "use": "work"}),
        ("tel:12000008006", None, {"system": "phone", "value": "tel:12000008006", "use": "home"}),
    ],
)
def test_a_phone_number_is_kept_as_sent(sent: str, use: str | None, expected: dict[str, Any] | None) -> None:
    """As sent, whatever it is (common rules §5.4)."""
    assert names.phone(sent, Notebook(), use=use) == expected


@pytest.mark.parametrize(
    ("sent", "use", "expected"),
    [
        ("12000008006", None, {"system": "phone", "value": "12000008006", "use": "mobile"}),
        ("fax:021-00000000", None, {"system": "phone", "value": "fax:021-00000000", "use": "home"}),
        ("tel:12000008006", None, {"system": "phone", "value": "12000008006", "use": "mobile"}),
        ("tel:+86-573-86000001", None, {"system": "phone", "value": "+86-573-86000001", "use": "home"}),
        ("mailto:a@example.org", None, {"system": "email", "value": "a@example.org"}),
        ("tel:", None, None),
        ("mailto: ", None, None),
        ("tel:-", None, None),
        ("TEL: 无", None, None),
        ("", None, None),
    ],
)
def test_a_contact_url_is_told_from_other_text(sent: str, use: str | None, expected: dict[str, Any] | None) -> None:
    assert names.contact_url(sent, Notebook(), use=use) == expected


def test_address_text_and_parts() -> None:
    assert names.address("示例路8号", Notebook(), type="physical") == {"type": "physical", "text": "示例路8号"}
    parts = {"text": "甲省乙市丙县丁路1号", "state": "甲省", "city": "乙市", "district": "丙县", "line": ["丁路1号"]}
    expected = {
        "use": "home",
        "text": "甲省乙市丙县丁路1号",
        "line": ["丁路1号"],
        "city": "乙市",
        "district": "丙县",
        "state": "甲省",
    }
    assert names.address(parts, Notebook(), use="home") == expected
