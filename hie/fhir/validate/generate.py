"""The code of one shape: what is left to check when the member names are known (see `shape`)."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint, Element, Property
from hie.fhir.validate import primitives
from hie.fhir.validate.bindings import FORMS
from hie.fhir.validate.engine import Engine
from hie.fhir.validate.narrative import is_narrative
from hie.fhir.validate.references import Root, target_check
from hie.fhir.validate.rules import Rule

Shape = Callable[[Any, Root], bool]

NEVER_AT_SHAPE = frozenset(("ele-1", "txt-1", "txt-2"))
"""Constraints that the generated code keeps by itself."""

INLINE: Mapping[str, str] = {
    "string": "({v}.isprintable() and {v} and len({v}) <= 1048576 or is_text({v}))",
    "markdown": "({v}.isprintable() and {v} and len({v}) <= 1048576 or is_text({v}))",
    "code": "({v}.isprintable() and {v} and ' ' not in {v} or is_code({v}))",
    "uri": "({v}.isprintable() and {v} and ' ' not in {v} or is_uri({v}))",
    "url": "({v}.isprintable() and {v} and ' ' not in {v} or is_uri({v}))",
    "canonical": "({v}.isprintable() and {v} and ' ' not in {v} or is_uri({v}))",
    "boolean": "({v} is True or {v} is False)",
    "integer": "({v}.__class__ is int and -2147483648 <= {v} <= 2147483647)",
    "unsignedInt": "({v}.__class__ is int and 0 <= {v} <= 2147483647)",
    "positiveInt": "({v}.__class__ is int and 1 <= {v} <= 2147483647)",
    "decimal": "({v}.__class__ in DECIMALS)",
    "xhtml": "is_narrative({v})",
}
"""Primitive type -> expression on the variable `{v}`; a value of another JSON kind raises, which means no."""


class NodeShapes(Protocol):
    """The shapes of one node type, as generated code uses them."""

    known: dict[tuple[str, ...], Shape]

    def miss(self, value: Any) -> Shape:
        """The shape of an object that is not known yet."""

    def check(self, value: Any, root: Root) -> bool:
        """Whether an object is certainly valid."""


class Nodes(Protocol):
    """What generated code calls for the objects inside."""

    def node(self, name: str) -> NodeShapes:
        """The shapes of a node type."""

    def contained(self, resource: Any, root: Root) -> bool:
        """A contained resource."""

    def entry(self, resource: Any, root: Root) -> bool:
        """A resource that stands for itself."""


def node_constraints(definitions: Definitions, node: str) -> tuple[Constraint, ...]:
    """The constraints on every object of a node type."""
    declared = definitions.type(node.partition(".")[0])
    return () if declared is None else declared.elements[node].constraints


class Writer:
    """Writes the function of one shape."""

    def __init__(self, definitions: Definitions, shapes: Nodes, engine: Engine) -> None:
        self._definitions = definitions
        self._shapes = shapes
        self._engine = engine
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            **{name: getattr(primitives, name) for name in dir(primitives) if name.startswith("is_")},
            "DECIMALS": primitives.DECIMALS,
            "is_narrative": is_narrative,
            "resource": shapes.entry,
            "contained": shapes.contained,
            "pairs": _pairs,
        }

    def constant(self, value: Any) -> str:
        """A name for a value in the generated code."""
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def require(self, expression: str, indent: str = "    ") -> None:
        """A condition without which the object is not valid."""
        self._lines.append(f"{indent}if not ({expression}): return False")

    def member(self, index: int, key: str, member: Property, keys: tuple[str, ...]) -> None:
        """The checks of one member; the two halves of a primitive array are checked together."""
        variable = f"a{index}"
        sibling = "_" + key.removeprefix("_")
        if member.is_list and member.is_primitive and sibling in keys:
            if key == sibling:
                value = f"a{keys.index(key[1:])}" if key[1:] in keys else "None"
                self.require(f"pairs({value}, {variable}, {self._item_check(member)}, {self._element_check()}, r)")
            return
        if key == sibling:
            self.require(f"{self._element_check()}({variable}, r)")
        elif member.is_list:
            self.require(f"({variable}.__class__ is list and {variable})")
            if member.element.max is not None:
                self.require(f"len({variable}) <= {member.element.max}")
            self._lines.append(f"    for x in {variable}:")
            self.require(self._value("x", member), "        ")
        else:
            self.require(self._value(variable, member))

    def _item_check(self, member: Property) -> str:
        source = f"lambda x, r: {self._value('x', member)}"
        return self.constant(eval(compile(source, "<item>", "eval"), self._names))  # noqa: S307 - our own source

    def _element_check(self) -> str:
        return self.constant(self._shapes.node("Element").check)

    def _value(self, v: str, member: Property) -> str:
        """The condition on one value."""
        parts = [self._typed(v, member)]
        element = member.element
        parts += self._bound(v, member)
        targets = reference_types(element, member.type, self._definitions)
        if targets is not None:
            parts.append(f"{self.constant(target_check(targets, self._definitions.is_resource))}({v}, r)")
        if any("SimpleQuantity" in kind.profile for kind in element.types if kind.code == member.type):
            parts.append(f"'comparator' not in {v}")
        parts += [f"{self.constant(rule)}({v}, r)" for rule in self._element_rules(member)]
        return " and ".join(parts)

    def _typed(self, v: str, member: Property) -> str:
        if member.type == "Resource" or self._definitions.is_resource(member.type):
            return f"contained({v}, r)" if member.name == "contained" else f"resource({v}, r)"
        if not member.is_primitive:
            inner = self._shapes.node(member.node)
            known, miss = self.constant(inner.known), self.constant(inner.miss)
            return f"({known}.get(tuple({v})) or {miss}({v}))({v}, r)"
        if member.element.binding is not None and member.element.binding.strength == "required":
            codes = self._definitions.codes(member.element.binding.value_set)
            if codes is not None:
                return f"{v} in {self.constant(codes)}"
            form = FORMS.get(member.element.binding.value_set)
            if form is not None:
                return f"is_code({v}) and {self.constant(form)}({v}) is not None"
        inline = INLINE.get(member.type)
        if inline is not None:
            return inline.format(v=v)
        return f"{self.constant(primitives.CHECKS[member.type])}({v})"

    def _bound(self, v: str, member: Property) -> list[str]:
        """The required binding of a coded complex type."""
        binding = member.element.binding
        if binding is None or binding.strength != "required" or member.type != "CodeableConcept":
            return []
        codings = self._definitions.codings(binding.value_set)
        return [] if codings is None else [f"{self.constant(_concept_check(codings))}({v})"]

    def _element_rules(self, member: Property) -> list[Rule]:
        """Constraints on this use of a type, beside those of the type itself."""
        if member.node == member.element.path or member.type == "BackboneElement":
            return []
        own = {c.key for c in node_constraints(self._definitions, member.node)} if not member.is_primitive else set()
        return [
            self._element_rule(constraint, member)
            for constraint in member.element.constraints
            if constraint.severity == "error" and constraint.key not in NEVER_AT_SHAPE | own
        ]

    def _element_rule(self, constraint: Constraint, member: Property) -> Rule:
        engine = self._engine
        return lambda value, root: engine.holds(constraint, value, member.type, member.node, root)

    def function(self, count: int, label: str) -> Shape:
        """The compiled function for objects with `count` members."""
        head = ["def shape(v, r):"]
        if count:
            head.append("    " + "".join(f"a{index}, " for index in range(count)) + "= v.values()")
        source = "\n".join([*head, *self._lines, "    return True", ""])
        exec(compile(source, label, "exec"), self._names)  # noqa: S102 - our own source
        shape: Shape = self._names["shape"]
        return shape


def reference_types(element: Element, kind: str, definitions: Definitions) -> frozenset[str] | None:
    """The resource types that a Reference at `element` may point to; None when any is allowed or it is no Reference.

    Abstract targets stand for themselves only where the definitions name them so.
    """
    if kind != "Reference":
        return None
    targets = element.reference_targets
    if not targets or not all(definitions.is_resource(target) for target in targets):
        return None
    return frozenset(targets)


def _concept_check(codings: frozenset[tuple[str, str]]) -> Callable[[Any], bool]:
    """The test whether one coding of a CodeableConcept is in a required value set."""

    def fits(concept: Any) -> bool:
        rows = concept.get("coding") or ()
        return any((row.get("system"), row.get("code")) in codings for row in rows)

    return fits


def _pairs(values: Any, siblings: Any, item: Shape, element: Shape, root: Root) -> bool:
    """The two halves of a primitive array: as long as each other, each position filled (FHIR R4 json §2.6.2.3)."""
    if siblings.__class__ is not list or not siblings:
        return False
    if values is None:
        values = [None] * len(siblings)
    if values.__class__ is not list or len(values) != len(siblings):
        return False
    for value, sibling in zip(values, siblings, strict=True):
        if value is None and sibling is None:
            return False
        if value is not None and not item(value, root):
            return False
        if sibling is not None and not element(sibling, root):
            return False
    return True
