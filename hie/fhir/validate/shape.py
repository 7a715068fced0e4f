"""The fast answer to "is this valid?": straight-line code per *shape*.

A shape is the sequence of member names of one object of one node type. Everything that names alone decide (unknown
elements, cardinality, choices, most invariants) is settled when a shape is met for the first time; what is left is
generated as one flat function that only looks at values. Feeds send few shapes many times, so a resource costs a few
dictionary lookups and its value checks.

The answer is one-sided: true means that the full walk (`walk`) finds no error with base rules; false means "look".
"""

from collections.abc import Sequence
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint, Element, Property
from hie.fhir.validate.engine import Engine, compiled_constraint
from hie.fhir.validate.generate import NEVER_AT_SHAPE, Shape, Writer, node_constraints
from hie.fhir.validate.presence import decide
from hie.fhir.validate.references import Root, root_of
from hie.fhir.validate.rules import RULES, Rule

MAX_SHAPES = 4096
"""Shapes kept in all. When there are more, all are forgotten: a few feeds need hundreds, only mischief needs more."""


def _never(value: Any, root: Root) -> bool:
    """The shape of what cannot be valid."""
    return False


class Shapes:
    """Shapes of all node types, compiled as they are met. What is kept depends on the definitions alone."""

    def __init__(self, definitions: Definitions, engine: Engine, limit: int = MAX_SHAPES) -> None:
        self._definitions = definitions
        self._engine = engine
        self._limit = limit
        self._nodes: dict[str, _NodeShapes] = {}

    @property
    def kept(self) -> int:
        """How many shapes are kept."""
        return sum(len(node.known) for node in tuple(self._nodes.values()))

    def make_room(self) -> None:
        """Forget every shape when there are too many; generated code that runs goes on."""
        if self.kept >= self._limit:
            for node in tuple(self._nodes.values()):
                node.known.clear()

    def is_valid(self, resource: Any) -> bool:
        """Whether a resource certainly has no error under the base rules."""
        try:
            return self.resource(resource, None)
        except (TypeError, AttributeError, ValueError, KeyError, RecursionError):
            return False

    def resource(self, resource: Any, container: Root | None) -> bool:
        """A resource; `container` is given for a contained one."""
        kind = resource["resourceType"]
        if kind.__class__ is not str or not self._definitions.is_resource(kind):
            return False
        root = root_of(resource) if container is None else Root(resource, container.container, container.contained)
        return self.node(kind).check(resource, root)

    def contained(self, resource: Any, root: Root) -> bool:
        """A contained resource: it sees the references of its container."""
        return "id" in resource and self.resource(resource, root)

    def entry(self, resource: Any, root: Root) -> bool:
        """A resource that stands for itself: in a Bundle entry or a parameter."""
        return self.resource(resource, None)

    def node(self, name: str) -> "_NodeShapes":
        """The shapes of a node type."""
        found = self._nodes.get(name)
        if found is None:
            found = self._nodes.setdefault(name, _NodeShapes(name, self._definitions, self._engine, self))
        return found


class _NodeShapes:
    """The shapes of one node type."""

    def __init__(self, name: str, definitions: Definitions, engine: Engine, shapes: Shapes) -> None:
        self.name = name
        self.known: dict[tuple[str, ...], Shape] = {}
        self._definitions = definitions
        self._engine = engine
        self._shapes = shapes
        self._properties = definitions.properties(name)
        self._is_resource = definitions.is_resource(name)
        declared = definitions.type(name.partition(".")[0])
        if declared is None:
            raise KeyError(name)
        self.element = declared.elements[name]

    def check(self, value: Any, root: Root) -> bool:
        """Whether an object of this node type is certainly valid."""
        return (self.known.get(tuple(value)) or self.miss(value))(value, root)

    def miss(self, value: Any) -> Shape:
        """Compile the shape of an object met for the first time."""
        if value.__class__ is not dict:
            return _never
        keys = tuple(value)
        shape = self._compile(keys)
        self._shapes.make_room()
        self.known[keys] = shape
        return shape

    def _compile(self, keys: tuple[str, ...]) -> Shape:
        members = [self._member(key) for key in keys]
        if any(member is None for member in members) and not self._resource_type_only(keys, members):
            return _never
        elements = {member.name for member in members if member is not None}
        with_value = {m.name for key, m in zip(keys, members, strict=True) if m is not None and key[0] != "_"}
        if not self._cardinality(keys, members, elements):
            return _never
        rules = self._rules(elements, with_value)
        return _never if rules is None else self._generate(keys, members, rules)

    def _resource_type_only(self, keys: tuple[str, ...], members: Sequence[Property | None]) -> bool:
        """Whether `resourceType` on a resource is the only key without element."""
        unknown = [key for key, member in zip(keys, members, strict=True) if member is None]
        return self._is_resource and unknown == ["resourceType"]

    def _member(self, key: str) -> Property | None:
        """The element of a key; `_key` belongs to a primitive."""
        if key[:1] != "_":
            return self._properties.get(key)
        member = self._properties.get(key[1:])
        return member if member is not None and member.is_primitive else None

    def _cardinality(self, keys: tuple[str, ...], members: Sequence[Property | None], names: set[str]) -> bool:
        """Mandatory elements are there, a choice has one type, an element has more than an id."""
        chosen: dict[str, str] = {}
        for member in members:
            if member is not None and chosen.setdefault(member.name, member.key) != member.key:
                return False
        if any(p.element.min > 0 and p.name not in names for p in self._properties.values()):
            return False
        return self._is_resource or bool(names - {"id"})

    def _rules(self, names: set[str], with_value: set[str]) -> list[tuple[Constraint, Rule]] | None:
        """The constraints that values decide; None when presence already breaks one."""
        kind = self.name.rpartition(".")[2]
        open_rules = []
        for constraint in node_constraints(self._definitions, self.name):
            if constraint.severity != "error" or constraint.key in NEVER_AT_SHAPE:
                continue
            compiled = compiled_constraint(constraint)
            settled = None if compiled is None else decide(compiled.tree, kind, names, with_value)
            if settled is False:
                return None
            if settled is None and not self._idle(constraint, names):
                open_rules.append((constraint, self._rule(constraint)))
        return open_rules

    def _idle(self, constraint: Constraint, names: set[str]) -> bool:
        """Whether a rule of contained resources or references has nothing to look at."""
        needed = {"dom-2": "contained", "dom-3": "contained", "dom-4": "contained", "dom-5": "contained"}
        return constraint.key in needed and needed[constraint.key] not in names

    def _rule(self, constraint: Constraint) -> Rule:
        ready = RULES.get(constraint.key)
        if ready is not None:
            return ready
        engine, kind, node = self._engine, _type_of(self.element, self.name), self.name
        return lambda value, root: engine.holds(constraint, value, kind, node, root)

    def _generate(
        self, keys: tuple[str, ...], members: Sequence[Property | None], rules: list[tuple[Constraint, Rule]]
    ) -> Shape:
        writer = Writer(self._definitions, self._shapes, self._engine)
        for index, (key, member) in enumerate(zip(keys, members, strict=True)):
            if member is not None:
                writer.member(index, key, member, keys)
        for _, rule in rules:
            writer.require(f"{writer.constant(rule)}(v, r)")
        return writer.function(len(keys), f"<shape {self.name}>")


def _type_of(element: Element, node: str) -> str:
    return element.types[0].code if element.types and "." in node else node.partition(".")[0]
