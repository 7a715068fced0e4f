"""Samples for people who look at quality: the shape of a value, never the value."""

import re
import unicodedata
from typing import Any

from hie.mapping.dialects.registry import DIALECTS

LONGEST = 40
"""Characters of a shape that are shown."""

_INDEX = re.compile(r"\[(\d+)\]")
_FIELD = re.compile(r"[A-Z][A-Z0-9]{2}-\d+")


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


def shape_at(dialect: str, tree: Any, path: str) -> str:
    """The shape of the value that a finding at `path` (`OBX[2]-5`, `CSRQ`) is about; empty for one without value, or
    where the path is for people only."""
    if tree is None or dialect not in DIALECTS:
        return ""
    place = _INDEX.sub("", path)
    number = _INDEX.search(path)
    try:
        values = DIALECTS[dialect].compile_path(f"{place}:text" if _FIELD.fullmatch(place) else place)(tree)
    except ValueError:
        return ""
    index = int(number[1]) - 1 if number and len(values) >= int(number[1]) else 0
    found = values[index] if len(values) > index else None
    return shape(found) if isinstance(found, str) else ""
