"""Elements of a CDA document that only make sense as a whole: addresses, places, results, diagnoses, dosages.

Each transform takes an element of the tree (`node:` paths of the dialect `cda`); see Jiashan interface §3, §4, §6.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hie.base.systems import EXTENSION, OID, STAFF, identifier_system
from hie.base.text import half_width, trimmed
from hie.fhir.ucum import UCUM
from hie.mapping.context import Context
from hie.mapping.transforms.identifiers import number
from hie.mapping.transforms.names import address, name_text
from hie.mapping.transforms.results import interpretation, observation_result, read_number
from hie.mapping.transforms.texts import fits, present
from hie.wire.clinical_document import XSI_TYPE, said_name, value_text

WARD, BED = f"{OID}.1.27", f"{OID}.1.22"

_STAFF = (STAFF, f"{OID}.1.7")
_DEPARTMENT = "associatedEntity/scopingOrganization/name"
_V2_0074 = "http://terminology.hl7.org/CodeSystem/v2-0074"
_NUMERIC_TYPES = frozenset({"REAL", "PQ", "INT"})
_RESULT, _UNIT = "DE04.30.015.00", "DE04.30.016.00"
_DAYS, _TOTAL, _PER_DAY = "DE06.00.294.00", "DE06.00.135.00", frozenset({"次/日", "次/天"})


def strong_number(value: Any, context: Context) -> str | None:
    """A national id as patient key: upper case; a masked one is no key (common rules §4.1)."""
    text = number(value, context)
    return None if text is None or "*" in text else text.upper()


def document_address(node: Any, context: Context) -> dict[str, Any] | None:
    """An Address from `addr` with the zone's own parts (Jiashan interface §3.1), or those of CDA R2 (data type AD)."""
    parts = {child.tag: text for child in node if isinstance(child.tag, str) and (text := present(child.text, context))}
    lines = (line for part in node.iterfind("streetAddressLine") if (line := present(part.text, context)))
    local = [*(parts.get(name, "") for name in ("township", "streetName", "houseNumber")), *lines]
    text = "".join([*(parts.get(name, "") for name in ("state", "city", "county")), *local])
    whole: dict[str, Any] = {"text": text or trimmed(node.text) or parts.get("postalCode")}
    if any(local):
        whole["line"] = ["".join(local)]
    for element, part in (("city", "city"), ("district", "county"), ("state", "state"), ("postalCode", "postalCode")):
        if part in parts:
            whole[element] = parts[part]
    return address(whole, context)


def place(node: Any, context: Context) -> dict[str, Any] | None:
    """An item of Encounter.location from the chain bed -> room -> department -> ward -> hospital (Jiashan interface
    §3.2); a bed of which neither ward nor department is said is the place itself."""
    units = {}
    for unit in node.iter("wholeOrganization"):
        identity = unit.find("id")
        if identity is not None:
            units[identity.get("root")] = (identity.get("extension"), unit.findtext("name"))
    ward, bed = units.get(WARD, ("", "")), units.get(BED, ("", ""))
    name = present(ward[1], context) or present(units.get(f"{OID}.1.26", ("", ""))[1], context)
    ward_number, bed_number = number(ward[0], context), number(bed[0], context)
    location: dict[str, Any] = {}
    if ward_number:
        location["identifier"] = {"system": context.local_system(WARD), "value": ward_number}
    if name and fits(name, "name", context):
        location["display"] = name
    if not (location or bed_number):
        return None
    found: dict[str, Any] = {"location": location or {"display": bed_number}}
    if bed_number:
        bed_id = {"system": context.local_system(BED), "value": bed_number}
        found["extension"] = [{"url": f"{EXTENSION}/bed", "valueIdentifier": bed_id}]
    return found


def signer(node: Any, context: Context, *, root: str = "") -> dict[str, Any] | None:
    """A Reference that names an author or authenticator, with number and role where they are given; a number without
    a name is one too. `root` is that of staff numbers (`id/@root`) where it is none of the national ones."""
    person = next(iter(node.iter("assignedPerson", "associatedPerson")), None)
    name = name_text(said_name(person.find("name")) if person is not None else None, context)
    roots = (*_STAFF, root) if root else _STAFF
    identity = next((one for one in node.iter("id") if one.get("root") in roots and one.get("extension")), None)
    staff = number(identity.get("extension"), context) if identity is not None else None
    if name is None and staff is None:
        return None
    code = next(node.iter("code"), None)
    role = present(code.get("displayName"), context) if code is not None else None
    fits(role or "", "short", context)
    shown = f"{name} ({role})" if name and role else name or role
    found: dict[str, Any] = {"display": shown} if shown else {}
    if staff and identity is not None:
        kind = STAFF if root == identity.get("root") else identity.get("root")
        system = identifier_system(context.organisation, kind)
        found["identifier"] = {"system": system, "value": staff}
    return found


