"""Which keys the tables of a field map have, and of what kind; `docs/adapters.md` explains them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hie.base.finding import CODES
from hie.base.text import LENGTHS
from hie.mapping.problem import Problem, meant
from hie.mapping.toml import Table

Kinds = tuple[type, ...]

TEXT: Kinds = (str,)
LIST: Kinds = (list,)
FLAG: Kinds = (bool,)
NUMBER: Kinds = (int,)
TABLE: Kinds = (dict,)
PATHS: Kinds = (str, list)
CONDITION: Kinds = (dict, list)
SWITCH: Kinds = (bool, dict, list)
SPEC: Kinds = (str, list, dict)
ANY: Kinds = (str, int, float, bool, list, dict)

_NOTES: dict[str, Kinds] = {"note": TEXT, "clause": TEXT, "example": TEXT}

VALUE_KEYS: dict[str, Kinds] = {
    "source": PATHS,
    "parts": LIST,
    "transform": TEXT,
    "options": TABLE,
    "default": ANY,
    "limit": TEXT,
    "all": FLAG,
    "always": FLAG,
}
"""Keys of everything that reads a value: fields, parts of keys and of order keys, event times."""

PART_KEYS: Mapping[str, Kinds] = {**VALUE_KEYS, "block": TEXT, "text": TEXT, "ordinal": FLAG, "optional": FLAG}
"""Keys of one part of the value of a key."""

KEY_KEYS: Mapping[str, Kinds] = {"kind": TEXT, "value": SPEC, "join": TEXT, "required": TEXT}
"""Keys of a natural key, or of one of several alternatives."""

CONDITION_KEYS: Mapping[str, Kinds] = {"source": PATHS, "absent": TEXT, "in": LIST, "not_in": LIST, "types": LIST}
"""Keys of a condition."""

CREATES_KEYS: Mapping[str, Kinds] = {"finding": TEXT, "when": CONDITION}
"""Keys of `creates` as a table."""

TEXTS = frozenset({"types", "include", "needs", "ignore", "in", "not_in", "together"})
"""Lists that hold text only."""

FILLED = frozenset({"types", "order", "in", "not_in", "any", "when", "key"})
"""Lists that mean nothing when they are empty."""

EMPTY = frozenset({"join", "text", "default", "constant", "finding", "note", "clause", "example"})
"""Keys whose text may be empty."""

WAYS: Mapping[str, frozenset[str]] = {
    way: frozenset({"source", "parts", "codes", "transform", "constant", "own", "reference"} - {way})
    for way in ("constant", "own", "reference")
}
"""How a field gets its value without reading one -> the keys that would say something else."""

INCLUDED = "map of an included file"
"""The `[map]` of a file that only others include, under its own name in `TABLES`."""

TABLES: Mapping[str, Mapping[str, Kinds]] = {
    "map": {
        **_NOTES,
        "feed": TEXT,
        "dialect": TEXT,
        "types": LIST,
        "include": LIST,
        "order": LIST,
        "needs": LIST,
        "label": LIST,
        "ignore": LIST,
    },
    INCLUDED: {**_NOTES, "ignore": LIST},
    "key": {
        **_NOTES,
        "name": TEXT,
        "type": TEXT,
        "kind": TEXT,
        "value": SPEC,
        "join": TEXT,
        "any": LIST,
        "required": TEXT,
        "need": SWITCH,
        "types": LIST,
        "when": CONDITION,
    },
    "claim": {
        **_NOTES,
        **VALUE_KEYS,
        "about": TEXT,
        "element": TEXT,
        "finding": TEXT,
        "equals": LIST,
        "differs": LIST,
        "subject": FLAG,
        "types": LIST,
        "when": CONDITION,
    },
    "binary": {
        **_NOTES,
        "name": TEXT,
        "kind": TEXT,
        "value": SPEC,
        "join": TEXT,
        "content_type": TEXT,
        "types": LIST,
        "when": CONDITION,
    },
    "merge": {**_NOTES, "target": TEXT, "prior": TEXT, "types": LIST, "when": CONDITION},
    "alias": {
        **_NOTES,
        "of": TEXT,
        "kind": TEXT,
        "value": SPEC,
        "join": TEXT,
        "together": LIST,
        "types": LIST,
        "when": CONDITION,
    },
    "resource": {
        **_NOTES,
        "name": TEXT,
        "type": TEXT,
        "key": CONDITION,
        "context": TEXT,
        "types": LIST,
        "when": CONDITION,
        "order": LIST,
        "tier": NUMBER,
        "seed": SWITCH,
        "only_new": SWITCH,
        "complete": SWITCH,
        "correcting": SWITCH,
        "revoke": SWITCH,
        "withdraw": SWITCH,
        "exists": SWITCH,
        "document": SPEC,
        "digest": (bool, str),
        "subject": TEXT,
        "encounter": TEXT,
        "parent": TEXT,
        "root": TEXT,
        "listed": TEXT,
        "gone": SWITCH,
        "adds": FLAG,
        "creates": (str, dict),
        "deletes": FLAG,
        "field": LIST,
        "event": LIST,
    },
    "resource.field": {
        **_NOTES,
        **VALUE_KEYS,
        "name": PATHS,
        "target": TEXT,
        "codes": TEXT,
        "form": TEXT,
        "required": TEXT,
        "types": LIST,
        "when": CONDITION,
        "constant": ANY,
        "on_root": FLAG,
        "reference": TEXT,
        "choice": TEXT,
        "item": TABLE,
        "own": FLAG,
        "deletes": FLAG,
        "url": TEXT,
    },
    "resource.event": {
        **_NOTES,
        "code": TEXT,
        "types": LIST,
        "when": CONDITION,
        "at": SPEC,
        "location": SPEC,
    },
}
"""Header -> key -> kinds of value it may have."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "map": ("feed", "dialect", "types", "order"),
    INCLUDED: (),
    "key": ("name", "type"),
    "alias": ("of", "kind", "value"),
    "binary": ("name", "kind", "value", "content_type"),
    "claim": ("about", "element", "finding"),
    "merge": ("target", "prior"),
    "resource": ("type", "key"),
    "resource.field": (),
    "resource.event": ("code",),
}
"""Header -> keys that must be there."""

