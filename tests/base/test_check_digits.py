"""Check digits of the national id (GB 11643) and of the social credit code (GB 32100)."""

import pytest

from hie.base import gb32100, national_id


@pytest.mark.parametrize("number", ["11010519491231002X", "420106201101011917", "310198195111115254"])
def test_a_national_id_with_another_last_character_is_none(number: str) -> None:
    assert national_id.is_national_id(number)
    assert not national_id.is_national_id(number[:-1] + ("1" if number[-1] != "1" else "2"))
    assert not national_id.is_national_id(number[:-1])


def test_a_valid_number_tells_birth_date_and_gender() -> None:
    assert national_id.birth_date("11010519491231002X") == "1949-12-31"
    assert national_id.gender("11010519491231002X") == "female"
    assert national_id.gender("310198195111115254") == "male"


def test_the_old_form_has_15_digits() -> None:
    assert national_id.is_legacy("310198511111525")
    assert not national_id.is_legacy("31019851111152")


@pytest.mark.parametrize("code", ["12310118MBHE03010J", "12310118MBHE03029F", "12360000491015900T"])
def test_social_credit_code(code: str) -> None:
    assert gb32100.is_valid(code)
    assert not gb32100.is_valid(code[:-1] + ("0" if code[-1] != "0" else "1"))
    assert not gb32100.is_valid(code[:-1])
    assert not gb32100.is_valid("I" + code[1:])
