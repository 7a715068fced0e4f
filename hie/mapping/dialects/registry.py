"""The dialects that field maps may name."""

from collections.abc import Mapping

from hie.mapping.dialect import Dialect, TellingDialect
from hie.mapping.dialects.cda import Cda
from hie.mapping.dialects.cda_told import ToldCda
from hie.mapping.dialects.hl7v2 import Hl7v2
from hie.mapping.dialects.hl7v2_told import ToldHl7v2
from hie.mapping.dialects.rows import Rows

DIALECTS: Mapping[str, Dialect] = {"cda": Cda(), "hl7v2": Hl7v2(), "rows": Rows()}
"""`dialect` of a map -> implementation."""


def telling_dialects() -> dict[str, TellingDialect]:
    """The dialects whose fields have more in them than one value, each made new. A column of rows is one value."""
    return {"cda": ToldCda(), "hl7v2": ToldHl7v2()}
