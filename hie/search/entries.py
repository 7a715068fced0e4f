"""Index entries: everything a resource can be found by, as store-neutral values.

Entries are plain tuples, because a store writes a dozen of them per resource; the first member is always the code of
the search parameter. An absent member is `""`, never None, except where said.

- `token`: system, code, text. The text is folded, for `:text`: the display of a coding, the type text of an identifier,
  the text of a concept (an entry of its own, without code, unless a coding of it says the same). A code whose required
  binding names its system, and a boolean, carry that system.
- `of_type`: type system, type code, value of an Identifier, for `:of-type`.
- `string`: folded text, exact text. Exact is `""` for a derived form (pinyin, initials, sound): plain search finds it,
  `:exact` does not.
- `reference`: type, id, url, version, identifier system, identifier value. A relative reference has type and id, also
  one in the place of a canonical; an absolute one, a canonical and a `urn:` have the url (and the type if it shows) and
  no id; `#x` has the url `#x`.
- `date`: low, high in microseconds UTC, low included, high excluded; open ends are `EARLIEST` and `LATEST`.
- `number`: low, high as floats. Both are the exact value of a number; a *query* has the precision range. A Range gives
  its ends.
- `quantity`: low, high, system, code, unit, canonical low, canonical high, canonical unit; the last three are None
  without a known UCUM code. A comparator opens an end.
- `uri`: the value as written.
- `composite`: a tuple with one entry per component, each as above under the component parameter's code; the kind of
  each is that of its parameter.
- `near`: latitude, longitude as floats.
- `compartments`: (compartment type, id), no parameter in front.
"""

from typing import NamedTuple

TokenEntry = tuple[str, str, str, str]
OfTypeEntry = tuple[str, str, str, str]
StringEntry = tuple[str, str, str]
ReferenceEntry = tuple[str, str, str, str, str, str, str]
DateEntry = tuple[str, int, int]
NumberEntry = tuple[str, float, float]
QuantityEntry = tuple[str, float, float, str, str, str, float | None, float | None, str | None]
UriEntry = tuple[str, str]
NearEntry = tuple[str, float, float]
AnyEntry = TokenEntry | StringEntry | ReferenceEntry | DateEntry | NumberEntry | QuantityEntry | UriEntry
CompositeEntry = tuple[str, tuple[AnyEntry, ...]]
CompartmentEntry = tuple[str, str]


class Entries(NamedTuple):
    """All index entries of one resource; see the module's table."""

    token: list[TokenEntry]
    of_type: list[OfTypeEntry]
    string: list[StringEntry]
    reference: list[ReferenceEntry]
    date: list[DateEntry]
    number: list[NumberEntry]
    quantity: list[QuantityEntry]
    uri: list[UriEntry]
    composite: list[CompositeEntry]
    near: list[NearEntry]
    compartments: list[CompartmentEntry]


def no_entries() -> Entries:
    """Entries with every list empty."""
    return Entries([], [], [], [], [], [], [], [], [], [], [])


KINDS: dict[str, str] = {
    "token": "token",
    "string": "string",
    "reference": "reference",
    "date": "date",
    "number": "number",
    "quantity": "quantity",
    "uri": "uri",
    "composite": "composite",
    "special": "near",
}
"""Search parameter type -> the list of `Entries` it fills (a token of an Identifier fills `of_type` as well)."""
