"""Which keys the tables of a field map have, and of what kind; `docs/adapters.md` explains them."""

import re
from collections.abc import Mapping

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
