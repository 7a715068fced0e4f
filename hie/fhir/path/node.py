"""What flows through an expression: System values, and `Node`s, which are FHIR elements with their type.

System values are plain Python: `bool`, `int`, `Decimal`, `str`, `Temporal`, `Quantity`. A `Node` wraps one JSON value
and knows its FHIR type; a primitive also carries its `_x` sibling (id and extensions).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.fhir.path.quantity import Quantity
from hie.fhir.path.temporal import Temporal, parse_temporal
from hie.fhir.ucum import UCUM

Value = Any
"""A `Node`, a `TypeInfo` or a System value."""
Values = list[Value]


class Node:
    """One FHIR element: its JSON `value`, data `type` (`code`, `HumanName`), `node` type (see `hie.fhir.element`).

    Where it stands: member `key` of `parent`'s value, item `index` when that is an array; no parent at the root.
    """

    __slots__ = ("index", "key", "node", "parent", "sibling", "type", "value")

    def __init__(
        self,
        value: Any,
        type: str,
        node: str,
        sibling: Mapping[str, Any] | None = None,
        parent: "Node | None" = None,
        key: str = "",
        index: int | None = None,
    ) -> None:
        self.value = value
        self.type = type
        self.node = node
        self.sibling = sibling
        self.parent = parent
        self.key = key
        self.index = index

    def __repr__(self) -> str:
        return f"Node({self.location})"

    @property
    def location(self) -> str:
        """Where the element is, in terms of JSON members: `Patient.name[0].given[1]`."""
        if self.parent is None:
            return self.type
        place = f"{self.parent.location}.{self.key}"
        return place if self.index is None else f"{place}[{self.index}]"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What `type()` answers; `namespace` is `System` or `FHIR`."""

    namespace: str
    name: str


