"""Identifiers, rule L and the national id (common rules §4)."""

import pytest

from hie.mapping.transforms import identifiers
from tests.mapping.transforms.notebook import Notebook

NI = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NI"}]}


@pytest.mark.parametrize(
    ("sent", "value", "codes"),
    [
        ("310198195111115254", "310198195111115254", []),
        (" 310198195111115254 ", "310198195111115254", []),
        ("３１０１９８１９５１１１１１５２５４", "310198195111115254", []),
        ("11010519491231002x", "11010519491231002X", []),
        ("11010519491231002X", "11010519491231002X", []),
        ("310198197004045291", "310198197004045291", ["id-checksum"]),
        ("310198511111525", "310198511111525", ["id-legacy"]),
        ("3101981951****5254", None, ["id-masked"]),
        ("31019819511111525", "31019819511111525", ["id-checksum"]),
        ("E00000001", "E00000001", ["id-checksum"]),
        ("-", None, ["null-text"]),
        ("无", None, ["null-text"]),
        ("－", None, ["null-text"]),
        (" ＮＵＬＬ", None, ["null-text"]),
        (None, None, []),
    ],
)
def test_a_national_id_is_checked(sent: str | None, value: str | None, codes: list[str]) -> None:
    notes = Notebook()
    found = identifiers.national_id(sent, notes)
    expected = {"type": NI, "system": "urn:oid:2.16.156.10011.1.3", "value": value} if value else None
    assert found == expected
    assert notes.codes == codes


@pytest.mark.parametrize(
    ("kind", "system"),
    [
        ("2.16.156.10011.1.1", "urn:oid:2.16.156.10011.1.1"),
        ("2.16.156.10011.1.2", "urn:oid:2.16.156.10011.1.2"),
        ("2.16.156.10011.1.15", "urn:oid:2.16.156.10011.1.15"),
        ("2.16.156.10011.1.19", "urn:oid:2.16.156.10011.1.19"),
        ("2.16.156.10011.1.33", "https://hie.example.org/id/12310118MBHE03010J/2.16.156.10011.1.33"),
        ("2.16.156.10011.2.5.1.4", "https://hie.example.org/id/12310118MBHE03010J/2.16.156.10011.2.5.1.4"),
        ("card-1", "https://hie.example.org/id/12310118MBHE03010J/card-1"),
    ],
)
def test_systems_by_rule_l(kind: str, system: str) -> None:
    assert identifiers.identifier("A1", Notebook(), kind=kind) == {"system": system, "value": "A1"}


def test_only_the_national_id_gets_upper_case_letters() -> None:
    assert identifiers.identifier("ａb１", Notebook(), kind="card") == {
        "system": "https://hie.example.org/id/12310118MBHE03010J/card",
        "value": "ab1",
    }


def test_prefix_suffix_use_and_type() -> None:
    found = identifiers.identifier("1.2", Notebook(), system="urn:x", use="old", type="MR", prefix="p:", suffix=":1")
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}
    assert found == {"use": "old", "type": {"coding": [coding]}, "system": "urn:x", "value": "p:1.2:1"}


def test_more_than_64_characters_are_too_long() -> None:
    notes = Notebook()
    assert identifiers.identifier("1" * 65, notes, kind="card") is None
    assert notes.codes == ["field-too-long"]
    assert identifiers.number("1" * 64, Notebook()) == "1" * 64
