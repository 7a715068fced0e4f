"""Rows as a source language: columns, alternatives, what a row has from its envelope, coverage."""

from dataclasses import replace

import pytest

from hie.mapping.dialects.rows import Rows
from hie.wire.row import Header, Row

HEADER = Header("12310118MBHE03010J", "B1", "2026-04-10T22:00:00+08:00", "2026-04-10T14:00:00Z")
VALUES = {"XM": "柯宁", "JYSJ": "20260402", "YLYL1": "x", "XB@code": "2", "MZ.2": "汉族"}
ROW = Row("TB_X", VALUES, "o", "k", "d", False, HEADER)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("XM", ["柯宁"]),
        ("patientName", []),
        ("XB", []),
        ("CJSJ|JYSJ", ["20260402"]),
        ("XM|JYSJ", ["柯宁"]),
        ("XB|MZ", []),
        ("@order", ["o"]),
        ("@key", ["k"]),
        ("@digest", ["d"]),
        ("@source", ["TB_X|k"]),
        ("@batch", ["B1"]),
        ("@uploaded", ["2026-04-10T22:00:00+08:00"]),
        ("@organisation", ["12310118MBHE03010J"]),
        ("@revoking", []),
        ("XB@code", ["2"]),
        ("MZ.2", ["汉族"]),
    ],
)
def test_a_path_gives_the_values_of_a_row(path: str, expected: list[str]) -> None:
    assert list(Rows().compile_path(path)(ROW)) == expected


def test_a_row_that_revokes_says_so() -> None:
    assert list(Rows().compile_path("@revoking")(replace(ROW, revoking=True))) == ["1"]


@pytest.mark.parametrize("path", ["1xm", "", "XM|", "@name", "PID-5", "a/b"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError):
        Rows().compile_path(path)


def test_the_only_context_is_the_row() -> None:
    assert list(Rows().compile_context("row")(ROW)) == [ROW]
    with pytest.raises(ValueError):
        Rows().compile_context("OBX")


def test_coverage_knows_used_ignored_and_forgotten_columns() -> None:
    cover = Rows().compile_coverage(frozenset({((), "XM"), ((), "CJSJ|JYSJ")}), frozenset({"BRXB", "MZ.2"}))
    found = cover(ROW)
    assert found.used == ("XM", "JYSJ")
    assert found.unmapped == (("YLYL1", "field-unmapped"), ("XB@code", "field-unmapped"))
    ignoring = Rows().compile_coverage(frozenset({((), "XM")}), frozenset({"JYSJ", "YLYL1", "XB@code", "MZ.2"}))
    assert ignoring(ROW).unmapped == ()
    with pytest.raises(ValueError):
        Rows().compile_coverage(frozenset(), frozenset({"x-1"}))


def test_a_map_that_asks_whether_a_row_revokes_has_read_the_column_that_says_so() -> None:
    row = replace(ROW, values={"XM": "柯宁", "XGBZ": "1"}, revoking_column="XGBZ")
    for asked, unmapped in (("@revoking", ()), ("@key", (("XGBZ", "field-unmapped"),))):
        cover = Rows().compile_coverage(frozenset({((), "XM"), ((), asked)}), frozenset())
        assert cover(row).unmapped == unmapped
