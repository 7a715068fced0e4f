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
        ("1", "ng/mL", "0.001", "g.m-3"),
        ("1", "pg/mL", "0.000001", "g.m-3"),
        ("1", "ug/L", "0.001", "g.m-3"),
        ("1", "mg/dL", "10", "g.m-3"),
        ("1", "g%", "10000", "g.m-3"),
        ("1", "umol/L", "0.001", "m-3.mol"),
        ("1", "meq/L", "1", "m-3.mol"),
        ("1", "mosm/kg", "0.000001", "g-1.mol"),
        ("90", "fL", "9E-17", "m3"),
        ("1", "kPa", "1000000", "g.m-1.s-2"),
        ("1", "cm[H2O]", "98066.5", "g.m-1.s-2"),
        ("1", "kcal", "4184000", "g.m2.s-2"),
        ("1", "[ft_i]", "0.3048", "m"),
        ("1", "[lb_av]", "453.59237", "g"),
        ("1", "[oz_av]", "28.349523125", "g"),
        ("1", "[stone_av]", "6350.29318", "g"),
        ("1", "dam", "10", "m"),
        ("1", "Kibit", "1024", "1"),
        ("1", "wk", "604800", "s"),
        ("1", "mo", "2629800", "s"),
        ("1", "a", "31557600", "s"),
    ],
)
def test_a_quantity_has_one_canonical_form(value: str, code: str, expected: str, unit: str) -> None:
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
    assert convert(Decimal("60"), "U/L", "umol/L/s") == 1
    assert convert(Decimal("98.6"), "[degF]", "Cel") == 37
    for left, right in (("xyz", "m"), ("m", "xyz")):
        assert not comparable(left, right)
        assert convert(Decimal("1"), left, right) is None


def test_no_code_can_run_away() -> None:
    assert parse_unit("(" * 90 + "m" + ")" * 90) is not None
    assert parse_unit("m" * 500) is None
    assert parse_unit("m99999") is None
