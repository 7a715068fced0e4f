"""Cases: which of several sources are filled, and with what; whether a condition holds in each of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

Case = Mapping[str, str]
"""Source path -> its first value; empty when there is none, `OTHER` for one that no condition names."""

Condition = Mapping[str, Any]
"""`{source}`, `{source, in}`, `{source, not_in}` or `{absent}`, as in a field map."""

OTHER = "\x00"
"""A value that no condition names."""

_MOST = 4096
"""Cases that are looked at; where there are more, nothing is said."""

_NODE = "node:"


def conditions(spec: Any) -> tuple[Condition, ...]:
    """The conditions of a `when` about what is sent, all of which must hold; those about record types are left out."""
    several = spec if isinstance(spec, list) else [spec]
    return tuple(one for one in several if isinstance(one, dict) and one.keys() & {"source", "absent"})


def paths(source: Any) -> tuple[str, ...]:
    """The paths of a source, of which the first with data counts; `A|B` are two, `node:` is no part of a path."""
    several = source if isinstance(source, list) else [source]
    parts = (str(one).split("|") if "[" not in str(one) else [str(one)] for one in several)
    return tuple(part.strip().removeprefix(_NODE) for each in parts for part in each)


def open_case(ways: Sequence[Sequence[Condition]], premises: Sequence[Condition]) -> Case | None:
    """A case in which the premises hold and none of the ways does, by the paths of the ways; None: no such case."""
    asked = _values(one for way in ways for one in way if one not in premises)
    values = _values([*premises, *(one for way in ways for one in way)])
    size = 1
    for some in values.values():
        size *= len(some)
    if size > _MOST:
        return None
    for case in _cases(values):
        if _all_hold(premises, case) and not any(_all_hold(way, case) for way in ways):
            return {path: value for path, value in case.items() if path in asked}
    return None


def in_words(case: Case) -> str:
    """A case for people: `PV1-2.1 is empty and OBX-2.1 is 'NM'`; anything else is said when there is nothing to say."""
    said = [f"{path} is {repr(value) if value else 'empty'}" for path, value in case.items() if value != OTHER]
    other = [f"{path} is something else" for path, value in case.items() if value == OTHER]
    return " and ".join(said or other)


def _values(known: Iterable[Condition]) -> dict[str, list[str]]:
    """The values of each path that make a difference."""
    found: dict[str, list[str]] = {}
    for one in known:
        for path in paths(one.get("source", one.get("absent"))):
            some = found.setdefault(path, ["", OTHER])
            some += [str(v) for v in (*one.get("in", ()), *one.get("not_in", ())) if str(v) not in some]
    return found


def _cases(values: Mapping[str, Sequence[str]]) -> Iterator[Case]:
    """Every case that can be: a part (`PID-5.1`, `code/@code`) has no value where the whole has none."""
    within = [(part, whole) for part in values for whole in values if part.startswith((f"{whole}.", f"{whole}/"))]
    for chosen in product(*values.values()):
        case = dict(zip(values, chosen, strict=True))
        if all(case[whole] or not case[part] for part, whole in within):
            yield case


def _all_hold(way: Iterable[Condition], case: Case) -> bool:
    return all(_holds(one, case) for one in way)


def _holds(one: Condition, case: Case) -> bool:
    if "absent" in one:
        return not any(case[path] for path in paths(one["absent"]))
    value = next((case[path] for path in paths(one["source"]) if case[path]), "")
    if "in" in one:
        return value in one["in"]
    return value not in one["not_in"] if "not_in" in one else bool(value)
