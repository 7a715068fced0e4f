"""The shape of a value: what people who look at quality may see of it."""

import unicodedata

LONGEST = 40
"""Characters of a shape that are shown."""


def shape(value: str) -> str:
    """What a value looks like: every digit `9`, every letter `x`, every ideograph `某`; signs and blanks stay.

    `1968-13-41` and any other wrong date with that many digits look the same.
    """
    shown = "".join(_mark(letter) for letter in value[:LONGEST])
    return f"{shown}…" if len(value) > LONGEST else shown


def _mark(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind[0] == "N":
        return "9"
    if kind == "Lo":
        return "某"
    return "x" if kind[0] in "LMC" else letter
