"""Predicates about things that should be stated once, and people who should not be the same."""

from collections.abc import Sequence
from typing import Any

from hie.quality.about import About, Stated
from hie.quality.element import reader
from hie.quality.predicate import DocumentTest, Predicate, ResourceTest


def distinct(*, type: str, elements: Sequence[str]) -> DocumentTest:
    """No two resources of `type` in a draft are equal in all `elements`; those without one of them are not judged."""
    readers = [reader(element) for element in elements]

    def test(about: About) -> bool:
        if len(about.of(type)) < 2:
            return True
        seen: set[str] = set()
        for one in about.of(type):
            values = [read(one.resource) for read in readers]
            if all(values):
                text = repr(values)
                if text in seen:
                    return False
                seen.add(text)
        return True

    return test


def differ(*, first: str, second: str) -> ResourceTest:
    """No value at `first` is also one at `second`."""
    one, other = reader(first), reader(second)

    def test(stated: Stated, about: About) -> bool:
        values: list[Any] = other(stated.resource)
        return not values or not any(value in values for value in one(stated.resource))

    return test


def differ_in(*, first: str, second: str) -> DocumentTest:
    """The same across the resources of a draft: both paths begin with a type (`RelatedPerson.name.text`)."""
    type_one, _, path_one = first.partition(".")
    type_other, _, path_other = second.partition(".")
    one, other = reader(path_one), reader(path_other)

    def test(about: About) -> bool:
        values = [v for stated in about.of(type_other) for v in other(stated.resource)]
        return not values or not any(v in values for stated in about.of(type_one) for v in one(stated.resource))

    return test


PREDICATES = {
    "distinct": Predicate("document", distinct),
    "differ": Predicate("resource", differ, ("first", "second")),
    "differ-in": Predicate("document", differ_in),
}
