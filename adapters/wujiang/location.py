"""PV1-3 of the Wujiang hospitals: which component of PL means what (Wujiang §4.3)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hie.plugin import LENGTHS, half_width, is_null_text

WARD = "2.16.156.10011.1.27"
_EXTENSION = "https://hie.example.org/fhir/StructureDefinition"


class Layout(NamedTuple):
    """A value for each component of PL that is read: its number, 0 when it is not sent; its most characters."""

    ward: int
    room: int
    bed: int
    name: int


USUAL = Layout(ward=1, room=2, bed=3, name=9)
_MOST = Layout(ward=LENGTHS["code"], room=LENGTHS["short"], bed=LENGTHS["code"], name=LENGTHS["name"])
"""Component -> its most characters (common rules §5.5): ward and bed are numbers, .1.27 and .1.22 of §4."""

LAYOUTS: Mapping[str, Layout] = {
    "12320509MBHE010236": Layout(ward=4, room=0, bed=1, name=5),
}
"""USCC -> layout, where it is not the usual one."""


def location(value: Sequence[str], context: Any) -> dict[str, Any] | None:
    """An Encounter.location item: the ward with code and name, room and bed as extensions; None without any of them."""
    layout = LAYOUTS.get(context.organisation, USUAL)
    parts = [_part(value, component, context) for component in layout]
    for text, most in zip(parts, _MOST, strict=True):
        if len(text) > most:
            context.note("field-too-long", f"more than {most} characters")
    ward, room, bed, name = parts
    place: dict[str, Any] = {}
    if ward:
        place["identifier"] = {"system": context.local_system(WARD), "value": half_width(ward)}
    if name or ward:
        place["display"] = name or ward
    if not (place or bed or room):
        return None
    extensions = [
        {"url": f"{_EXTENSION}/{kind}", "valueString": text} for kind, text in (("room", room), ("bed", bed)) if text
    ]
    return (
        {"extension": extensions, "location": place or {"display": bed or room}} if extensions else {"location": place}
    )


def _part(value: Sequence[str], number: int, context: Any) -> str:
    text = value[number - 1].strip() if 0 < number <= len(value) else ""
    if is_null_text(half_width(text)):
        context.note("null-text")
        return ""
    return text
