"""Samples for people who look at quality: the shape of a value, never the value."""

import re
from typing import Any

from hie.base.shape import shape
from hie.mapping.dialects.registry import DIALECTS

_INDEX = re.compile(r"\[(\d+)\]")
_FIELD = re.compile(r"[A-Z][A-Z0-9]{2}-\d+")


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
