"""Predicates about things that should be stated once, and people who should not be the same."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hie.quality.about import About, Stated
from hie.quality.element import reader
from hie.quality.predicate import DocumentTest, Predicate, ResourceTest


def distinct(*, type: str, elements: Sequence[str]) -> DocumentTest:
    """No two resources of `type` are equal in all `elements`; those without one of them are not judged.

    Members are held against those of the same root (results against those of their report), roots against all of a
    draft.
    """
    readers = [reader(element) for element in elements]

    def test(about: About) -> bool:
        if len(about.of(type)) < 2:
            return True
        stated = (
            repr((None if one.root else one.contribution.target, values))
            for one in about.of(type)
            if all(values := [read(one.resource) for read in readers])
        )
        return max(Counter(stated).values(), default=1) == 1

    return test


def diagnosed_once(about: About) -> bool:
    """No two conditions of a draft have the same codes and text and the same use in a visit: a diagnosis may be made on
    admission and again on discharge."""
    uses = {
        entry["condition"]["reference"]: entry.get("use")
        for visit in about.of("Encounter")
        for entry in visit.resource.get("diagnosis", ())
    }
    made = [repr((code, uses.get(one.key.reference))) for one in about.of("Condition") if (code := _concept(one))]
    return len(set(made)) == len(made)


def _concept(stated: Stated) -> tuple[list[Any], Any] | None:
    """The codes and the text of what is stated."""
    code = stated.resource.get("code")
    return ([coding.get("code") for coding in code.get("coding", ())], code.get("text")) if code else None


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
    "diagnosed-once": Predicate("document", lambda: diagnosed_once),
    "differ": Predicate("resource", differ, ("first", "second")),
    "differ-in": Predicate("document", differ_in),
}
