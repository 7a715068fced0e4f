"""Which slice an item belongs to (FHIR R4 profiling §5.1.0.14).

Discriminators by value, pattern, type, existence and profile; several must all match. A discriminator for which the
slice says nothing does not tell, and a slice of which no discriminator tells has no items.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from hie.base.systems import CORE
from hie.fhir.element import Element, TypeDefinition
from hie.fhir.path import Node
from hie.fhir.validate.plan import Slice
from hie.fhir.validate.values import fits, same

Select = Callable[[str], list[Node]]
"""FHIRPath -> the elements below the item."""
Conforms = Callable[[Node, str], bool]
"""Whether an element fits a profile."""

DEFAULT = "@default"


def slice_of(
    kind: str,
    slices: Sequence[Slice],
    slicing: Mapping[str, Any],
    within: TypeDefinition,
    select: Select,
    fit: Conforms,
) -> Slice | None:
    """The slice of an item of type `kind`: the first that matches, the default slice, or None."""
    implied = {"type": "value", "path": "url"} if kind == "Extension" else {"type": "type", "path": "$this"}
    rows = slicing.get("discriminator") or [implied]
    for candidate in slices:
        if candidate.name != DEFAULT and _matches(kind, candidate.element, rows, within, select, fit):
            return candidate
    return next((candidate for candidate in slices if candidate.name == DEFAULT), None)


def _matches(
    kind: str,
    element: Element,
    rows: Sequence[Mapping[str, str]],
    within: TypeDefinition,
    select: Select,
    fit: Conforms,
) -> bool:
    answers = [_discriminated(kind, element, row["type"], row["path"], within, select, fit) for row in rows]
    return False not in answers and True in answers


def _discriminated(
    kind: str, element: Element, how: str, path: str, within: TypeDefinition, select: Select, fit: Conforms
) -> bool | None:
    """Whether one discriminator matches; None when the slice does not say."""
    if how in ("value", "pattern"):
        return _by_value(element, path, within, select)
    constrained = list(_elements_at(element, path, within))
    if not constrained:
        return None
    if how == "exists":
        there = bool(select(path))
        return any((there and e.max != 0 and e.min > 0) or (not there and e.max == 0) for e in constrained)
    codes = {t.code for e in constrained for t in e.types}
    if how == "type":
        if path == "$this":
            return kind in codes
        targets = (
            {target for e in constrained for target in e.reference_targets} if path.endswith("resolve()") else set()
        )
        return any(node.type in codes | targets for node in select(path))
    if how == "profile":
        urls = [url for e in constrained for t in e.types for url in (t.profile or t.target_profile)]
        return any(fit(node, url) for node in select(path) for url in urls) if urls else None
    return None


def _by_value(element: Element, path: str, within: TypeDefinition, select: Select) -> bool | None:
    asked = list(wanted(element, path, within))
    if not asked:
        return None
    values = [node.value for node in select(path)]
    return all(any(test(value) for value in values) for test in asked)


def wanted(element: Element, path: str, within: TypeDefinition) -> Iterator[Callable[[Any], bool]]:
    """The tests that the slice sets for the values at `path`."""
    if path == "url" and element.types and element.types[0].code == "Extension":
        for url in element.types[0].profile:
            yield partial(same, fixed=url if ":" in url else CORE + url)
    steps = [step for step in path.split(".") if step != "$this"]
    for depth in range(len(steps) + 1):
        for found in _elements_at(element, ".".join(steps[:depth]) or "$this", within):
            yield from _tests(found, steps[depth:])


def _tests(element: Element, rest: Sequence[str]) -> Iterator[Callable[[Any], bool]]:
    for stated, test, stated_as in ((element.fixed, same, "fixed"), (element.pattern, fits, "pattern")):
        if stated is not None:
            for part in _project(stated[1], rest):
                yield partial(test, **{stated_as: part})


def _project(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The parts of a fixed or pattern value below some steps."""
    if isinstance(value, list):
        for item in value:
            yield from _project(item, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from _project(value[steps[0]], steps[1:])


def _elements_at(element: Element, path: str, within: TypeDefinition) -> Iterator[Element]:
    """The elements of the profile at a discriminator path below a slice; sliced ones included."""
    places = [element.id]
    for step in () if path == "$this" else path.split("."):
        if step == "resolve()" or step.startswith(("ofType(", "extension(")):
            continue
        places = [
            row.id
            for row in within.elements.values()
            for place in places
            if row.id.startswith(f"{place}.{step}") and _is_step(row.id[len(place) + 1 :], step)
        ]
    for place in places:
        found = within.elements.get(place)
        if found is not None:
            yield found


def _is_step(tail: str, step: str) -> bool:
    """Whether an id tail is the step itself, as a choice or a slice."""
    return tail.partition(":")[0].removesuffix("[x]") == step and "." not in tail.partition(":")[2]
