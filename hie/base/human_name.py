"""The name of a person as it is written (FHIR R4 HumanName), for whoever shows or compares it."""

from collections.abc import Mapping
from typing import Any

from hie.base.text import is_han, whole_name

_USES: Mapping[str, int] = {"official": 0, "usual": 1, "temp": 3, "nickname": 4, "anonymous": 4, "maiden": 5, "old": 6}
"""HumanName.use -> which name goes first; one without a use stands behind the usual one."""

_ENDED = 7


def name_in_use(patient: Mapping[str, Any]) -> str:
    """The name in use, the official one first and those that have ended last: its text, else family and given in the
    order of their script; empty when there is none. Tolerates a resource of any shape."""
    names = patient.get("name")
    found = [one for one in names if isinstance(one, dict)] if isinstance(names, list) else []
    return _written(min(found, key=_rank)) if found else ""


def _rank(name: Mapping[str, Any]) -> int:
    period = name.get("period")
    ended = isinstance(period, dict) and bool(period.get("end"))
    return _ENDED if ended else _USES.get(str(name.get("use")), 2)


def _written(name: Mapping[str, Any]) -> str:
    family, given = str(name.get("family") or ""), name.get("given")
    parts = [str(part) for part in given if part] if isinstance(given, list) else []
    ordered = (family, *parts) if is_han("".join((family, *parts))) else (*parts, family)
    return whole_name(str(name.get("text") or " ".join(ordered)))