_INTEGERS = frozenset(("integer", "positiveInt", "unsignedInt", "integer64"))
_TEMPORAL = {"date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time"}
_QUANTITIES = frozenset(("Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "MoneyQuantity"))
_SYSTEM: tuple[tuple[type, str], ...] = (
    (bool, "Boolean"),
    (int, "Integer"),
    (Decimal, "Decimal"),
    (str, "String"),
    (Quantity, "Quantity"),
)


class PathError(Exception):
    """A mistake found while evaluating; the compiler adds the position and makes it an `HieError`."""


_MAGNITUDE = 5000
"""Decimal exponents beyond this are refused: a dozen characters of JSON must not become a gigabyte of digits."""


def decimal(value: Any) -> Decimal:
    """A JSON number as an exact decimal; raises `PathError` when its exponent is beyond all use."""
    found = value if isinstance(value, Decimal) else Decimal(str(value))
    if abs(found.adjusted()) > _MAGNITUDE:
        raise PathError("a number out of range")
    return found


def resource_node(resource: Mapping[str, Any], type_name: str | None = None) -> Node:
    """The node of a resource, or of an element when `type_name` says which type it is."""
    name = str(resource.get("resourceType", "")) or type_name or "Element"
    return Node(resource, name, name)


def wrap(value: Any) -> Value:
    """A variable's value as something an expression can use."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return resource_node(value)
    return value


def system(value: Value) -> Value:
    """The System value of a primitive or quantity node; any other value unchanged; None for a primitive without."""
    if not isinstance(value, Node):
        return value
    raw, name = value.value, value.type
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return parse_temporal(raw, _TEMPORAL[name]) or raw if name in _TEMPORAL else raw
    if isinstance(raw, (dict, list, Mapping)):
        return _quantity(raw) if name in _QUANTITIES and isinstance(raw, Mapping) else value
    if isinstance(raw, (int, float, Decimal)):
        return int(decimal(raw)) if name in _INTEGERS else decimal(raw)
    return raw


def _quantity(raw: Mapping[str, Any]) -> Quantity | None:
    number = raw.get("value")
    if number is None or raw.get("comparator"):
        return None
    unit = raw.get("code") if raw.get("system") == UCUM or "unit" not in raw else raw.get("unit")
    return Quantity(decimal(number), str(unit or raw.get("unit") or "1"))


def has_value(value: Value) -> bool:
    """Whether a value is a primitive that has a value (FHIR R4 fhirpath §hasValue)."""
    if isinstance(value, Node):
        return value.value is not None and not isinstance(value.value, (Mapping, list))
    return not isinstance(value, TypeInfo)


def type_info(value: Value) -> TypeInfo:
    """The type of any value."""
    if isinstance(value, Node):
        return TypeInfo("FHIR", value.type)
    if isinstance(value, Temporal):
        return TypeInfo("System", value.kind)
    if isinstance(value, TypeInfo):
        return TypeInfo("System", "TypeInfo")
    return next((TypeInfo("System", name) for kind, name in _SYSTEM if isinstance(value, kind)), TypeInfo("", ""))


def _member_nodes(parent: Node, raw: Mapping[str, Any], member: Property) -> Values:
    key = member.key
    found = raw.get(key)
    if member.is_primitive:
        extra = raw.get("_" + key)
        if extra is None and not isinstance(found, list):
            return [] if found is None else [Node(found, member.type, member.node, None, parent, key)]
        return list(_primitive_nodes(found, extra, member, parent))
    if isinstance(found, list):
        return [_complex(item, member, parent, index) for index, item in enumerate(found) if item is not None]
    return [] if found is None else [_complex(found, member, parent, None)]


def _complex(item: Any, member: Property, parent: Node, index: int | None) -> Node:
    if member.node == "Resource" and isinstance(item, Mapping):
        name = str(item.get("resourceType", "Resource"))
        return Node(item, name, name, None, parent, member.key, index)
    return Node(item, member.type, member.node, None, parent, member.key, index)


def _primitive_nodes(found: Any, extra: Any, member: Property, parent: Node) -> Iterator[Node]:
    if not isinstance(found, list) and not isinstance(extra, list):
        if found is not None or extra is not None:
            yield Node(found, member.type, member.node, extra, parent, member.key)
        return
    values = found if isinstance(found, list) else []
    extras = extra if isinstance(extra, list) else []
    for index in range(max(len(values), len(extras))):
        item = values[index] if index < len(values) else None
        more = extras[index] if index < len(extras) else None
        if item is not None or more is not None:
            yield Node(item, member.type, member.node, more, parent, member.key, index)


_PRIMITIVE_PARTS = ("id", "extension")


def child(node: Node, name: str, definitions: Definitions) -> Values | None:
    """The children of `node` called `name`; None when its type has no such element."""
    raw = node.value
    if isinstance(raw, (dict, Mapping)):
        members = definitions.children(node.node).get(name)
        if members is None:
            return None
        if len(members) == 1:
            return _member_nodes(node, raw, members[0])
        return [found for member in members for found in _member_nodes(node, raw, member)]
    if name == "value" and raw is not None:
        return [system(node)]
    if name not in _PRIMITIVE_PARTS:
        return None
    return _of_sibling(node, name, definitions)


def _of_sibling(node: Node, name: str, definitions: Definitions) -> Values:
    if not isinstance(node.sibling, Mapping) or name not in node.sibling:
        return []
    return _member_nodes(node, node.sibling, definitions.properties("Element")[name])


def children(node: Node, definitions: Definitions) -> Values:
    """All children of a node, in the order of the JSON."""
    raw = node.value
    if not isinstance(raw, Mapping):
        if node.sibling is None:
            return []
        return [item for name in _PRIMITIVE_PARTS for item in _of_sibling(node, name, definitions)]
    members = definitions.properties(node.node)
    out: Values = []
    for key in raw:
        member = members.get(key)
        if member is None and key[:1] == "_" and key[1:] not in raw:
            member = members.get(key[1:])
        if member is not None:
            out.extend(_member_nodes(node, raw, member))
    return out
