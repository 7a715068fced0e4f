"""Paths of HL7 v2: what each form of a path reads."""

from typing import Any

import pytest

from hie.mapping.dialect import DELETED
from hie.mapping.dialects.hl7v2 import Hl7v2
from hie.wire.hl7v2 import parse
from hie.wire.hl7v2_group import group

MESSAGE = r"MSH|^~\&|A" + "\r" + r"OBR|1||||||||||||||02&静脉\T\血&L^左臂||7&赵^1~8&钱" + "\rOBX|1|ST|||a\rOBX|2|ST|||b"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("OBR-15", [("02&静脉&血&L", "左臂")]),
        ("OBR-15.1", ["02&静脉&血&L"]),
        ("OBR-15.1.1", ["02"]),
        ("OBR-15.1.2", ["静脉&血"]),
        ("OBR-15.2.1", ["左臂"]),
        ("OBR-15.1.4", []),
        ("OBR-17.1.2", ["赵", "钱"]),
        ("OBX-5.1", ["a", "b"]),
    ],
)
def test_what_a_path_reads(path: str, values: list[Any]) -> None:
    """Sub-components are split before escapes are resolved; an order reads the OBX of its results."""
    order = group(parse(MESSAGE)).each("OBR")[0]
    assert list(Hl7v2().compile_path(path)(order)) == values


@pytest.mark.parametrize(
    ("sent", "first", "second"),
    [
        ("", [], []),
        ("a", ["a"], []),
        ("a^b^c", ["a"], ["b"]),
        ("^ ^c", [], []),
        (' a^"b"', [" a"], ['"b"']),
        ('""', [DELETED], [DELETED]),
        ('a^""', ["a"], []),
        ("a^b~c~^e", ["a", "c"], ["b", "e"]),
        (r"x\T\y^z\S\w", ["x&y"], ["z^w"]),
    ],
)
def test_components_of_a_field(sent: str, first: list[Any], second: list[Any]) -> None:
    """The same whether a field may hold repeats, escapes and deletions or is read without looking for them; two
    segments give the values of both."""
    once, twice = (group(parse("\r".join(["MSH|^~\\&|A", *[f"AL1|1||{sent}|"] * n]))) for n in (1, 2))
    for path, values in (("AL1-3.1", first), ("AL1-3.2", second)):
        read = Hl7v2().compile_path(path)
        assert list(read(once)) == values
        assert list(read(twice)) == values * 2


@pytest.mark.parametrize(
    ("path", "beyond"),
    [
        ("PID-40", False),
        ("PID-41", True),
        ("SCH/NTE-9:text", True),
        ("OBX-5.27", True),
        ("ZPI-99", False),
        ("QPD-12", False),
        ("PID-*", False),
        ("OBR", False),
    ],
)
def test_fields_that_no_version_of_hl7_has(path: str, beyond: bool) -> None:
    assert bool(Hl7v2().beyond(path)) is beyond
