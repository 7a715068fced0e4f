"""One small function per (parameter type, data type): a FHIR value to entries (FHIR R4 search §3.1.1.4).

Each takes the list to fill, the parameter's code and the value, which is never None. `EMITTERS` is the table; the
generated extractors call its functions, the general path looks them up at run time. Numbers and quantities are in
`emit_number.py`.
"""

from collections.abc import Callable
from typing import Any

from hie.base.pinyin import readings
from hie.search.emit_number import (
    Out,
    number_plain,
    number_range,
    quantity,
    quantity_money,
    quantity_range,
    quantity_sampled,
)
from hie.search.fold import fold, phonetic
from hie.search.values import EARLIEST, LATEST, date_range, number

Emitter = Callable[[Out, str, Any], None]

BOOLEAN_SYSTEM = "http://terminology.hl7.org/CodeSystem/special-values"


# -- token -----------------------------------------------------------------------------------------------------


def token_coding(out: Out, code: str, value: Any) -> None:
    get = value.get
    display = get("display")
    out.append((code, get("system") or "", get("code") or "", fold(display) if display else ""))


def token_concept(out: Out, code: str, value: Any) -> None:
    """The text is an entry of its own unless a coding says the same, as most senders' codings do."""
    text = value.get("text")
    said = fold(text) if text else ""
    for coding in value.get("coding") or ():
        get = coding.get
        display = get("display")
        shown = "" if not display else said if display == text and said else fold(display)
        out.append((code, get("system") or "", get("code") or "", shown))
        if shown == said:
            said = ""
    if said:
        out.append((code, "", "", said))


def token_identifier(out: Out, code: str, value: Any) -> None:
    kind = value.get("type")
    text = fold(kind.get("text") or "") if kind else ""
    out.append((code, value.get("system") or "", value.get("value") or "", text))


def of_type(out: Out, code: str, value: Any) -> None:
    """Entries for `:of-type`; listed beside `token_identifier`."""
    kind, text = value.get("type"), value.get("value")
    if kind and text:
        for coding in kind.get("coding") or ():
            out.append((code, coding.get("system") or "", coding.get("code") or "", text))


def token_contact(out: Out, code: str, value: Any) -> None:
    text = value.get("value")
    if text:
        out.append((code, "", text, ""))


def token_plain(out: Out, code: str, value: Any) -> None:
    out.append((code, "", value, ""))


def token_boolean(out: Out, code: str, value: Any) -> None:
    out.append((code, BOOLEAN_SYSTEM, "true" if value else "false", ""))


def token_number(out: Out, code: str, value: Any) -> None:
    out.append((code, "", str(value), ""))


# -- string ----------------------------------------------------------------------------------------------------


def string_plain(out: Out, code: str, value: Any) -> None:
    out.append((code, fold(value), value))


def string_derived(out: Out, code: str, name: str, surname: bool) -> None:
    """Pinyin forms of a Chinese name: found by plain search, not by `:exact`."""
    if not name.isascii():
        out.extend((code, form, "") for form in readings(name, surname))


def string_family(out: Out, code: str, value: Any) -> None:
    out.append((code, fold(value), value))
    string_derived(out, code, value, True)


def string_given(out: Out, code: str, value: Any) -> None:
    out.append((code, fold(value), value))
    string_derived(out, code, value, False)


def string_name(out: Out, code: str, value: Any) -> None:
    text, family = value.get("text"), value.get("family")
    given = [part for part in value.get("given") or () if part is not None]
    if text:
        string_family(out, code, text)
    if family:
        string_family(out, code, family)
    for part in given:
        string_given(out, code, part)
    for key in ("prefix", "suffix"):
        for part in value.get(key) or ():
            if part is not None:
                out.append((code, fold(part), part))
    if not text and family and given and not family.isascii():
        string_derived(out, code, family + "".join(given), True)


_ADDRESS = ("text", "city", "district", "state", "postalCode", "country")


def string_address(out: Out, code: str, value: Any) -> None:
    for key in _ADDRESS:
        part = value.get(key)
        if part:
            out.append((code, fold(part), part))
    for line in value.get("line") or ():
        if line:
            out.append((code, fold(line), line))


def string_concept(out: Out, code: str, value: Any) -> None:
    texts = [coding.get("display") for coding in value.get("coding") or ()]
    for text in (value.get("text"), *texts):
        if text:
            out.append((code, fold(text), text))


def phonetic_name(out: Out, code: str, value: Any) -> None:
    """The name and the Soundex of each of its Latin words; for parameters whose usage is `phonetic`.

    A query gives the Soundex of its words as well (`hie.search.fold.phonetic`, folded).
    """
    string_name(out, code, value)
    for part in (value.get("text"), value.get("family"), *(value.get("given") or ())):
        sounds = map(phonetic, fold(part).split()) if part else ()
        out.extend((code, fold(sound), "") for sound in sounds if sound)


# -- reference -------------------------------------------------------------------------------------------------


