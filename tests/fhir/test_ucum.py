"""UCUM codes: factors from the published table."""

from decimal import Decimal

import pytest

from hie.fhir.ucum import canonical, comparable, convert, parse_unit


@pytest.mark.parametrize(
    ("value", "code", "expected", "unit"),
    [
        ("5", "mg", "0.005", "g"),
        ("5", "mmol/L", "5", "m-3.mol"),
        ("3.2", "10*9/L", "3200000000000", "m-3"),
        ("37", "Cel", "310.15", "K"),
        ("98.6", "[degF]", "310.15", "K"),
        ("1", "[in_i]", "0.0254", "m"),
        ("120", "mm[Hg]", "15998640", "g.m-1.s-2"),
        ("1", "{cells}/uL", "1000000000", "m-3"),
        ("2", "%", "0.02", "1"),
        ("7", "[IU]/L", "7000", "[iU].m-3"),
        ("1", "kg.m/s2", "1000", "g.m.s-2"),
        ("1", "/(10.m)", "0.1", "m-1"),
    ],
)
def test_canonical_values(value: str, code: str, expected: str, unit: str) -> None:
    assert canonical(Decimal(value), code) == (Decimal(expected), unit)


@pytest.mark.parametrize("code", ["", "xyz", "mg/", "m g", "kk", "(m", "Cel2", "Cel/m", "0", "m[in_i]"])
def test_what_is_no_code(code: str) -> None:
    assert parse_unit(code) is None


def test_comparison_needs_the_same_dimension() -> None:
    assert comparable("cm", "[in_i]")
    assert not comparable("cm", "s")
    assert not comparable("[IU]/L", "mg/L")
    assert convert(Decimal("1"), "h", "min") == 60
    assert convert(Decimal("1"), "h", "m") is None


def test_no_code_can_run_away() -> None:
    assert parse_unit("(" * 90 + "m" + ")" * 90) is not None
    assert parse_unit("m" * 500) is None
    assert parse_unit("m99999") is None
