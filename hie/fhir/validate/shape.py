"""The fast answer to "is this valid?": straight-line code per *shape*.

A shape is the sequence of member names of one object of one node type. Everything that names alone decide (unknown
elements, cardinality, choices, most invariants) is settled when a shape is met for the first time; what is left is
generated as one flat function that only looks at values. Feeds send few shapes many times, so a resource costs a few
dictionary lookups and its value checks.

The answer is one-sided: true means that the full walk (`walk`) finds no error with base rules; false means "look".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint, Element, Property
from hie.fhir.validate import primitives
from hie.fhir.validate.engine import Engine, compiled_constraint
from hie.fhir.validate.narrative import is_narrative
from hie.fhir.validate.presence import decide
from hie.fhir.validate.references import Root, root_of, target_check
from hie.fhir.validate.rules import RULES, Rule

Shape = Callable[[Any, Root], bool]

MAX_SHAPES = 4096
"""Shapes kept in all. When there are more, all are forgotten: a few feeds need hundreds, only mischief needs more."""

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
        writer = _Writer(self._definitions, self._shapes, self._engine)
        for index, (key, member) in enumerate(zip(keys, members, strict=True)):
            if member is not None:
                writer.member(index, key, member, keys)
        for _, rule in rules:
            writer.require(f"{writer.constant(rule)}(v, r)")
        return writer.function(len(keys), f"<shape {self.name}>")


def _type_of(element: Element, node: str) -> str:
    return element.types[0].code if element.types and "." in node else node.partition(".")[0]


def node_constraints(definitions: Definitions, node: str) -> tuple[Constraint, ...]:
    """The constraints on every object of a node type."""
    declared = definitions.type(node.partition(".")[0])
    return () if declared is None else declared.elements[node].constraints


class _Writer:
    """Writes the function of one shape."""

    def __init__(self, definitions: Definitions, shapes: Shapes, engine: Engine) -> None:
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
