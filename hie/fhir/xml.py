"""FHIR XML to and from the JSON form (FHIR R4 §2.6.1, §2.6.2), by the official definitions.

`from_xml(to_xml(resource))` is the same resource: decimals as written, element order as defined, ids and extensions of
primitives in their `_x` siblings, narrative as canonical XHTML text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.fhir.place import Place
from hie.wire.safejson import ExactDecimal
from hie.wire.safexml import parse_xml

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"

_NAMESPACES: dict[Any, str] = {None: FHIR}
_NARRATIVE: dict[Any, str] = {None: XHTML}
_INTEGERS = frozenset(("integer", "positiveInt", "unsignedInt"))
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_BOOLEANS = {"true": True, "false": False}


def _refuse(message: str, path: str) -> HieError:
    return HieError(Category.INVALID, f"XML: {message}", expression=path or None, issue="structure")


class NotFhirXml(HieError):
    """Text that is not FHIR R4 XML; `pointer` is the JSON pointer of the element at fault (INVALID)."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(Category.INVALID, f"XML: {message}", expression=place.expression or None, issue="structure")
        self.pointer = place.pointer


# -- JSON to XML -------------------------------------------------------------------------------------------------


def to_xml(resource: Mapping[str, Any], definitions: Definitions) -> bytes:
    """The resource as UTF-8 XML with a declaration; raises `HieError(INVALID)` for what R4 has no element for."""
    root = _resource_element(resource, definitions, "")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _resource_element(resource: Mapping[str, Any], definitions: Definitions, path: str) -> etree._Element:
    name = resource.get("resourceType")
    if not isinstance(name, str) or not definitions.is_resource(name):
        raise _refuse("not a resource type of FHIR R4", path)
    element = etree.Element(f"{{{FHIR}}}{name}", nsmap=_NAMESPACES)
    _fill(element, resource, name, definitions, name)
    return element


def _fill(element: etree._Element, value: Mapping[str, Any], node: str, definitions: Definitions, path: str) -> None:
    """Children of one element, in the order of the definition."""
    members = definitions.properties(node)
    for key in value:
        if key != "resourceType" and key not in members and key.removeprefix("_") not in members:
            raise _refuse("unknown element", f"{path}.{key}")
    for key, member in members.items():
        if key in value or "_" + key in value:
            _write(element, value, member, definitions, f"{path}.{member.name}")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _write(
    parent: etree._Element, value: Mapping[str, Any], member: Property, definitions: Definitions, path: str
) -> None:
    found = value.get(member.key)
    if member.element.xml_attribute:
        parent.set(member.key, str(found))
    elif member.type == "xhtml":
        parent.append(_narrative(found, path))
    elif member.is_primitive:
        _write_primitives(parent, found, value.get("_" + member.key), member, definitions, path)
    else:
        for item in _items(found):
            _write_complex(parent, item, member, definitions, path)


def _write_complex(parent: etree._Element, item: Any, member: Property, definitions: Definitions, path: str) -> None:
    if not isinstance(item, Mapping):
        raise _refuse("an object expected", path)
    element = etree.SubElement(parent, f"{{{FHIR}}}{member.key}")
    if member.node == "Resource":
        element.append(_resource_element(item, definitions, path))
    else:
        _fill(element, item, member.node, definitions, path)


def _write_primitives(
    parent: etree._Element, found: Any, extra: Any, member: Property, definitions: Definitions, path: str
) -> None:
    values = [] if found is None else _items(found)
    extras = [] if extra is None else _items(extra)
    for index in range(max(len(values), len(extras))):
        element = etree.SubElement(parent, f"{{{FHIR}}}{member.key}")
        value = values[index] if index < len(values) else None
        more = extras[index] if index < len(extras) else None
        if value is not None:
            element.set("value", _text(value, path))
        if isinstance(more, Mapping):
            _fill(element, more, "Element", definitions, path)


def _text(value: Any, path: str) -> str:
    if isinstance(value, (Mapping, list)):
        raise _refuse("a single value expected", path)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _narrative(text: Any, path: str) -> etree._Element:
    parsed = parse_xml(text.encode()) if isinstance(text, str) else None
    if parsed is None or parsed.root is None or etree.QName(parsed.root).localname != "div":
        raise _refuse("the narrative is not a well-formed div", path)
    return parsed.root


# -- XML to JSON -------------------------------------------------------------------------------------------------


def from_xml(source: bytes | etree._Element, definitions: Definitions) -> Json:
    """The resource as JSON values, decimals as `ExactDecimal`; bytes are read by the hardened parser.

    Raises `NotFhirXml` with the place for anything that is not FHIR R4 XML.
    """
    if isinstance(source, bytes):
        document = parse_xml(source)
        if document.root is None:
            problem = document.findings[-1].text if document.findings else "not well formed"
            raise NotFhirXml(problem, Place(""))
        source = document.root
    return _read_resource(source, definitions, Place(""))