def value(node: Any, context: Context) -> str | None:
    """What a `value` element says, in whichever way it is filled."""
    text = value_text(node)
    return text if text and fits(text, "long", context) else None


def coded_entry(node: Any, context: Context, *, table: str) -> dict[str, Any] | None:
    """A CodeableConcept of an open table: code and name, only the code, or only a text."""
    code = " ".join(half_width(node.get("code") or "").split())
    name = trimmed(node.get("displayName")) or trimmed("".join(node.itertext())) or ""
    if name and not fits(name, "short", context):
        name = ""
    if code and fits(code, "code", context):
        return context.codes[table].translate(code, name, context).concept
    return {"text": name} if name else None


def lab_result(node: Any, context: Context) -> dict[str, Any]:
    """The slots of a laboratory item: its value with unit, else why there is none (Jiashan interface §6.4; common
    rules §7.1)."""
    sent, *others = values_of(node, _RESULT) or (None,)
    if sent is None:
        return observation_result(None, context)
    if others:
        context.note("field-unmapped", path=_RESULT)
    text = trimmed(sent.get("value")) or value_text(sent)
    units = value_of(node, _UNIT)
    unit = value_text(units) or sent.get("unit")
    kind = (sent.get(XSI_TYPE) or "").rpartition(":")[2]
    return observation_result(text, context, unit=unit, numeric=kind in _NUMERIC_TYPES)


def own_identifier(node: Any, context: Context, *, kind: str) -> dict[str, Any] | None:
    """The Identifier that says the natural key of the resource at work."""
    if context.current is None:
        return None
    return {"system": context.local_system(kind), "value": context.current.value}


def result_flag(node: Any, context: Context, *, table: str) -> dict[str, Any] | None:
    """Interpretation from a result code by the code map `table` (Jiashan interface §4)."""
    name = node.get("displayName")
    fits(trimmed(name) or "", "short", context)
    if not trimmed(node.get("code")):
        text = value_text(node)
        fits(text, "short", context)
        return {"text": text} if text else None
    return interpretation(node.get("code"), context, table=table, name=name)


def exam_category(value: Any, context: Context, *, table: str) -> dict[str, Any] | None:
    """The v2-0074 category of an examination; every category not in `table` is OTH (Jiashan interface §4)."""
    text = trimmed(value)
    if text is None:
        return None
    row = context.code(table, half_width(text))
    coding = row.target if row is not None else {"system": _V2_0074, "code": "OTH", "display": "Other"}
    return {"coding": [coding], "text": text}


def drug(node: Any, context: Context, *, table: str) -> dict[str, Any] | None:
    """medicationCodeableConcept from `manufacturedLabeledDrug`, by the code map `table`."""
    code = half_width(trimmed(node.findtext("code")) or _attribute(node.find("code"), "code"))
    name = trimmed(node.findtext("name")) or _attribute(node.find("code"), "displayName")
    fits(name, "short", context)
    if code and fits(code, "code", context):
        return context.codes[table].translate(code, name, context).concept
    return {"text": name} if name else None


def dosage(node: Any, context: Context) -> dict[str, Any] | None:
    """An item of dosageInstruction from a `substanceAdministration` (Jiashan interface §6.2)."""
    found: dict[str, Any] = {}
    amount = node.find("doseQuantity")
    dose = _quantity(amount, "doseQuantity", context)
    text = trimmed(node.findtext("text")) or (_words(amount) if dose is None else None)
    if text:
        fits(text, "short", context)
        found["text"] = text
    timing = _timing(node, context)
    if timing:
        found["timing"] = timing
    route = node.find("routeCode")
    if route is not None and (route.get("code") or route.get("displayName")):
        name = trimmed(route.get("displayName")) or ""
        code = trimmed(route.get("code"))
        fits(code or "", "code", context)
        fits(name, "short", context)
        found["route"] = context.codes["drug-route"].translate(code, name, context).concept if code else {"text": name}
    if dose:
        found["doseAndRate"] = [{"doseQuantity": dose}]
    return found or None


