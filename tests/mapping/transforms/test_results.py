"""Results by common rules §7: every row of the value, unit, range and interpretation tables."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hie.base.data import data_path
from hie.mapping.codefile import load_codes
from hie.mapping.codes import CodeRow, CodeTable
from hie.mapping.context import Context
from hie.mapping.transforms import elements, row_result
from hie.mapping.transforms.results import (
    fold_unit,
    interpretation,
    observation_result,
    read_range,
    reference_range,
    result_value,
    unit_parts,
)

TABLES = load_codes(data_path("mappings", "codes"))
QUALITATIVE = "https://hie.example.org/fhir/CodeSystem/qualitative"
V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
UCUM = "http://unitsofmeasure.org"


@pytest.fixture
def context() -> Context:
    return Context(
        region="jiashan",
        organisation="12330421MBHE020186",
        feed="jiashan-cda",
        received=datetime(2026, 3, 2, 4, 0, tzinfo=UTC),
        codes=TABLES,
    )


def noted(context: Context) -> list[str]:
    return [found.code for found in context.findings]


@pytest.mark.parametrize(
    ("sent", "value", "comparator"),
    [
        ("5.60", "5.60", None),
        ("5.6000", "5.6000", None),
        (" 7 ", "7", None),
        ("-2.5", "-2.5", None),
        (".5", "0.5", None),
        ("１２．３", "12.3", None),
        ("<18", "18", "<"),
        ("< 0.01", "0.01", "<"),
        ("<=5", "5", "<="),
        ("≤5", "5", "<="),
        (">1000", "1000", ">"),
        (">=90", "90", ">="),
        ("≥90", "90", ">="),
        ("＜０．５", "0.5", "<"),
    ],
)
def test_numbers_and_comparators(context: Context, sent: str, value: str, comparator: str | None) -> None:
    found = result_value(sent, context, numeric=True)
    assert found is not None
    quantity = found["valueQuantity"]
    assert str(quantity["value"]) == value
    assert isinstance(quantity["value"], Decimal)
    assert quantity.get("comparator") == comparator
    assert noted(context) == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("阴性", "neg"),
        ("(-)", "neg"),
        ("阴性(-)", "neg"),
        ("（-）", "neg"),
        ("阴性（－）", "neg"),
        ("阳性", "pos"),
        ("(+)", "pos"),
        ("阳性(+)", "pos"),
        ("+", "pos"),
        ("++", "pos"),
        ("+++", "pos"),
        ("++++", "pos"),
        ("＋＋", "pos"),
        ("1+", "pos"),
        ("2+", "pos"),
        ("3+", "pos"),
        ("4+", "pos"),
        ("弱阳性", "weak"),
        ("±", "weak"),
        ("(±)", "weak"),
        ("+-", "weak"),
    ],
)
def test_qualitative_words_are_coded(context: Context, sent: str, code: str) -> None:
    concept = result_value(sent, context)["valueCodeableConcept"]
    assert concept["text"] == sent
    assert [(c["system"], c["code"]) for c in concept["coding"]] == [(QUALITATIVE, code)]
    assert noted(context) == []


@pytest.mark.parametrize("sent", ["未检出", "1:80", "5+", "1,000", "5..6", "溶血", "无", "/", "1e5", "Rh阳性"])
def test_anything_else_stays_text_as_sent(context: Context, sent: str) -> None:
    assert result_value(sent, context) == {"valueString": sent}
    assert noted(context) == []


@pytest.mark.parametrize("sent", ["阴性", "未检出", "+"])
def test_declared_numeric_is_noted_and_keeps_its_form(context: Context, sent: str) -> None:
    assert result_value(sent, context, numeric=True) == result_value(sent, context)
    assert noted(context) == ["value-not-numeric"]


@pytest.mark.parametrize("sent", ["-", "－", " - "])
@pytest.mark.parametrize("numeric", [True, False])
def test_a_dash_alone_is_never_negative(context: Context, sent: str, numeric: bool) -> None:
    assert result_value(sent, context, numeric=numeric) == {"valueString": sent.strip()}
    assert noted(context) == ["value-ambiguous"]


@pytest.mark.parametrize("sent", [None, "", "  ", "　"])
def test_no_value_has_a_reason(context: Context, sent: str | None) -> None:
    slots = observation_result(sent, context)
    assert slots["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert "value[x]" not in slots


def test_a_result_text_of_more_than_a_million_characters_is_too_long(context: Context) -> None:
    result_value("长" * 1_000_001, context)
    assert noted(context) == ["field-too-long"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("10^9/L", "10*9/L"),
        ("10*9/L", "10*9/L"),
        ("×10^9/L", "10*9/L"),
        ("10e9/L", "10*9/L"),
        ("10E9/L", "10*9/L"),
        ("１０＾９／Ｌ", "10*9/L"),
        ("10^12/L", "10*12/L"),
        ("10*12/L", "10*12/L"),
        ("×10^12/L", "10*12/L"),
        ("g/L", "g/L"),
        ("mmol/L", "mmol/L"),
        ("mg/L", "mg/L"),
        ("ng/mL", "ng/mL"),
        ("ng/L", "ng/L"),
        ("ug/L", "ug/L"),
        ("μg/L", "ug/L"),
        ("U/L", "U/L"),
        ("%", "%"),
        ("％", "%"),
        ("fL", "fL"),
        ("pg", "pg"),
        ("mg/dL", "mg/dL"),
        ("s", "s"),
        ("umol/L", "umol/L"),
        ("μmol/L", "umol/L"),
        ("µmol/L", "umol/L"),
        ("mIU/L", "m[IU]/L"),
        ("IU/mL", "[IU]/mL"),
        ("mmHg", "mm[Hg]"),
        ("℃", "Cel"),
        ("次/分", "/min"),
        ("个/HP", "/[HPF]"),
        ("/HP", "/[HPF]"),
        ("／ＨＰ", "/[HPF]"),
    ],
)
def test_a_unit_is_coded_by_ucum(context: Context, sent: str, code: str) -> None:
    assert unit_parts(sent, context) == {"unit": sent, "system": UCUM, "code": code}
    assert noted(context) == []


@pytest.mark.parametrize("sent", ["S/CO", "10⁹/L", "MMOL/L", "个"])
def test_other_units_stay_text(context: Context, sent: str) -> None:
    assert unit_parts(sent, context) == {"unit": sent}
    assert noted(context) == ["unit-unmapped"]


def test_a_package_adds_units_of_its_own(context: Context) -> None:
    row = CodeRow("", "个", ("个",), UCUM, "{#}", "")
    own = CodeTable("jiashan-unit", closed=False, rows={"个": row, "枚": replace(row, target_code="")})
    context.codes = {**TABLES, "jiashan-unit": own}
    assert unit_parts("个", context)["code"] == "{#}"
    assert unit_parts("mmHg", context)["code"] == "mm[Hg]"
    assert noted(context) == []
    assert unit_parts("枚", context) == {"unit": "枚"}
    assert noted(context) == ["unit-unmapped"]


def test_a_unit_belongs_to_numbers_only(context: Context) -> None:
    assert result_value("阴性", context, unit="S/CO")["valueCodeableConcept"]["text"] == "阴性"
    assert noted(context) == []
    assert fold_unit("×10E9/L") == "10^9/L"


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("3.5-9.5", "3.5", "9.5"),
        ("3.5--9.5", "3.5", "9.5"),
        ("3.5~9.5", "3.5", "9.5"),
        ("3.5～9.5", "3.5", "9.5"),
        ("3.5—9.5", "3.5", "9.5"),
        ("3.50 - 9.50", "3.50", "9.50"),
        ("-3-3", "-3", "3"),
        ("-3--1", "-3", "1"),
        ("-3~-1", "-3", "-1"),
        ("<5.0", None, "5.0"),
        ("<=5.0", None, "5.0"),
        ("≤5.0", None, "5.0"),
        (">60", "60", None),
        (">=60", "60", None),
        ("≥90", "90", None),
        ("阴性", None, None),
        ("5.0", None, None),
        ("3.5-9.5-12", None, None),
        ("男 3-5", None, None),
    ],
)
def test_a_reference_range_has_the_limits_of_its_text(
    context: Context, sent: str, low: str | None, high: str | None
) -> None:
    found = reference_range(sent, context, unit={"unit": "g/L", "system": UCUM, "code": "g/L"})
    assert found["text"] == sent
    for name, limit in (("low", low), ("high", high)):
        if limit is None:
            assert name not in found
        else:
            assert found[name] == {"value": Decimal(limit), "unit": "g/L", "system": UCUM, "code": "g/L"}
            assert str(found[name]["value"]) == limit


@pytest.mark.parametrize("code", ["N", "H", "L", "HH", "LL", "A", "AA"])
def test_an_interpretation_is_coded_and_a_critical_one_noted(context: Context, code: str) -> None:
    assert interpretation(code, context)["coding"][0]["code"] == code
    assert interpretation(code, context)["coding"][0]["system"] == V3
    assert noted(context) == (["critical-value"] if code in {"HH", "LL", "AA"} else [])


def test_an_unknown_flag_stays_text(context: Context) -> None:
    found = interpretation("Q", context)
    assert V3 not in [c["system"] for c in found.get("coding", []) if "userSelected" not in c]
    assert found["text"] == "Q"
    assert noted(context) == ["code-unknown"]


@pytest.mark.parametrize(
    ("code", "name", "flag"),
    [("1", "正常", "N"), ("2", "异常", "A"), ("3", "偏高", "H"), ("4", "偏低", "L"), ("5", "危急", "AA")],
)
def test_jiashan_result_codes(context: Context, code: str, name: str, flag: str) -> None:
    found = interpretation(code, context, table="jiashan-result-code", name=name)
    local = {"system": "urn:oid:2.16.156.10011.2.3.2.38", "code": code, "display": name, "userSelected": True}
    assert found["coding"][0] == local
    assert (found["coding"][1]["system"], found["coding"][1]["code"]) == (V3, flag)


@pytest.mark.parametrize(
    ("value", "reference", "flag", "conflict"),
    [
        ("5.0", "3.5-9.5", "N", False),
        ("3.5", "3.5-9.5", "N", False),
        ("9.5", "3.5-9.5", "N", False),
        ("11.2", "3.5-9.5", "N", True),
        ("2.0", "3.5-9.5", "N", True),
        ("11.2", "3.5-9.5", "H", False),
        ("5.0", "3.5-9.5", "H", True),
        ("5.0", "3.5-9.5", "HH", True),
        ("5.0", "3.5-9.5", "L", True),
        ("5.0", "3.5-9.5", "LL", True),
        ("5.0", "3.5-9.5", "A", False),
        ("5.0", "<5.0", "N", True),
        ("5.0", "<=5.0", "N", False),
        ("60", ">60", "N", True),
        ("61", ">60", "N", False),
        ("4.9", "<5.0", "N", False),
        ("60", "≥60", "L", True),
        ("11.2", "阴性", "N", False),
        ("11.2", None, "N", False),
        ("<18", "44-97", "N", False),
        ("11.2", "3.5-9.5", None, False),
    ],
)
def test_value_range_and_flag(
    context: Context, value: str, reference: str | None, flag: str | None, conflict: bool
) -> None:
    flags = [interpretation(flag, context)] if flag else []
    slots = observation_result(value, context, reference=reference, flags=flags)
    assert ("range-flag-conflict" in noted(context)) is conflict
    assert slots.get("interpretation[]", []) == flags


def test_all_four_together(context: Context) -> None:
    flags = [interpretation("H", context)]
    slots = observation_result("11.20", context, numeric=True, unit="×10^9/L", reference="3.5～9.5", flags=flags)
    quantity = slots["value[x]"]["valueQuantity"]
    assert quantity == {"value": Decimal("11.20"), "unit": "×10^9/L", "system": UCUM, "code": "10*9/L"}
    assert slots["referenceRange[]"][0]["high"]["code"] == "10*9/L"
    assert slots["referenceRange[]"][0]["text"] == "3.5～9.5"
    assert noted(context) == []


def test_the_unit_beside_a_word_is_that_of_its_range(context: Context) -> None:
    slots = observation_result("阴性", context, unit="mmol/L", reference="3.9-6.1")
    assert [slots["referenceRange[]"][0][name]["code"] for name in ("low", "high")] == ["mmol/L", "mmol/L"]
    slots = row_result.row_result(
        ("阴性", "mmol/L", "3.9-6.1", ""), context, paths=("V", "U", "R", "F"), flags="qingpu-flag"
    )
    assert slots["unit"]["code"] == slots["referenceRange[]"][0]["low"]["code"] == "mmol/L"


def test_an_open_limit_lies_outside() -> None:
    assert not read_range("<5").holds(Decimal("5"))
    assert read_range("≤5").holds(Decimal("5.00"))


@pytest.mark.parametrize(
    ("sent", "expected", "codes"),
    [
        (("5", "mg"), {"value": Decimal(5), "unit": "mg"}, []),
        (("2", ""), {"value": Decimal(2)}, []),
        (("两片", "片"), None, ["value-not-numeric"]),
        (("", "mg"), None, []),
    ],
)
def test_a_quantity_of_number_and_unit(
    context: Context, sent: tuple[str, str], expected: dict[str, Any] | None, codes: list[str]
) -> None:
    assert (elements.quantity(sent, context), noted(context)) == (expected, codes)


def test_staff_by_number_and_name(context: Context) -> None:
    number = {"system": context.local_system("2.16.156.10011.1.4"), "value": "D1"}
    assert elements.staff(("D1", "邵医生"), context) == {"identifier": number, "display": "邵医生"}
    assert elements.staff(("D1", ""), context) == {"identifier": number}
    assert elements.staff(("", "无"), context) is None


def test_a_result_without_a_critical_mark_has_four_parts(context: Context) -> None:
    paths = ["V", "U", "R", "F"]
    found = row_result.row_result(("7", "mmol/L", "3-5", "H"), context, paths=paths, flags="interpretation")
    assert [coding["code"] for coding in found["interpretation[]"][0]["coding"]] == ["H"]
    assert noted(context) == []
