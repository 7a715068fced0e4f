"""Values, ranges and flags: as written, the source first."""

from typing import Any

import pytest

from hie.browse.place import Place
from hie.browse.result import INTERPRETATION, range_text, result, value_text
from hie.wire.safejson import ExactDecimal, loads

HERE = Place("wujiang", "■", "12320509MBHE01015B", "吴江区第一人民医院")


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
