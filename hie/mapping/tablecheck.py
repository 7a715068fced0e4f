"""What is wrong with one table of a field map by itself, held against `hie.mapping.schema`."""

from collections.abc import Iterable, Mapping
from typing import Any

from hie.base.finding import CODES
from hie.base.text import LENGTHS
from hie.mapping.problem import Problem, meant
from hie.mapping.schema import (
    EMPTY,
    FILLED,
    FORMS,
    INCLUDED,
    NEEDED,
    SEVERAL,
    TABLES,
    TARGET,
    TEXTS,
    VALUE,
    WAYS,
    Kinds,
)
from hie.mapping.toml import Table

_SLOTS = ": birthDate, period.start, value[x], name[], identifier[]#card; 'item' leads into a repeating one"


def check_table(header: str, table: Table) -> list[Problem]:
    """What is wrong with the keys of one table, without looking at what they refer to."""
    known = TABLES[header]
    elsewhere = "; it counts in the map that includes it" if header == INCLUDED else ""
    found = [
        table.problem(f"[{header}] has no key {key!r}{elsewhere if key in TABLES['map'] else meant(key, known)}", key)
        for key in table.data
        if key not in known
    ]
    found += [
        table.problem(f"{key!r} {reason}", key)
        for key, value in table.data.items()
        if key in known and (reason := _unfit(key, value, known[key]))
    ]
    found += [table.problem(f"[{header}] needs {key!r}") for key in NEEDED[header] if key not in table.data]
    for way in WAYS.keys() & table.data.keys() if header == "resource.field" else ():
        for other in sorted(WAYS[way] & table.data.keys()):
            found.append(table.problem(f"a field has either {way!r} or {other!r}", other))
    if header == "resource.field" and "target" not in table.data and "transform" not in table.data:
        found.append(table.problem("a field needs 'target', or 'transform' when it only checks"))
    return found + list(_values(table))


def check_inline(data: Mapping[str, Any], known: Mapping[str, Kinds], table: Table, key: str) -> list[Problem]:
    """What is wrong with the keys of a table that is written as the value of `key`, or in it."""
    there = f"; it has {', '.join(sorted(known))}"
    reasons = [f"unknown key {name!r} in {key!r}{meant(name, known) or there}" for name in data if name not in known]
    reasons += [
        f"{name!r} in {key!r} {reason}"
        for name, value in data.items()
        if name in known and (reason := _unfit(name, value, known[name]))
    ]
    return [table.problem(reason, key) for reason in reasons]


def _unfit(key: str, value: Any, kinds: Kinds) -> str:
    """What is wrong with the value of a key by itself; empty when nothing is."""
    if not _is(value, kinds):
        return f"must be {_kinds(kinds)}{': write [[ ]] around its header' if key in ('field', 'event') else ''}"
    if key in TEXTS and isinstance(value, list) and not all(isinstance(item, str) for item in value):
        return "must be a list of texts"
    if key in FILLED and value == []:
        return "is an empty list"
    if key not in EMPTY and isinstance(value, str) and not value.strip():
        return "is an empty text: leave it out"
    if key == "limit" and value not in LENGTHS:
        return f"must be one of {sorted(LENGTHS)}"
    return ""


def _values(table: Table) -> Iterable[Problem]:
    target = table.get("target")
    if isinstance(target, str) and target != SEVERAL and not TARGET.fullmatch(target):
        yield table.problem(f"{target!r} is no slot{_SLOTS}", "target")
    for key in ("required", "finding", "creates"):
        if isinstance(table.get(key), str) and table.get(key) not in CODES:
            yield table.problem(f"{table.get(key)!r} is no finding code{meant(str(table.get(key)), CODES)}", key)
    if isinstance(table.get("item"), dict):
        yield from (table.problem(reason, "item") for reason in _unfit_item(table))
    if table.get("form", "code") not in FORMS:
        yield table.problem(f"'form' must be one of {sorted(FORMS)}", "form")


def _unfit_item(table: Table) -> Iterable[str]:
    """What is wrong with `item`, apart from the elements it names."""
    if not _holds_value(table.get("item")):
        yield f"'item' must say with {VALUE!r} where the value goes"
    if "[]" not in str(table.get("target", "")):
        yield "'item' makes an item of a repeating element: the target must have []"
    for other in sorted({"choice", "constant", "url"} & table.data.keys()):
        yield f"a field has either 'item' or {other!r}"
    if table.get("form") == "code":
        yield "'item' has no place for the source code that belongs to a 'code'"


def _holds_value(item: Any) -> bool:
    """Whether the place of the value is in an `item`, or in a part of it."""
    parts = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return bool(item == VALUE) or any(_holds_value(part) for part in parts)


def _is(value: Any, kinds: Kinds) -> bool:
    if isinstance(value, bool) and bool not in kinds:
        return False
    return isinstance(value, kinds)


def _kinds(kinds: Kinds) -> str:
    names = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a number", float: "a number"}
    return " or ".join(dict.fromkeys(names[kind] for kind in kinds))
