"""Each primitive type with values that are and are not of it."""

import pytest

from hie.fhir.validate.primitives import CHECKS, FORMS
from hie.wire.safejson import ExactDecimal

GOOD = {
    "base64Binary": ["QUJD", "QUI=", "QU JD\n"],
    "boolean": [True, False],
    "canonical": ["http://x.org/a|1.0"],
    "code": ["final", "a b"],
    "date": ["2024", "2024-02", "2024-02-29", "2000-02-29", "1900-12-31"],
    "dateTime": ["2024-02-29T23:59:60Z", "2024-02-29T00:00:00.123+08:00", "2024-12"],
    "decimal": [1, 0.5, ExactDecimal("1.10")],
    "id": ["a.b-C9", "x" * 64],
    "instant": ["2024-01-01T00:00:00Z"],
    "integer": [-2147483648, 2147483647],
    "markdown": ["# x\n\ty"],
    "oid": ["urn:oid:1.2.156"],
    "positiveInt": [1],
    "string": ["张三", " x "],
    "time": ["23:59:59"],
    "unsignedInt": [0],
    "uri": ["urn:x", "a/b"],
    "url": ["http://x.org"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ["<div/>"],
}
BAD = {
    "base64Binary": ["", "QUJ", "QU%D", 7],
    "boolean": ["true", 1, None],
    "canonical": ["a b", ""],
    "code": [" final", "a  b", "", "a\tb\t"],
    "date": ["2023-02-29", "2023-02-30", "2024-04-31", "1900-02-29", "0000", "2024-13", "2024-1-1", 2024],
    "dateTime": ["2024-01-01T00:00:00", "2024-01-01T00:00Z", "2024-01-01T24:00:00Z", "2024-02-30T00:00:00Z"],
    "decimal": ["7", "1.0", True, None],
    "id": ["", "x" * 65, "a_b", "a b"],
    "instant": ["2024-01-01", "2024-01-01T00:00:00", "2023-02-29T00:00:00Z"],
    "integer": [2147483648, -2147483649, 1.0, "1", True],
    "markdown": [""],
    "oid": ["1.2.156", "urn:oid:3.1", "urn:oid:1.02"],
    "positiveInt": [0, -1],
    "string": ["", "a\x00b", 7],
    "time": ["24:00:00", "12:00", "12:00:00Z"],
    "unsignedInt": [-1],
    "uri": ["", "a b"],
    "url": ["a b"],
    "uuid": ["c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": [""],
}


@pytest.mark.parametrize("kind", sorted(CHECKS))
def test_values_of_the_type(kind: str) -> None:
    assert [value for value in GOOD[kind] if not CHECKS[kind](value)] == []


@pytest.mark.parametrize("kind", sorted(CHECKS))
def test_values_that_are_not_of_the_type(kind: str) -> None:
    assert [value for value in BAD[kind] if CHECKS[kind](value)] == []


def test_every_type_has_a_sentence() -> None:
    assert FORMS.keys() == CHECKS.keys()
