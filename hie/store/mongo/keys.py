"""Entries -> the index fields of a resource's document, and the keys that searches look for in them.

The array `k` holds one string per fact that is compared for equality or by its beginning. Each begins with the code of
the search parameter and one control character that says what follows, so one multikey index (`k`, `t`, `n`) serves
them all, in order of the paging number `n`:

| mark | after it |
|---|---|
| 1 | code of a token |
| 2 | system, NUL, code of a token |
| 3 | folded text of a token |
| 4 | target of a reference (`Patient/1` or a URL), then NUL and a version, if it has one |
| 5 | id of the Patient in whose compartment the resource is (no parameter in front) |
| 6 | URI |
| 7 | nothing: the parameter has an entry that none of the others shows |
| 8 | nothing: the parameter has a range that is wide |

What is compared by range lies in arrays of small documents: `s` strings, `d` dates, `q` numbers and quantities, `g`
positions; their `p` is `type.parameter`. `c` holds the tuples of composites, `m` the latest value of the type's main
date, by which charts are read, `f` the first value of its main string, by which lists of people and places are.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from hie.search.entries import Entries

CODE, TOKEN, TEXT, REFERENCE, COMPARTMENT, URI, OTHER = "\x01", "\x02", "\x03", "\x04", "\x05", "\x06", "\x07"
WIDE = "\x08"
BEYOND = WIDE
"""Sorts after every mark."""

LAST = "\U0010ffff"
"""Sorts after every text that continues a prefix."""

IDENTIFIER = ":identifier"
"""Logical identifiers of references are tokens of the parameter with this behind its code."""

OF_TYPE = ":of-type"
"""Typed identifiers are tokens of the parameter with this behind its code, system `type system|type code`."""

DAY = 86_400_000_000
"""Microseconds."""

Document = dict[str, Any]


def key(code: str, mark: str, *values: str) -> str:
    """One key of `k`. NUL separates its values, so it is replaced in them, here and in searches alike."""
    if "\x00" in "".join(values):
        values = tuple(value.replace("\x00", "\ufffd") for value in values)
    return code + mark + "\x00".join(values)


def name(resource_type: str, resource_id: str) -> str:
    """What a resource is called in references and as `_id` of its document: `Patient/1`."""
    return f"{resource_type}/{resource_id}"


MAIN_DATES = {
    "Condition": "onset-date",
    "MedicationRequest": "authoredon",
    "ServiceRequest": "authored",
    "Patient": "birthdate",
}
"""Type -> the date that its resources are read by, newest first; `date` for all others."""


def main_date(resource_type: str) -> str:
    """The parameter whose latest value is in `m`."""
    return MAIN_DATES.get(resource_type, "date")


MAIN_STRINGS = {"Patient": "family", "Practitioner": "family", "Organization": "name", "Location": "name"}
"""Type -> the string that its resources are listed by."""


def index_fields(resource_type: str, entries: Entries) -> Document:
    """The fields `k`, `s`, `d`, `q`, `g`, `c`, `m` and `f` of a document; empty ones are left out."""
    fields: Document = {"k": list(dict.fromkeys(_keys(entries)))}
    if entries.string:
        fields["s"] = [{"p": f"{resource_type}.{e[0]}", **_string(e)} for e in dict.fromkeys(entries.string)]
    dates = [e for e in dict.fromkeys(entries.date) if e[0][0] != "_"]
    if dates:
        fields["d"] = [{"p": f"{resource_type}.{e[0]}", **_range(e)} for e in dates]
    if entries.number or entries.quantity:
        numbers = [{"p": f"{resource_type}.{e[0]}", **_range(e)} for e in dict.fromkeys(entries.number)]
        quantities = [{"p": f"{resource_type}.{e[0]}", **_quantity(e)} for e in dict.fromkeys(entries.quantity)]
        fields["q"] = numbers + quantities
    if entries.near:
        fields["g"] = [{"p": code, "a": latitude, "o": longitude} for code, latitude, longitude in entries.near]
    if entries.composite:
        fields["c"] = [_tuple(code, parts) for code, parts in dict.fromkeys(entries.composite)]
    code = main_date(resource_type)
    newest = [entry[1] for entry in dates if entry[0] == code]
    if newest:
        fields["m"] = max(newest)
    listed = MAIN_STRINGS.get(resource_type)
    firsts = [entry[1] for entry in entries.string if entry[0] == listed] if listed else []
    if firsts:
        fields["f"] = min(firsts)
    return fields if fields["k"] else {field: value for field, value in fields.items() if field != "k"}


def _keys(entries: Entries) -> list[str]:
    found: list[str] = []
    for code, system, value, text in entries.token:
        if code != "_id":
            found += _token(code, system, value, text)
    for code, system, type_code, value in entries.of_type:
        found += _token(code + OF_TYPE, f"{system}|{type_code}", value, "")
    for entry in entries.reference:
        found += _reference(entry)
    found += [key(code, URI, uri) for code, uri in entries.uri]
    for code, parts in entries.composite:
        if len(parts[0]) == 4:
            found += _token(code, parts[0][1], str(parts[0][2]), "")
        elif len(parts[0]) == 7:
            found.append(key(code, REFERENCE, target(parts[0])))
    ranges: tuple[list[Any], ...] = (entries.date, entries.number, entries.quantity)
    found += [key(ranged[0], WIDE) for some in ranges for ranged in some if wide(ranged)]
    found += [key("", COMPARTMENT, owner) for kind, owner in entries.compartments if kind == "Patient"]
    return found


def _token(code: str, system: str, value: str, text: str) -> list[str]:
    found = [key(code, CODE, value), key(code, TOKEN, system, value)] if value else []
    if text:
        found.append(key(code, TEXT, text))
    return found or [key(code, OTHER)]


def _reference(entry: Any) -> list[str]:
    code, _, _, _, version, system, value = entry
    at = target(entry)
    found = [key(code, REFERENCE, at) if at else key(code, OTHER)]
    if at and version:
        found.append(key(code, REFERENCE, at, version))
    if system or value:
        found += _token(code + IDENTIFIER, system, value, "")
    return found


def target(entry: Any) -> str:
    """What a reference entry points to: `Patient/1`, a URL, or "" for a logical reference."""
    return name(entry[1], entry[2]) if entry[2] else str(entry[3])


def references(found: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Parameter and target (`Patient/1` or a URL) of each reference among keys of `k`."""
    for one in found:
        code, mark, rest = one.partition(REFERENCE)
        if mark and code.isprintable():
            yield code, rest.partition("\x00")[0]