def _name(element: etree._Element, place: Place) -> str:
    name = etree.QName(element)
    if name.namespace != FHIR:
        raise NotFhirXml(f"the namespace must be {FHIR}", place)
    return name.localname


def _elements(element: etree._Element, place: Place) -> Iterator[etree._Element]:
    """Child elements; text between them is refused, comments and instructions are passed over."""
    texts = [element.text, *(child.tail for child in element)]
    if any(text and text.strip() for text in texts):
        raise NotFhirXml("text between elements", place)
    for child in element:
        if isinstance(child.tag, str):
            yield child


def _read_resource(element: etree._Element, definitions: Definitions, place: Place) -> Json:
    name = _name(element, place)
    if not definitions.is_resource(name):
        raise NotFhirXml("not a resource type of FHIR R4", place)
    here = place if place.expression else Place(name)
    return {"resourceType": name, **_read(element, name, definitions, here)}


def _read(element: etree._Element, node: str, definitions: Definitions, place: Place) -> Json:
    members = definitions.properties(node)
    out: Json = {}
    for key, text in element.attrib.items():
        if str(key).startswith(_SCHEMA_INSTANCE):
            continue
        member = members.get(str(key))
        if member is None or not member.element.xml_attribute:
            raise NotFhirXml("unknown attribute", place)
        out[str(key)] = text
    for child in _elements(element, place):
        name = etree.QName(child).localname
        member = members.get(name)
        if member is None or member.element.xml_attribute:
            raise NotFhirXml("unknown element", place.member(name))
        inner = place.member(member.key, member.name)
        _read_member(out, child, member, definitions, inner.item(_filled(out, member)) if member.is_list else inner)
    return {key: value for key, value in out.items() if not _only_nulls(value)}


def _filled(out: Json, member: Property) -> int:
    """How many items of an array have been read."""
    return len(out.get(member.key, ()))


def _only_nulls(value: Any) -> bool:
    """Whether a list of primitives holds nothing but extensions, which then stand alone in the `_x` sibling."""
    return isinstance(value, list) and all(item is None for item in value)


def _read_member(out: Json, element: etree._Element, member: Property, definitions: Definitions, place: Place) -> None:
    if member.type == "xhtml":
        _put(out, member, _narrative_text(element, place), place)
        return
    _name(element, place)
    if member.is_primitive:
        _read_primitive(out, element, member, definitions, place)
    elif member.node == "Resource":
        inner = list(_elements(element, place))
        if len(inner) != 1:
            raise NotFhirXml("one resource expected", place)
        _put(out, member, _read_resource(inner[0], definitions, place), place)
    else:
        _put(out, member, _read(element, member.node, definitions, place), place)


def _put(out: Json, member: Property, value: Any, place: Place) -> None:
    if member.is_list:
        out.setdefault(member.key, []).append(value)
    elif member.key in out or "_" + member.key in out:
        raise NotFhirXml("the element may not repeat", place)
    else:
        out[member.key] = value


def _read_primitive(
    out: Json, element: etree._Element, member: Property, definitions: Definitions, place: Place
) -> None:
    text = element.get("value")
    if text is not None:
        del element.attrib["value"]
    value = None if text is None else _typed(text, member.type)
    extra = _read(element, "Element", definitions, place) or None
    if not member.is_list:
        if member.key in out or "_" + member.key in out:
            raise NotFhirXml("the element may not repeat", place)
        out.update({k: v for k, v in ((member.key, value), ("_" + member.key, extra)) if v is not None})
        return
    values: list[Any] = out.setdefault(member.key, [])
    values.append(value)
    extras: list[Any] = out.setdefault("_" + member.key, []) if extra or "_" + member.key in out else []
    if extra or extras:
        extras += [None] * (len(values) - 1 - len(extras)) + [extra]


def _typed(text: str, kind: str) -> Any:
    """The JSON value of an attribute; text that does not fit its type stays text, for the validator to name."""
    if kind == "boolean":
        return _BOOLEANS.get(text, text)
    if kind in _INTEGERS:
        return int(text) if _INTEGER.fullmatch(text) else text
    if kind == "decimal":
        return ExactDecimal(text) if _DECIMAL.fullmatch(text) else text
    return text


def _narrative_text(element: etree._Element, place: Place) -> str:
    if etree.QName(element).namespace != XHTML:
        raise NotFhirXml("the narrative must be XHTML", place)
    element.tail = None
    etree.cleanup_namespaces(element, top_nsmap=_NARRATIVE)
    return etree.tostring(element, encoding="unicode")
