"""Regular expressions that can take for ever."""

import pytest

from hie.base.pattern import explodes


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(a+)+", True),
        ("((a+))+", True),
        ("(?:(?:a+)b?)*", True),
        ("(?P<x>a|aa){2,}", True),
        (r"(\(a*)+", True),
        ("(a?)*?", True),
        ("([A-Z]{1,3})+", True),
        ("[0-9]+(\\.[0-9]+)?", False),
        ("(LP|MTHU)[0-9]+", False),
        ("(ab{2})+", False),
        ("([A-Z]{2})+", False),
        (r"([(*+|)\]])+", False),
        (r"(\*\|)+", False),
        ("[A-Z]([A-Za-z0-9_]){0,254}", False),
        ("a)(+", False),
        ("", False),
    ],
)
def test_a_pattern_that_can_take_for_ever_is_known(pattern: str, expected: bool) -> None:
    assert explodes(pattern) is expected
