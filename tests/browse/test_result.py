"""Values, ranges and flags: as written, the source first."""

from typing import Any

import pytest

from hie.browse.place import Place
from hie.browse.result import INTERPRETATION, result, results
from hie.browse.value import range_text, value_text
from hie.wire.safejson import ExactDecimal, loads

HERE = Place("wujiang", "12320509MBHE01015B", "吴江区第一人民医院")


def of(text: str) -> dict[str, Any]:
    """An Observation from JSON text."""
    found: dict[str, Any] = loads(text)
    return found


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ('{"valueQuantity": {"value": 0.004}}', "0.004"),
        ('{"valueQuantity": {"value": 5.60}}', "5.60"),
        ('{"valueQuantity": {"value": 5.6000}}', "5.6000"),
        ('{"valueQuantity": {"value": 0.0000001}}', "0.0000001"),
        ('{"valueQuantity": {"value": 12345678901234567890.10}}', "12345678901234567890.10"),
        ('{"valueQuantity": {"value": 99}}', "99"),
        ('{"valueQuantity": {"value": 0.01, "comparator": "<"}}', "<0.01"),
        ('{"valueQuantity": {"value": 100, "comparator": ">="}}', "≥100"),
        ('{"valueCodeableConcept": {"text": "阴性(-)", "coding": [{"code": "neg"}]}}', "阴性(-)"),
        ('{"valueString": "-"}', "-"),
        ('{"dataAbsentReason": {"text": "unknown"}}', ""),
        ('{"valueRange": {"low": {"value": 1.0}, "high": {"value": 3}}}', "1.0-3"),
        ('{"valueRange": {"high": {"value": 3}}}', "≤3"),
        ('{"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 320}}}', "1:320"),
        (
            '{"valueRatio": {"numerator": {"value": 5, "unit": "mg"}, "denominator": {"value": 2.0, "unit": "mL"}}}',
            "5 mg/2.0 mL",
        ),
        ('{"valuePeriod": {"start": "2026-01-01T16:30:00Z", "end": "2026-01-02"}}', "2026-01-02 00:30 → 2026-01-02"),
        ('{"valueDateTime": "2026-01-01T16:30:00Z"}', "2026-01-02 00:30"),
        ('{"valueBoolean": false}', "false"),
        ('{"valueSampledData": {"origin": {"value": 0}, "data": "1 2 E"}}', "1 2 E"),
    ],
)
def test_a_value_is_shown_as_stored(stored: str, shown: str) -> None:
    assert value_text(of(stored)) == shown


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ('{"referenceRange": [{"text": "<5.2", "high": {"value": 5.2}}]}', "<5.2"),
        ('{"referenceRange": [{"low": {"value": 3.50}, "high": {"value": 9.5}}]}', "3.50-9.5"),
        ('{"referenceRange": [{"high": {"value": 5.20}}]}', "≤5.20"),
        ('{"referenceRange": [{"low": {"value": 90}}]}', "≥90"),
        ('{"referenceRange": [{"low": {"value": 0}, "high": {"value": 5}}]}', "0-5"),
        ('{"referenceRange": [{"text": "阴性"}]}', "阴性"),
        ("{}", ""),
        (
            '{"referenceRange": [{"low": {"value": 130}, "appliesTo": [{"text": "男"}]},'
            ' {"low": {"value": 115}, "age": {"low": {"value": 18, "unit": "岁"}}}]}',
            "男: ≥130; ≥18 岁: ≥115",
        ),
        (
            '{"valueQuantity": {"value": 1.2, "unit": "mg/dL"},'
            ' "referenceRange": [{"low": {"value": 44, "unit": "umol/L"}, "high": {"value": 97, "unit": "umol/L"}}]}',
            "44-97 umol/L",
        ),
    ],
)
def test_a_range_is_that_of_the_laboratory(stored: str, shown: str) -> None:
    assert range_text(of(stored)) == shown


@pytest.mark.parametrize(
    ("code", "arrow", "critical"),
    [
        ("H", "↑", False),
        ("L", "↓", False),
        ("HH", "↑↑", True),
        ("LL", "↓↓", True),
        ("AA", "‼", True),
        ("A", "※", False),
    ],
)
def test_flags_have_arrows(code: str, arrow: str, critical: bool) -> None:
    flagged = {"interpretation": [{"coding": [{"system": INTERPRETATION, "code": code}]}]}
    shown = result(flagged, HERE)
    assert (shown.flag.arrow, shown.flag.critical, shown.flag.abnormal, shown.derived) == (arrow, critical, True, False)


def test_the_flag_of_the_source_wins_over_its_range() -> None:
    conflict = of('{"valueQuantity": {"value": 9}, "referenceRange": [{"high": {"value": 5}}]}')
    conflict["interpretation"] = [{"coding": [{"system": INTERPRETATION, "code": "N"}]}]
    assert result(conflict, HERE).flag.code == "N"