def _string(entry: Any) -> Document:
    return {"f": entry[1], "x": entry[2]}


def _range(entry: Any) -> Document:
    """`l` to `h`; `v` marks a wide one."""
    found = {"l": entry[1], "h": entry[2]}
    return {**found, "v": True} if wide(entry) else found


def wide(entry: Any) -> bool:
    """Whether the end of a range is not near its beginning: more than a day of instants, anything but one number; or
    it ends before it begins."""
    low, high = entry[1], entry[2]
    return not (low < high <= low + DAY) if isinstance(low, int) else bool(low != high)


def _quantity(entry: Any) -> Document:
    """`l` to `h` as written in `c` (or `u`) of system `y`; `a` to `z` in canonical unit `b`, where there is one."""
    _, _, _, system, code, unit, canonical_low, canonical_high, canonical = entry
    written = {**_range(entry), "y": system, "c": code, "u": unit}
    if canonical is None:
        return written
    return {**written, "b": canonical, "a": canonical_low, "z": canonical_high}


def _tuple(code: str, parts: tuple[Any, ...]) -> Document:
    return {"p": code, **{f"e{number}": _part(entry) for number, entry in enumerate(parts)}}


def _part(entry: Any) -> Document:
    """One component of a composite; which kind it is shows in its length (`hie.search.entries`)."""
    match len(entry):
        case 4:
            return {"y": entry[1], "c": entry[2], "x": entry[3]}
        case 7:
            return {"o": target(entry)}
        case 2:
            return {"o": entry[1]}
        case 9:
            return _quantity(entry)
    return _string(entry) if isinstance(entry[1], str) else _range(entry)
