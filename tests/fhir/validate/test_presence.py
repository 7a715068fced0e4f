"""What presence alone decides about an invariant."""

import pytest

from hie.fhir.path.parser import parse
from hie.fhir.validate.presence import decide

CASES = [
    ("a.exists()", {"a"}, True),
    ("a.exists()", set(), False),
    ("a.empty()", set(), True),
    ("a.b.exists()", {"a"}, None),
    ("a.b.exists()", set(), False),
    ("a.where(x = 1).empty()", set(), True),
    ("a.where(x = 1).empty()", {"a"}, None),
    ("a.exists() or b.exists()", {"b"}, True),
    ("a.exists() and b.exists()", {"b"}, False),
    ("a.exists() xor b.exists()", {"a", "b"}, False),
    ("a.exists() implies b.c = 1", set(), True),
    ("a.exists() implies b.c = 1", {"a", "b"}, None),
    ("a.exists() = b.exists()", set(), True),
    ("a.exists() != b.exists()", {"a"}, True),
    ("a.empty().not()", {"a"}, True),
    ("(a | b).exists()", {"b"}, True),
    ("T.a.exists()", {"a"}, True),
    ("a = 'x'", set(), None),
    ("a.hasValue()", {"a"}, True),
]


@pytest.mark.parametrize(("expression", "names", "expected"), CASES)
def test_what_the_names_of_members_decide_is_known_without_walking(
    expression: str, names: set[str], expected: bool | None
) -> None:
    assert decide(parse(expression), "T", names, names) is expected


def test_an_element_with_extensions_alone_exists_without_value() -> None:
    assert decide(parse("a.exists()"), "T", {"a"}, set()) is True
    assert decide(parse("a.hasValue()"), "T", {"a"}, set()) is False