@pytest.mark.parametrize(("value", "flag"), [("3.4", "L"), ("3.5", "N"), ("5.3", "N"), ("5.31", "H")])
def test_without_a_flag_the_range_judges_and_says_so(value: str, flag: str) -> None:
    plain = of('{"referenceRange": [{"low": {"value": 3.5}, "high": {"value": 5.3}}]}')
    plain["valueQuantity"] = {"value": ExactDecimal(value)}
    shown = result(plain, HERE)
    assert (shown.flag.code, shown.derived) == (flag, True)


@pytest.mark.parametrize(
    ("limits", "flag"),
    [
        ('{"high": {"value": 0.04}, "text": "<0.04"}', "H"),
        ('{"high": {"value": 0.04}, "text": "＜0.04"}', "H"),
        ('{"low": {"value": 0.04}, "text": ">0.04"}', "L"),
        ('{"high": {"value": 0.04}, "text": "<=0.04"}', "N"),
        ('{"high": {"value": 0.04}, "text": "≤0.04"}', "N"),
        ('{"high": {"value": 0.03}}', "H"),
        ('{"low": {"value": 0.05}}', "L"),
    ],
)
def test_a_range_with_one_limit_judges_as_it_is_written(limits: str, flag: str) -> None:
    shown = result(of(f'{{"valueQuantity": {{"value": 0.04}}, "referenceRange": [{limits}]}}'), HERE)
    assert (shown.flag.code, shown.derived) == (flag, True)


@pytest.mark.parametrize(
    "stored",
    [
        '{"valueQuantity": {"value": 7}}',
        '{"valueQuantity": {"value": 0.5, "comparator": "<"}, "referenceRange": [{"low": {"value": 1}}]}',
        '{"valueString": "见描述"}',
        '{"interpretation": [{"coding": [{"system": "urn:other", "code": "H"}], "text": "?"}]}',
    ],
)
def test_what_cannot_be_judged_is_unknown_never_normal(stored: str) -> None:
    assert result(of(stored), HERE).flag.code == "unknown"


@pytest.mark.parametrize(
    "ranges",
    [
        '[{"low": {"value": 44, "unit": "umol/L"}}]',
        '[{"low": {"value": 4, "unit": "mg/dL"}}, {"low": {"value": 3, "unit": "mg/dL"}}]',
    ],
)
def test_a_range_in_another_unit_or_one_of_several_judges_nothing(ranges: str) -> None:
    shown = result(of(f'{{"valueQuantity": {{"value": 1.2, "unit": "mg/dL"}}, "referenceRange": {ranges}}}'), HERE)
    assert (shown.flag.code, shown.derived, shown.low) == ("unknown", False, None)


@pytest.mark.parametrize(
    ("stated", "flag", "said"),
    [
        ([{"text": "复查"}, {"coding": [{"system": INTERPRETATION, "code": "HH"}]}], "HH", ()),
        ([{"coding": [{"system": INTERPRETATION, "code": c}]} for c in ("A", "LL")], "LL", ()),
        ([{"coding": [{"system": INTERPRETATION, "code": "R", "display": "Resistant"}]}], "unknown", ("said.R",)),
        (
            [{"coding": [{"system": INTERPRETATION, "code": "R"}], "text": "耐药++"}, {"text": "2"}],
            "unknown",
            ("耐药++", "2"),
        ),
    ],
)
def test_the_gravest_flag_counts_and_words_of_the_source_stay(
    stated: list[Any], flag: str, said: tuple[str, ...]
) -> None:
    shown = result({"interpretation": stated}, HERE)
    assert (shown.flag.code, shown.said) == (flag, said)


def test_a_component_is_a_result_of_its_own() -> None:
    pressure = of(
        """{"id": "bp", "status": "preliminary", "code": {"text": "血压"},
        "effectivePeriod": {"start": "2026-03-01T08:00:00+08:00"}, "component": [
        {"code": {"text": "收缩压"}, "valueQuantity": {"value": 182, "unit": "mmHg"},
         "interpretation": [{"coding": [{"system": "SYSTEM", "code": "HH"}]}]},
        {"code": {"text": "舒张压"}, "dataAbsentReason": {"coding": [{"code": "error"}]}}]}""".replace(
            "SYSTEM", INTERPRETATION
        )
    )
    assert [(r.name, r.value, r.unit, r.flag.code, r.absent, r.mark, r.at[:10]) for r in results(pressure, HERE)] == [
        ("血压 · 收缩压", "182", "mmHg", "HH", "", "preliminary", "2026-03-01"),
        ("血压 · 舒张压", "", "", "unknown", "error", "preliminary", "2026-03-01"),
    ]


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        ({}, ["收缩压"]),
        ({"dataAbsentReason": {"text": "拒测"}}, ["", "收缩压"]),
        ({"interpretation": [{"coding": [{"system": INTERPRETATION, "code": "H"}]}]}, ["", "收缩压"]),
        ({"valueString": "偏高"}, ["", "收缩压"]),
    ],
)
def test_a_panel_has_a_line_of_its_own_where_it_says_something(own: dict[str, Any], lines: list[str]) -> None:
    part = {"code": {"text": "收缩压"}, "valueQuantity": {"value": 182}}
    assert [r.part for r in results({"component": [part], **own}, HERE)] == lines
