"""The resident identity number: shape, check digit, and what it says about its holder (GB 11643)."""

import re
from operator import mul

_SHAPE = re.compile(r"\d{17}[\dX]", re.ASCII)
_LEGACY = re.compile(r"\d{15}", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_DIGITS = "10X98765432"
"""Every check digit, by the remainder that gives it."""


def is_national_id(number: str) -> bool:
    """Whether `number` (18 characters, upper case) has the right shape and check digit (GB 11643, ISO 7064 MOD 11-2).

    Digits 1-6 (the county) are not checked (common rules §4.1).
    """
    if not _SHAPE.fullmatch(number):
        return False
    return check_digit(number[:17]) == number[17]


def check_digit(digits: str) -> str:
    """The eighteenth character for 17 digits: `0` to `9` or `X` (ISO 7064 MOD 11-2)."""
    return CHECK_DIGITS[sum(map(mul, map(int, digits), _WEIGHTS)) % 11]


def is_legacy(number: str) -> bool:
    """Whether `number` has the 15-digit form issued before 1999, which has no check digit."""
    return _LEGACY.fullmatch(number) is not None


def birth_date(number: str) -> str:
    """`YYYY-MM-DD` of digits 7-14 of a number for which `is_national_id` holds."""
    return f"{number[6:10]}-{number[10:12]}-{number[12:14]}"


def gender(number: str) -> str:
    """`male` or `female` by digit 17 (odd is male) of a number for which `is_national_id` holds."""
    return "male" if int(number[16]) % 2 else "female"