def _timing(node: Any, context: Context) -> dict[str, Any]:
    repeat: dict[str, Any] = {}
    rate = node.find("rateQuantity")
    words = ""
    if rate is not None:
        often, unit = trimmed(rate.get("value")), trimmed(rate.get("unit")) or ""
        if often and often.isdecimal() and int(often) > 0 and half_width(unit) in _PER_DAY:
            repeat = {"frequency": int(often), "period": 1, "periodUnit": "d"}
        else:
            words = " ".join(part for part in (often, unit) if part)
    days = _amount(value_of(node, _DAYS), _DAYS, context)
    if days is not None:
        repeat = {"boundsDuration": {"value": days, "unit": "天", "system": UCUM, "code": "d"}, **repeat}
    fits(words, "short", context)
    timing: dict[str, Any] = {"repeat": repeat} if repeat else {}
    return {**timing, "code": {"text": words}} if words else timing


def order_reference(node: Any, context: Context) -> dict[str, Any] | None:
    """basedOn: a logical reference to the order, with the requesting department (Jiashan interface §3, §6.3); from a
    `participant`, of an order without number, only the department."""
    numbered = node.tag == "id"
    department = node.find(f"../../../participant/{_DEPARTMENT}" if numbered else _DEPARTMENT)
    name = present(department.text, context) if department is not None else None
    fits(name or "", "name", context)
    text = number(node.get("extension"), context) if numbered else None
    if text is None and (numbered or name is None):
        return None
    found: dict[str, Any] = {"type": "ServiceRequest"}
    if text is not None:
        found["identifier"] = {"system": context.local_system(node.get("root")), "value": text}
    return {**found, "display": name} if name else found


def text_extension(node: Any, context: Context, *, url: str) -> dict[str, Any] | None:
    """An extension with what a `value` element says, which is short text."""
    text = value_text(node)
    return {"url": url, "valueString": text} if text and fits(text, "short", context) else None


def discharge_condition(node: Any, context: Context) -> dict[str, Any] | None:
    """The condition at discharge (DE06.00.193.00) as extension of Encounter.hospitalization."""
    return text_extension(node, context, url=f"{EXTENSION}/discharge-condition")


def total(value: Any, context: Context) -> dict[str, Any] | None:
    """dispenseRequest.quantity from a total amount."""
    return _quantity(value, _TOTAL, context)


def _quantity(node: Any, path: str, context: Context) -> dict[str, Any] | None:
    amount = _amount(node, path, context)
    if amount is None:
        return None
    unit = trimmed(node.get("unit"))
    fits(unit or "", "short", context)
    return {"value": amount, "unit": unit} if unit else {"value": amount}


def _amount(node: Any, path: str, context: Context) -> Decimal | None:
    """The number that an amount states; words instead of one are noted (Jiashan interface §7)."""
    words = _words(node)
    found = read_number(words) if words else None
    if found is not None and not found.comparator:
        return found.number
    if words:
        context.note("value-not-numeric", path=path)
    return None


def _words(node: Any) -> str | None:
    return trimmed(node.get("value")) or value_text(node) or None if node is not None else None


def value_of(node: Any, code: str) -> Any:
    """The first `value` element that says something in the entries with that data element code below a node."""
    return next(iter(values_of(node, code)), None)


def values_of(node: Any, code: str) -> list[Any]:
    """The `value` elements that say something in the entries with that data element code below a node."""
    entries = node.iterfind("entryRelationship/observation")
    values = (one.find("value") for one in entries if _attribute(one.find("code"), "code") == code)
    return [one for one in values if value_text(one)]


def _attribute(element: Any, name: str) -> str:
    return (element.get(name) or "").strip() if element is not None else ""


CLINICAL: Mapping[str, Any] = {
    "document-address": document_address,
    "document-code": coded_entry,
    "document-condition": discharge_condition,
    "document-dosage": dosage,
    "document-drug": drug,
    "document-exam-category": exam_category,
    "document-extension": text_extension,
    "document-flag": result_flag,
    "document-identifier": own_identifier,
    "document-order": order_reference,
    "document-place": place,
    "document-result": lab_result,
    "document-signer": signer,
    "document-total": total,
    "document-value": value,
    "patient-number": strong_number,
}
"""Name in a map -> transform."""
