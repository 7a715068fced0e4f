"""Whether a resource certainly conforms to a profile: the profile compiled to a few closures, for the write path.

One-sided like `shape`: yes means that the walk finds no error in what the profile states beyond the base definition; no
means "ask the walk". A test holds both against each other. Discriminators that need more than a path (existence,
profiles, `resolve()`) are never answered here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from hie.base.resource import JsonView
from hie.base.systems import CORE
from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint, Element, ElementType
from hie.fhir.validate.bindings import Bindings
from hie.fhir.validate.engine import Engine
from hie.fhir.validate.generate import reference_types
from hie.fhir.validate.plan import Child, Plan, Plans, Slice
from hie.fhir.validate.references import Root, root_of, target_check
from hie.fhir.validate.slicing import DEFAULT, wanted
from hie.fhir.validate.values import fits, same

Holds = Callable[[Any, Any, Root], bool]
"""(value, its `_x` half, root) -> whether it certainly conforms."""
Within = Callable[[JsonView, Root], bool]
Matches = Callable[[Any, str], bool]
"""(item, its type) -> whether it is in a slice."""


@dataclass(frozen=True, slots=True)
class _Sliced:
    """A slice, compiled: how many items, which ones, and the check of an item by its type."""

    low: int
    high: int | None
    matches: Matches
    items: Mapping[str, Holds | None]

    def allows(self, count: int) -> bool:
        return count >= self.low and (self.high is None or count <= self.high)


class Conforming:
    """The compiled profiles, each made on first use. One instance serves all threads."""

    def __init__(self, definitions: Definitions, plans: Plans, engine: Engine, bindings: Bindings) -> None:
        self._definitions = definitions
        self._plans = plans
        self._engine = engine
        self._bindings = bindings
        self._made: dict[str, Within] = {}

    def conforms(self, resource: JsonView, url: str) -> bool:
        """Whether a resource that keeps the base rules certainly keeps those of a profile."""
        check = self._made.get(url)
        if check is None:
            plan = self._plans.of_profile(url)
            if plan is None:
                return False
            known = plan.definition.stated is not None and not plan.definition.abstract
            check = self._made.setdefault(url, self._object(plan, plan.definition.type) if known else _unknown)
        return check(resource, root_of(resource))

    def _object(self, plan: Plan, kind: str = "") -> Within:
        """The check of an object: its stated members and constraints; `kind` is that of a resource."""
        asked = (self._member(child, plan) for child in plan.children)
        members = [member for member in asked if member is not None]
        rules = [self._rule(rule, plan.type_name, plan.node) for rule in self._own(plan.constraints, plan.element)]

        def holds(value: JsonView, root: Root) -> bool:
            if value.__class__ is not dict or (kind and value.get("resourceType") != kind):
                return False
            for member in members:
                if not member(value, root):
                    return False
            return all(rule(value, None, root) for rule in rules)

        return holds

    def _own(self, rules: Iterable[Constraint], element: Element) -> list[Constraint]:
        """The rules that are errors and that the base definition does not have."""
        base = self._definitions.element(element.base.partition(".")[0], element.base)
        known = {rule.key for rule in base.constraints} if base is not None else set()
        return [rule for rule in rules if rule.severity == "error" and rule.key not in known]

    def _rule(self, rule: Constraint, kind: str, node: str) -> Holds:
        return lambda value, sibling, root: self._engine.holds(rule, value, kind, node, root, sibling)

    def _member(self, child: Child, plan: Plan) -> Within | None:
        """The check of a member element: which keys may carry it, how often, each item, its slices; None when the base
        definition has settled all of that."""
        element = child.element
        forbidden = {half for key in child.base_keys if key not in child.keys for half in (key, f"_{key}")}
        keys = [
            (key, f"_{key}", plan.members[key].is_list, kind.code, self._item(element, kind, plan))
            for key, kind in child.keys.items()
            if key in plan.members
        ]
        low, high = element.min, element.max
        sliced = self._sliced(child, plan) if child.slices else None
        limited = low > 0 or (high is not None and any(is_list for _, _, is_list, _, _ in keys))
        if not forbidden and not limited and sliced is None and all(item is None for *_, item in keys):
            return None

        def holds(value: JsonView, root: Root) -> bool:
            if forbidden and not forbidden.isdisjoint(value):
                return False
            count = 0
            for key, half, is_list, kind, item in keys:
                here: Any = value.get(key)
                sibling = value.get(half)
                if here is None and sibling is None:
                    continue
                if is_list and here.__class__ is not list:
                    return False
                values: list[Any] = here if is_list else [here]
                halves = _paired(sibling, len(values)) if is_list else [sibling]
                count += len(values)
                if item is not None and not all(map(item, values, halves, repeat(root))):
                    return False
                if sliced is not None and not sliced(values, halves, kind, root):
                    return False
            if sliced is not None and not count and not sliced([], [], "", root):
                return False
            return count >= low and (high is None or count <= high)

        return holds

    def _item(self, element: Element, kind: ElementType, plan: Plan) -> Holds | None:
        """The check of one occurrence; None when there is nothing to ask."""
        tests: list[Holds] = []
        if element.fixed is not None:
            fixed = element.fixed[1]
            tests.append(lambda value, sibling, root: same(value, fixed))
        if element.pattern is not None:
            pattern = element.pattern[1]
            tests.append(lambda value, sibling, root: fits(value, pattern))
        if element.binding is not None and element.binding.strength == "required":
            binding, code = element.binding, kind.code
            tests.append(lambda value, sibling, root: not any(self._bindings.faults(value, code, binding)))
        targets = reference_types(element, kind.code, self._definitions)
        if targets is not None:
            target = target_check(targets, self._definitions.is_resource)
            tests.append(lambda value, sibling, root: value.__class__ is dict and target(value, root))
        if element.max_length is not None or element.min_value is not None or element.max_value is not None:
            tests.append(_unknown_item)
        inner = None if self._definitions.is_primitive(kind.code) else plan.inner(element, kind)
        seen = {rule.key for rule in inner.constraints} if inner is not None else set()
        rules = [rule for rule in self._own(element.constraints, element) if rule.key not in seen]
        tests += [self._rule(rule, kind.code, kind.code) for rule in rules]
        if kind.code == "Resource" or self._definitions.is_resource(kind.code):
            tests.append(_unknown_item)
        below = self._below(element, kind, plan)
        if below is not None:
            tests.append(below)
        return None if not tests else tests[0] if len(tests) == 1 else _all(tests)

    def _below(self, element: Element, kind: ElementType, plan: Plan) -> Holds | None:
        """The check of what a profile states below an element; None when it states nothing."""
        inner = plan.inner(element, kind)
        if inner is None or inner.definition.url == CORE + kind.code or not (inner.children or inner.constraints):
            return None
        check = self._object(inner)
        if self._definitions.is_primitive(kind.code):
            return lambda value, sibling, root: check(sibling or {}, root)
        return lambda value, sibling, root: check(value, root)

    # -- slices --------------------------------------------------------------------------------------------------

    def _sliced(self, child: Child, plan: Plan) -> Callable[[Sequence[Any], Sequence[Any], str, Root], bool]:
        """The check of the slices of an element over all its items."""
        slicing = child.element.slicing or {}
        closed, ordered = slicing.get("rules") in ("closed", "openAtEnd"), bool(slicing.get("ordered"))
        rows: list[_Sliced] = []
        for one in child.slices:
            told = one.name != DEFAULT and not any(self._definitions.is_resource(t.code) for t in one.element.types)
            matches = self._matcher(one, slicing, child, plan) if told else None
            if matches is None:
                return lambda values, halves, kind, root: False
            items = {kind.code: self._item(one.element, kind, plan) for kind in one.element.types}
            rows.append(_Sliced(one.element.min, one.element.max, matches, items))

        def holds(values: Sequence[Any], halves: Sequence[Any], kind: str, root: Root) -> bool:
            counts = [0] * len(rows)
            furthest = 0
            for value, half in zip(values, halves, strict=True):
                index = next((i for i, row in enumerate(rows) if row.matches(value, kind)), None)
                if index is None and closed:
                    return False
                if index is None:
                    continue
                if ordered and index < furthest:
                    return False
                furthest = index
                counts[index] += 1
                item = rows[index].items.get(kind, _unknown_item)
                if item is not None and not item(value, half, root):
                    return False
            return all(row.allows(count) for row, count in zip(rows, counts, strict=True))

        return holds

    def _matcher(self, one: Slice, slicing: Mapping[str, Any], child: Child, plan: Plan) -> Matches | None:
        """Whether an item belongs to a slice; None when that cannot be compiled."""
        first = next(iter(child.keys.values()), ElementType(""))
        implied = {"type": "value", "path": "url"} if first.code == "Extension" else {"type": "type", "path": "$this"}
        tests: list[Matches] = []
        for row in slicing.get("discriminator") or [implied]:
            how, path = row["type"], row["path"]
            if how == "type" and path == "$this":
                codes = frozenset(kind.code for kind in one.element.types)
                tests.append(_of_types(codes))
            elif how in ("value", "pattern") and _is_plain(path):
                asked = list(wanted(one.element, path, plan.definition))
                steps = () if path == "$this" else tuple(path.split("."))
                if asked:
                    tests.append(_by_path(steps, asked))
            else:
                return None
        return tests[0] if len(tests) == 1 else lambda value, kind: bool(tests) and all(t(value, kind) for t in tests)


def _paired(halves: Any, count: int) -> list[Any]:
    return halves if halves.__class__ is list and len(halves) == count else [None] * count


def _all(tests: Sequence[Holds]) -> Holds:
    def holds(value: Any, sibling: Any, root: Root) -> bool:
        return all(test(value, sibling, root) for test in tests)

    return holds


def _of_types(codes: frozenset[str]) -> Matches:
    return lambda value, kind: kind in codes


def _is_plain(path: str) -> bool:
    return path == "$this" or path.replace(".", "").isalnum()


def _by_path(steps: Sequence[str], asked: Sequence[Callable[[Any], bool]]) -> Matches:
    def matches(value: Any, kind: str) -> bool:
        values = [value]
        for step in steps:
            values = [found for one in values if one.__class__ is dict for found in _listed(one.get(step))]
        return all(any(test(one) for one in values) for test in asked)

    return matches


def _listed(value: Any) -> Sequence[Any]:
    return () if value is None else value if value.__class__ is list else (value,)


def _unknown(value: JsonView, root: Root) -> bool:
    return False


def _unknown_item(value: Any, sibling: Any, root: Root) -> bool:
    return False
