"""The Chinese national id number (居民身份证号): shape, check digit, and what its digits say (GB 11643).

Nothing here is derived into a record: birth date and gender of the number are only compared with what was sent
(common rules §4.1).
"""

import re
from dataclasses import dataclass

_SHAPE = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_LEGACY = re.compile(r"[0-9]{15}", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


@dataclass(frozen=True, slots=True)
class NationalId:
    """An 18-character number with a right check digit: `birth_date` as `YYYY-MM-DD`, `gender` male or female."""

    birth_date: str
    gender: str


def check_digit(body: str) -> str:
    """The 18th character for the first 17 digits (weights of ISO 7064 MOD 11-2)."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def is_valid(number: str) -> bool:
    """Whether `number` (ASCII, upper case) has 18 characters and the right check digit."""
    return _SHAPE.fullmatch(number) is not None and check_digit(number[:17]) == number[17]


def is_legacy(number: str) -> bool:
    """Whether `number` has the 15-digit form that was issued before 1999 and has no check digit."""
    return _LEGACY.fullmatch(number) is not None


def has_shape(number: str) -> bool:
    """Whether `number` is 17 digits and a digit or X, whatever its check digit."""
    return _SHAPE.fullmatch(number) is not None


def read(number: str) -> NationalId | None:
    """What the digits of a valid number say; None for any other text."""
    if not is_valid(number):
        return None
    birth_date = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    return NationalId(birth_date, "male" if int(number[16]) % 2 else "female")
