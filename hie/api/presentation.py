"""Other forms of a JSON body: indented, or as XML. Only a caller who asks for them pays for them."""

from decimal import Decimal
from typing import Any

import orjson

from hie.fhir.definitions import Definitions
from hie.wire.safejson import loads


def _exact(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def pretty_json(body: bytes) -> bytes:
    """The same JSON with line breaks and two spaces a level (`_pretty=true`)."""
    return orjson.dumps(loads(body), default=_exact, option=orjson.OPT_INDENT_2)


def pretty_xml(definitions: Definitions, body: bytes, indent: bool) -> bytes:
    """The same resource as FHIR XML."""
    raise NotImplementedError
