"""Other forms of a JSON body: indented, or as XML. Only a caller who asks for them pays for them."""

from decimal import Decimal
from typing import Any

import orjson
from lxml import etree

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.fhir.xml import to_xml
from hie.wire.safejson import loads


def _exact(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def pretty_json(body: bytes) -> bytes:
    """The same JSON with line breaks and two spaces a level (`_pretty=true`)."""
    return orjson.dumps(loads(body), default=_exact, option=orjson.OPT_INDENT_2)


def as_xml(definitions: Definitions, body: bytes, indent: bool) -> bytes:
    """The same resource as FHIR XML; raises NOT_ACCEPTABLE for content that R4 has no element for."""
    try:
        written = to_xml(loads(body), definitions)
    except HieError as error:
        raise HieError(Category.NOT_ACCEPTABLE, "This resource can only be shown as JSON") from error
    if not indent:
        return written
    tree = etree.fromstring(written, _PARSER)
    etree.indent(tree)
    return etree.tostring(tree, xml_declaration=True, encoding="UTF-8")


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
"""For XML that this server has just written."""
