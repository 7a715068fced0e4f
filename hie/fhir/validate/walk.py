"""The full walk over a resource: every rule, every issue, in document order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.base.resource import JsonView
from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint, Element
from hie.fhir.path import Node
from hie.fhir.place import Place
from hie.fhir.validate.bindings import Bindings
from hie.fhir.validate.datatypes import DATATYPE_RULES, no_faults
from hie.fhir.validate.engine import MALFORMED, Engine
from hie.fhir.validate.extensions import Use, extension_faults
from hie.fhir.validate.generate import NEVER_AT_SHAPE, reference_types
from hie.fhir.validate.log import Log
from hie.fhir.validate.narrative import narrative_faults
from hie.fhir.validate.occurrences import Found, occurrences
from hie.fhir.validate.options import Options
from hie.fhir.validate.plan import Child, Plan, Plans, Slice
from hie.fhir.validate.primitives import CHECKS, FORMS
from hie.fhir.validate.references import Root, entry_types, root_of, target_check
from hie.fhir.validate.resources import RESOURCE_RULES
from hie.fhir.validate.rules import RULES, Rule
from hie.fhir.validate.slicecount import SliceCount
from hie.fhir.validate.slicing import slice_of
from hie.fhir.validate.values import fits, same


@dataclass(frozen=True, slots=True)
class Tools:
    """What a walk works with; made once by the validator."""

    definitions: Definitions
    plans: Plans
    engine: Engine
    bindings: Bindings


@dataclass
class Walk:
    """One validation; what it finds is in `log`."""

    tools: Tools
    options: Options
    log: Log = field(default_factory=Log)
    _holders: list[tuple[str, str]] = field(default_factory=list)
    _entries: Mapping[str, str] = field(default_factory=dict)
    _base: Place = field(default_factory=lambda: Place(""))

    @property
    def bindings(self) -> Bindings:
        """The checks of coded values."""
        return self.tools.bindings

    # -- resources and objects ---------------------------------------------------------------------------------

    def resource(self, value: Any, place: Place, container: Root | None = None, plan: Plan | None = None) -> None:
        """A resource against its base definition, or against the plan of a profile."""
        kind = value.get("resourceType") if isinstance(value, dict) else None
        definitions = self.tools.definitions
        if not isinstance(kind, str) or not definitions.is_resource(kind):
            self.log.error("structure", "resource-type", "This is no resource of a known type", place)
            return
        root = root_of(value) if container is None else Root(value, container.container, container.contained)
        outer, self._base = self._base, place
        around = self._entries
        if kind == "Bundle" and not self.options.base_only:
            self._entries = entry_types(value)
        base = self.tools.plans.of_type(kind)
        if plan is not None and plan.definition.type != kind:
            text = f"The profile is for {plan.definition.type}, not for {kind}"
            self.log.error("structure", "profile-type", text, place)
        elif plan is not None:
            self.object(value, plan, place, root)
        elif base is not None:
            self.object(value, base, place, root)
            if not self.options.base_only:
                self._beyond_base(value, kind, place, root)
        self._base, self._entries = outer, around

    def _beyond_base(self, value: JsonView, kind: str, place: Place, root: Root) -> None:
        """The rules of `conformance` and `bundle`, and the profiles that a resource claims."""
        for rule in RESOURCE_RULES.get(kind, ()):
            for found in rule(value, self.tools.definitions, self.options):
                self.log.report(found.severity, found.code, found.rule, found.text, place.at(found.pointer))
        meta = value.get("meta")
        claimed = meta.get("profile") if isinstance(meta, dict) else None
        for index, url in enumerate(claimed if isinstance(claimed, list) else ()):
            if isinstance(url, str):
                self.profile(value, url, place, root, place.member("meta").member("profile").item(index), "warning")

    def profile(self, value: JsonView, url: str, place: Place, root: Root, claim: Place, unknown: str) -> None:
        """A resource against a profile; `unknown` is the severity when there is no such profile."""
        plan = self.tools.plans.of_profile(url)
        if plan is None:
            self.log.report(unknown, "not-found", "profile-unknown", "The profile is not known", claim)
        elif plan.definition.kind != "resource":
            self.log.error("invalid", "profile-type", "The profile is not for resources", claim)
        elif plan.definition.type == value.get("resourceType"):
            self.object(value, plan, place, root)
        elif plan.definition.type not in ("Resource", "DomainResource"):
            self.log.error("structure", "profile-type", f"The profile is for {plan.definition.type}", claim)

    def object(self, value: Any, plan: Plan, place: Place, root: Root) -> None:
        """An object against a plan."""
        if not isinstance(value, dict):
            self.log.error("structure", "json-type", "A JSON object belongs here", place)
            return
        if not value:
            self.log.error("structure", "json-empty", "An object may not be empty", place)
            return
        if plan.is_whole:
            self._unknown_members(value, plan, place)
        self._members(value, plan, place, root)
        self._constraints(plan.constraints, value, None, plan.type_name, plan.node, place, root)
        if plan.is_whole and not plan.is_resource and value.keys() <= {"id"}:
            self.log.error("invariant", "ele-1", "An element has a value or members beside its id", place)

    def _members(self, value: JsonView, plan: Plan, place: Place, root: Root) -> None:
        present = {key.removeprefix("_") for key in value}
        for child in plan.children:
            if not (child.optional and present.isdisjoint(child.base_keys)):
                self._child(value, child, plan, place, root)

    def _unknown_members(self, value: JsonView, plan: Plan, place: Place) -> None:
        for key in value:
            if key == "resourceType" and plan.is_resource:
                continue
            member = plan.members.get(key.removeprefix("_"))
            if member is None or (key.startswith("_") and not member.is_primitive):
                self.log.error(
                    "structure", "unknown-element", "This element is not known here", place.member(_safe(key))
                )

    def _child(self, value: JsonView, child: Child, plan: Plan, place: Place, root: Root) -> None:
        element = child.element
        found = list(occurrences(value, child, plan, place, self.log))
        self._count(element, len(found), place, plan)
        for one in found:
            self.item(one, element, plan, root)
        if child.slices:
            self._slices(found, child, plan, place, root)

    def _count(self, element: Element, count: int, place: Place, plan: Plan) -> None:
        if count < element.min:
            text = f"{element.name} is required" if element.min == 1 else f"{element.name}: {element.min} are required"
            self.log.error("required", "cardinality-min", text, place)
        if element.max is not None and count > element.max:
            text = f"{element.name}: at most {element.max} allowed" if element.max else f"{element.name} is not allowed"
            self.log.error("structure", "cardinality-max", text, place.member(element.name))

    # -- single values -----------------------------------------------------------------------------------------

    def item(self, found: Found, element: Element, plan: Plan, root: Root) -> None:
        """One occurrence of an element."""
        kind = found.kind.code
        if kind == "Resource" or self.tools.definitions.is_resource(kind):
            self._nested(found, element, root)
            return
        if kind == "Extension" and plan.is_whole and not self.options.base_only:
            self._extension(found, element, plan, root)
        self._holders.append((element.content_reference or element.path, kind))
        if self.tools.definitions.is_primitive(kind):
            self._primitive(found, element, plan, root)
        else:
            inner = plan.inner(element, found.kind)
            if inner is not None:
                self.object(found.value, inner, found.place, root)
            if isinstance(found.value, dict):
                self._constraints(own_constraints(element, inner), found.value, None, kind, kind, found.place, root)
        if isinstance(found.value, dict | str):
            self._meaning(found, element, root)
        if plan.is_whole and not self.options.base_only:
            for severity, code, rule, text in DATATYPE_RULES.get(kind, no_faults)(found.value, self):
                self.log.report(severity, code, rule, text, found.place)
        self._fixed(found, element)
        self._holders.pop()

    def _nested(self, found: Found, element: Element, root: Root) -> None:
        kind = found.value.get("resourceType") if isinstance(found.value, dict) else None
        if found.kind.code not in ("Resource", kind):
            self.log.error("structure", "type", f"A {found.kind.code} belongs here", found.place)
            return
        inside = element.name == "contained"
        if inside and isinstance(found.value, dict) and "id" not in found.value:
            self.log.error("required", "contained-id", "A contained resource has an id", found.place)
        if inside and not self.options.check_contained:
            return
        self.resource(found.value, found.place, root if inside else None)
        if not isinstance(found.value, dict):
            return
        here = root if inside else root_of(found.value)
        for row in element.types:
            for url in row.profile if row.code in ("Resource", kind) else ():
                self.profile(found.value, url, found.place, here, found.place, "warning")

    def _extension(self, found: Found, element: Element, plan: Plan, root: Root) -> None:
        """What the definition of an extension says about its use."""
        where = found.place.expression[len(self._base.expression) :]
        resource = str(root.resource.get("resourceType"))
        at_root = where.count(".") == 1
        holder, kind = (resource, resource) if at_root or not self._holders else self._holders[-1]
        use = Use(resource, where, holder, kind, element.name == "modifierExtension")
        known = self.tools.plans
        for severity, rule, text in extension_faults(found.value, use, known, self.options, self.tools.definitions):
            self.log.report(severity, "structure", rule, text, found.place)
        url = found.value.get("url") if isinstance(found.value, dict) else None
        inner = known.of_profile(url) if isinstance(url, str) and ":" in url else None
        if inner is not None and inner.definition.type == "Extension":
            self._holders.append((element.path, "Extension"))
            self.object(found.value, inner, found.place, root)
            self._holders.pop()

    def _primitive(self, found: Found, element: Element, plan: Plan, root: Root) -> None:
        kind, value, place = found.kind.code, found.value, found.place
        base = self.tools.plans.of_type("Element")
        if found.sibling is not None and base is not None:
            self.object(found.sibling, base, place, root)
        stated = plan.inner(element, found.kind) if plan.definition.kind == "resource" else None
        if stated is not None and stated.definition is plan.definition:
            self._members(found.sibling or {}, stated, place, root)
        if value is None:
            return
        if not CHECKS[kind](value):
            empty = value == "" or value == {} or value == []
            rule = "json-empty" if empty else f"primitive-{kind}"
            text = "A value may not be empty" if empty else f"A {kind} is {FORMS[kind]}"
            self.log.error("value", rule, text, place)
            return
        if kind == "xhtml":
            for rule, text in narrative_faults(value):
                self.log.error("invariant", rule, text, place)
        if element.max_length is not None and isinstance(value, str) and len(value) > element.max_length:
            self.log.error("too-long", "max-length", f"At most {element.max_length} characters are allowed", place)
        self._range(value, element, place)
        self._constraints(element.constraints, value, found.sibling, kind, kind, place, root)

    def _range(self, value: Any, element: Element, place: Place) -> None:
        if isinstance(element.min_value, int | float) and value < element.min_value:
            self.log.error("value", "min-value", "The value is lower than allowed", place)
        if isinstance(element.max_value, int | float) and value > element.max_value:
            self.log.error("value", "max-value", "The value is higher than allowed", place)

    def _meaning(self, found: Found, element: Element, root: Root) -> None:
        """Bindings and reference targets."""
        if element.binding is not None:
            for severity, code, rule, text in self.tools.bindings.faults(found.value, found.kind.code, element.binding):
                self.log.report(severity, code, rule, text, found.place)
        definitions = self.tools.definitions
        targets = reference_types(element, found.kind.code, definitions)
        if targets is None or not isinstance(found.value, dict):
            return
        literal = found.value.get("reference")
        entry = self._entries.get(literal) if isinstance(literal, str) else None
        fits_entry = entry is None or entry in targets
        if not (fits_entry and target_check(targets, definitions.is_resource)(found.value, root)):
            text = f"A reference here points to {', '.join(sorted(targets))}"
            self.log.error("structure", "reference-target", text, found.place)

    def _fixed(self, found: Found, element: Element) -> None:
        if element.fixed is not None and not same(found.value, element.fixed[1]):
            self.log.error("value", "fixed", "The value is not the one that the profile fixes", found.place)
        if element.pattern is not None and not fits(found.value, element.pattern[1]):
            self.log.error("value", "pattern", "The value does not fit the pattern of the profile", found.place)

    def _constraints(
        self, rows: Sequence[Constraint], value: Any, sibling: Any, kind: str, node: str, place: Place, root: Root
    ) -> None:
        for constraint in rows:
            if constraint.key in NEVER_AT_SHAPE:
                continue
            if self.options.base_only and constraint.severity != "error":
                continue
            if constraint.key == "dom-3" and not self.options.check_contained:
                continue
            rule = RULES.get(constraint.key) if isinstance(value, dict) else None
            if rule is None:
                kept = self.tools.engine.holds(constraint, value, kind, node, root, sibling)
            else:
                kept = keeps(rule, value, root)
            if not kept:
                self.log.report(constraint.severity, "invariant", constraint.key, constraint.human, place)

    # -- slices ------------------------------------------------------------------------------------------------

    def _slices(self, found: Sequence[Found], child: Child, plan: Plan, place: Place, root: Root) -> None:
        """Put each item into its slice, hold it against the slice, and look at counts, order and closure."""
        counted = SliceCount(child, self.log)
        for one in found:
            mine = self.slice_of(one, child, child.element.slicing or {}, plan, root)
            counted.put(mine, one.place)
            if mine is not None:
                self.item(one, mine.element, plan, root)
        counted.close(place)

    def slice_of(self, one: Found, child: Child, slicing: Mapping[str, Any], plan: Plan, root: Root) -> Slice | None:
        """The slice of one item."""
        kind = one.kind.code
        if kind == "Resource" and isinstance(one.value, dict):
            kind = str(one.value.get("resourceType"))
        node = child.element.path if kind in ("BackboneElement", "Element") else kind

        def select(path: str) -> list[Node]:
            if path == "$this":
                return [Node(one.value, kind, node, one.sibling)]
            return self.tools.engine.select(path, one.value, kind, node, root, one.sibling)

        return slice_of(kind, child.slices, slicing, plan.definition, select, self._conforms)

    def _conforms(self, node: Node, url: str) -> bool:
        """Whether an element fits a profile: tried on a walk of its own."""
        plan = self.tools.plans.of_profile(url)
        if plan is None or plan.definition.type != node.type:
            return plan is None and url == node.type
        attempt = Walk(self.tools, self.options)
        if plan.is_resource:
            attempt.resource(node.value, Place(node.type), plan=plan)
        else:
            attempt.object(node.value, plan, Place(node.type), root_of({}))
        return not any(issue.fails for issue in attempt.log.issues)


def own_constraints(element: Element, inner: Plan | None) -> list[Constraint]:
    """The constraints that a use of a data type adds to those that its plan looks after."""
    known = {"ele-1", "ext-1"} if inner is None else {rule.key for rule in inner.constraints}
    return [rule for rule in element.constraints if rule.key not in known]


def keeps(rule: Rule, value: JsonView, root: Root) -> bool:
    """Whether an object keeps a rule; one that is malformed inside gives no claim beside its structural issues."""
    try:
        return rule(value, root)
    except MALFORMED:
        return True


def _safe(key: str) -> str:
    """An unknown member's name, cut so that a message stays a message."""
    return "".join(part for part in key if part.isalnum() or part in "_-")[:40] or "?"