def split_reference(text: str) -> tuple[str, str, str, str]:
    """(type, id, url, version) of a literal reference; see `Entries.reference`."""
    base, _, version = text.partition("/_history/")
    kind, slash, name = base.partition("/")
    if slash and kind[:1].isupper() and "/" not in name and ":" not in kind:
        return kind, name, "", version
    if base.startswith(("http://", "https://")):
        head = base.rsplit("/", 2)
        shown = head[1] if len(head) == 3 and head[1][:1].isupper() and head[1].isalpha() else ""
        return shown, "", base, version
    return "", "", base, version


def reference_parts(value: Any) -> tuple[str, str, str, str, str, str] | None:
    """A Reference as the members of its entry after the parameter; None when it names nothing."""
    text, identifier = value.get("reference"), value.get("identifier")
    if text:
        kind, slash, name = text.partition("/")
        url = version = ""
        if not slash or "/" in name or not kind.isalpha():
            kind, name, url, version = split_reference(text)
        kind = kind or value.get("type") or ""
    elif identifier:
        kind, name, url, version = value.get("type") or "", "", "", ""
    else:
        return None
    if identifier:
        return kind, name, url, version, identifier.get("system") or "", identifier.get("value") or ""
    return kind, name, url, version, "", ""


def reference(out: Out, code: str, value: Any) -> None:
    parts = reference_parts(value)
    if parts is not None:
        out.append((code, *parts))


def reference_canonical(out: Out, code: str, value: Any) -> None:
    url, _, version = value.partition("|")
    kind, slash, name = url.partition("/")
    if slash and kind[:1].isupper() and kind.isalpha() and name and "/" not in name:
        out.append((code, kind, name, "", version, "", ""))
    else:
        out.append((code, "", "", url, version, "", ""))


def reference_uri(out: Out, code: str, value: Any) -> None:
    kind, name, url, version = split_reference(value)
    out.append((code, kind, name, url, version, "", ""))


def reference_inline(out: Out, code: str, value: Any) -> None:
    if value.get("id"):
        out.append((code, value.get("resourceType") or "", value["id"], "", "", "", ""))


# -- date ------------------------------------------------------------------------------------------------------


def date_plain(out: Out, code: str, value: Any) -> None:
    found = date_range(value)
    if found:
        out.append((code, found[0], found[1]))


def _period(value: Any) -> tuple[int, int] | None:
    start, end = value.get("start"), value.get("end")
    first, last = start and date_range(start), end and date_range(end)
    if first:
        return first[0], last[1] if last else LATEST
    return (EARLIEST, last[1]) if last else None


def date_period(out: Out, code: str, value: Any) -> None:
    found = _period(value)
    if found:
        out.append((code, found[0], found[1]))


def date_timing(out: Out, code: str, value: Any) -> None:
    """One range over all events and the bounds, the outer limits of the schedule."""
    ranges = [date_range(event) for event in value.get("event") or () if event]
    bounds = (value.get("repeat") or {}).get("boundsPeriod")
    ranges.append(_period(bounds) if bounds else None)
    known = [found for found in ranges if found]
    if known:
        out.append((code, min(low for low, _ in known), max(high for _, high in known)))


# -- uri and special -------------------------------------------------------------------------------------------


def uri_plain(out: Out, code: str, value: Any) -> None:
    out.append((code, value))


def near(out: Out, code: str, value: Any) -> None:
    latitude, longitude = number(value.get("latitude")), number(value.get("longitude"))
    if latitude is not None and longitude is not None:
        out.append((code, float(latitude), float(longitude)))


_TEXTS = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid", "dateTime", "date", "instant")

EMITTERS: dict[tuple[str, str], Emitter] = {
    ("token", "Coding"): token_coding,
    ("token", "CodeableConcept"): token_concept,
    ("token", "Identifier"): token_identifier,
    ("token", "ContactPoint"): token_contact,
    ("token", "boolean"): token_boolean,
    **{("token", kind): token_plain for kind in _TEXTS},
    **{("token", kind): token_number for kind in ("integer", "positiveInt", "unsignedInt", "decimal")},
    ("string", "HumanName"): string_name,
    ("string", "HumanName.family"): string_family,
    ("string", "HumanName.given"): string_given,
    ("string", "Address"): string_address,
    ("string", "CodeableConcept"): string_concept,
    **{("string", kind): string_plain for kind in _TEXTS},
    ("reference", "Reference"): reference,
    ("reference", "canonical"): reference_canonical,
    ("reference", "uri"): reference_uri,
    ("reference", "url"): reference_uri,
    ("reference", "Resource"): reference_inline,
    **{("date", kind): date_plain for kind in ("date", "dateTime", "instant")},
    ("date", "Period"): date_period,
    ("date", "Timing"): date_timing,
    **{("number", kind): number_plain for kind in ("integer", "positiveInt", "unsignedInt", "decimal")},
    ("number", "Range"): number_range,
    **{("quantity", kind): quantity for kind in ("Quantity", "Age", "Duration", "Count", "Distance")},
    ("quantity", "Money"): quantity_money,
    ("quantity", "Range"): quantity_range,
    ("quantity", "SampledData"): quantity_sampled,
    **{("uri", kind): uri_plain for kind in ("uri", "url", "canonical", "oid", "uuid", "string")},
    ("special", "Location.position"): near,
}
"""(parameter type, data type, node type or element path) -> emitter; a pair that is absent yields no entries."""
