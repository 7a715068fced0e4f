"""The form of codes: what can be said of a code when its code system is not at hand."""

import re
from collections.abc import Callable, Mapping

from hie.base.systems import LOINC
from hie.fhir.ucum import UCUM, parse_unit

_LOINC = re.compile(r"(\d{1,7})-(\d)|L[AP]\d{1,7}-\d")
"""Terms; answers and parts begin with LA and LP and have another kind of check digit."""
_ICD_10 = re.compile(r"[A-Z]\d{2}(?:\.\d{1,2})?")
_ICD_10_CN = re.compile(r"[A-Z]\d{2}(?:\.[\dx]\d{2}(?:[+*]?|x\d{3}))?(?:/\d)?|M\d{5}/\d")
_ICD_9_CM_3 = re.compile(r"\d{2}(?:\.\d{1,2}(?:\d{2}|x\d{3})?)?")
_ATC = re.compile(r"[A-V](?:\d{2}(?:[A-Z](?:[A-Z](?:\d{2})?)?)?)?")


def loinc(code: str) -> str | None:
    """What is wrong with a LOINC code: its form, or its check digit (modulus 10, LOINC Users' Guide appendix C)."""
    found = _LOINC.fullmatch(code)
    if found is None:
        return "is no LOINC code: digits, a hyphen and a check digit"
    if not found[1]:
        return None
    expected = check_digit(found[1])
    return None if found[2] == expected else f"is no LOINC code: its check digit would be {expected}"


def check_digit(digits: str) -> str:
    """The modulus 10 check digit: every other digit from the right is doubled, the digits of all are added."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def _form(pattern: re.Pattern[str], words: str) -> Callable[[str], str | None]:
    return lambda code: None if pattern.fullmatch(code) else f"is no code of {words}"


def _unit(code: str) -> str | None:
    return None if parse_unit(code) is not None else "is no unit of UCUM, such as mmol/L, 10*9/L or mm[Hg]"


SHAPES: Mapping[str, Callable[[str], str | None]] = {
    LOINC: loinc,
    "http://hl7.org/fhir/sid/icd-10": _form(_ICD_10, "ICD-10, such as E11.9"),
    "urn:oid:2.16.156.10011.2.3.3.11": _form(_ICD_10_CN, "ICD-10 as in GB/T 14396, such as E11.900 or I10.x05"),
    "urn:oid:2.16.156.10011.2.3.3.12": _form(_ICD_9_CM_3, "ICD-9-CM-3, such as 47.01"),
    UCUM: _unit,
    "http://www.whocc.no/atc": _form(_ATC, "the ATC classification, such as A10BA02"),
}
"""Code system -> what is wrong with the form of a code, None when nothing is."""


def misshapen(system: str, code: str) -> str | None:
    """What is wrong with the form of a code; None when nothing is, or nothing is known of the code system."""
    judge = SHAPES.get(system)
    return None if judge is None else judge(code)
