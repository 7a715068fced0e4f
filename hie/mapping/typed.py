"""Transforms whose values do not fit the element that a field states."""

from collections.abc import Iterator, Sequence

from hie.fhir.element import Property
from hie.mapping.problem import Problem
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import GIVES


def typed(field: Table, members: Sequence[Property]) -> Iterator[Problem]:
    """A transform, or none, whose value is of another type than the element."""
    name = str(field.get("transform", ""))
    gives = GIVES.get(name)
    if gives is None or not field.data.keys() & {"source", "parts"} or "codes" in field.data:
        return
    types = list(dict.fromkeys(m.type for m in members if m.key == field.get("choice", m.key)))
    if not types or set(types) & set(gives):
        return
    said = f"{name!r} gives a {gives[0]}" if name else "without 'transform' the text is stated as it was sent"
    makers = [maker for maker, made in GIVES.items() if types[0] in made and maker]
    hint = f"; such a value comes from {', '.join(makers)}" if makers else ""
    yield field.problem(
        f"{said}, and {field.get('target')} is a {' or '.join(types[:3])}{hint}", "transform" if name else "target"
    )