EVENTS = frozenset(
    {
        "admit",
        "register",
        "preadmit",
        "transfer",
        "cancel-transfer",
        "discharge",
        "cancel-discharge",
        "cancel",
        "to-inpatient",
        "to-outpatient",
    }
)
"""Codes of `hie.base.draft.Event`."""

FORMS = frozenset({"concept", "coding", "code"})
"""What a field with `codes` becomes: a CodeableConcept, a Coding, a code with its source-coding extension."""

SEVERAL = "*"
"""The target of a field whose transform states several slots at once, as a mapping."""

VALUE = "{value}"
"""In the `item` of a field: where the value goes."""

TARGET = re.compile(
    r"_?[a-z][A-Za-z]*(?:\._?[a-z][A-Za-z]*)*(?:(?:\[x\]|\[\])(?:#(?:[A-Za-z0-9_:-]+|\d+(?:\.\d+)+|\{id\})+)?|#default)?\+?"
)
"""The form of a slot (`hie.base.draft`)."""

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
    if not holds_value(table.get("item")):
        yield f"'item' must say with {VALUE!r} where the value goes"
    if "[]" not in str(table.get("target", "")):
        yield "'item' makes an item of a repeating element: the target must have []"
    for other in sorted({"choice", "constant", "url"} & table.data.keys()):
        yield f"a field has either 'item' or {other!r}"
    if table.get("form") == "code":
        yield "'item' has no place for the source code that belongs to a 'code'"


def holds_value(item: Any) -> bool:
    """Whether the place of the value is in an `item`, or in a part of it."""
    parts = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return bool(item == VALUE) or any(holds_value(part) for part in parts)


def _is(value: Any, kinds: Kinds) -> bool:
    if isinstance(value, bool) and bool not in kinds:
        return False
    return isinstance(value, kinds)


def _kinds(kinds: Kinds) -> str:
    names = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a number", float: "a number"}
    return " or ".join(dict.fromkeys(names[kind] for kind in kinds))
