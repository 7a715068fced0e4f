"""`is`, `as` and `ofType` on one value (FHIRPath N1 §"Types")."""

from hie.fhir.path.convert import CONVERSIONS
from hie.fhir.path.node import Node, Value, type_info
from hie.fhir.path.scope import Evaluation, PathError


def is_a(value: Value, name: str, evaluation: Evaluation, exact: bool = False) -> bool:
    """Whether `value` is of type `name` (`Quantity`, `System.String`, `FHIR.code`).

    `exact` is the rule of `as` and `ofType`: a primitive must be of just that type, not of one derived from it.
    """
    definitions = evaluation.definitions
    if isinstance(value, Node) and value.type == name:
        return True
    namespace, _, bare = name.rpartition(".")
    known = definitions.is_type(bare) or bare in CONVERSIONS or namespace == "System"
    if namespace not in ("", "FHIR", "System") or not known:
        raise PathError(f"unknown type {name}")
    info = type_info(value)
    if info.namespace == "System":
        return namespace != "FHIR" and info.name == bare
    if namespace == "System":
        return False
    if exact and definitions.is_primitive(bare):
        return info.name == bare
    return definitions.is_subtype(info.name, bare)
