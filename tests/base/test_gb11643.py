"""Check digits of the national id (GB 11643) and of the social credit code (GB 32100)."""

import pytest

from hie.base import gb11643, gb32100


@pytest.mark.parametrize(
    ("body", "digit"), [("11010519491231002", "X"), ("42010620110101191", "7"), ("31019819511111525", "4")]
)
def test_check_digit(body: str, digit: str) -> None:
    assert gb11643.check_digit(body) == digit


def test_a_valid_number_tells_birth_date_and_gender() -> None:
    assert gb11643.read("11010519491231002X") == gb11643.NationalId("1949-12-31", "female")
    assert gb11643.read("310198195111115254") == gb11643.NationalId("1951-11-11", "male")
    assert gb11643.read("420106201101011919") is None
    assert gb11643.read("11010519491231002x") is None


@pytest.mark.parametrize("code", ["12310118MBHE03010J", "12310118MBHE03029F", "12360000491015900T"])
def test_social_credit_code(code: str) -> None:
    assert gb32100.is_valid(code)
    assert not gb32100.is_valid(code[:-1] + ("0" if code[-1] != "0" else "1"))
    assert not gb32100.is_valid(code[:-1])
    assert not gb32100.is_valid("I" + code[1:])
