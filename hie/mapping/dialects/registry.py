"""The dialects that field maps may name."""

from collections.abc import Mapping

from hie.mapping.dialect import Dialect
from hie.mapping.dialects.cda import Cda
from hie.mapping.dialects.hl7v2 import Hl7v2
from hie.mapping.dialects.rows import Rows

DIALECTS: Mapping[str, Dialect] = {"cda": Cda(), "hl7v2": Hl7v2(), "rows": Rows()}
"""`dialect` of a map -> implementation."""
