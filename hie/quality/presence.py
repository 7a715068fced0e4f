"""Predicates about what is there: elements, elements that another one calls for, parts of a document, links."""

from collections.abc import Sequence
from typing import Any

from hie.base.draft import Key
from hie.fhir.path.scope import MemberOf
from hie.quality.about import About, Stated
from hie.quality.element import reader
from hie.quality.predicate import DocumentTest, Predicate, ResourceTest


def present(*, element: str, other: str = "", roots: bool = True) -> ResourceTest:
    """The element is stated, or the `other` one that says the same. `roots`: only resources that a draft states for
    themselves and may create are asked."""
    readers = [reader(path) for path in (element, other) if path]

    def test(stated: Stated, about: About) -> bool:
        return (roots and not _own(stated)) or any(read(stated.resource) for read in readers)

    return test


def present_when(*, element: str, when: str, among: Sequence[str] = (), but: Sequence[str] = ()) -> ResourceTest:
    """The element is stated where `when` is: with one of the values `among`, if given, and none of `but`."""
    read, condition, wanted, spared = reader(element), reader(when), frozenset(among), frozenset(but)

    def test(stated: Stated, about: About) -> bool:
        found = condition(stated.resource)
        if not found or (wanted and wanted.isdisjoint(found)) or (spared and not spared.isdisjoint(found)):
            return True
        return bool(read(stated.resource))

    return test


def coded(*, element: str, system: str, needed: bool = False) -> ResourceTest:
    """A stated concept has a coding of the system; `needed`: and there is such a concept."""
    read = reader(element)

    def test(stated: Stated, about: About) -> bool:
        concepts = read(stated.resource)
        if not concepts:
            return not needed or not _own(stated)
        return any(coding.get("system") == system for c in concepts for coding in c.get("coding", ()))

    return test


def in_value_set(*, element: str, system: str, value_set: str, member_of: MemberOf) -> ResourceTest:
    """Every coding of `system` in a stated concept is in the value set; one that cannot be told is fine."""
    read = reader(f"{element}.coding")

    def test(stated: Stated, about: About) -> bool:
        return not any(
            coding.get("system") == system and member_of(coding, value_set) is False for coding in read(stated.resource)
        )

    return test


def has_item(*, element: str, system: str) -> ResourceTest:
    """An item of the element has a system that begins or ends with `system`; inactive records are not judged."""
    read = reader(element)

    def test(stated: Stated, about: About) -> bool:
        if not _own(stated) or stated.resource.get("active") is False:
            return True
        systems = (str(item.get("system", "")) for item in read(stated.resource))
        return any(name.startswith(system) or name.endswith(system) for name in systems)

    return test


def has_extension(*, url: str) -> ResourceTest:
    """The resource has the extension."""

    def test(stated: Stated, about: About) -> bool:
        return any(extension.get("url") == url for extension in stated.resource.get("extension", ()))

    return test


def none_of(*, element: str, values: Sequence[str]) -> ResourceTest:
    """The element has none of the values."""
    read, barred = reader(element), frozenset(values)

    def test(stated: Stated, about: About) -> bool:
        return barred.isdisjoint(read(stated.resource))

    return test


def value_when_final(stated: Stated, about: About) -> bool:
    """A result that is final has a value."""
    resource = stated.resource
    if resource.get("status") not in ("final", "corrected", "amended"):
        return True
    return any(name.startswith("value") for name in resource)


def stated(*, type: str, element: str) -> DocumentTest:
    """What a part states about a resource of `type` has the element; several statements about one count together."""
    read = reader(element)

    def test(about: About) -> bool:
        found: dict[Key, bool] = {}
        for one in about.of(type):
            if one.root and one.contribution.exists and one.resource.get("active") is not False:
                found[one.key] = found.get(one.key, False) or bool(read(one.resource))
        return all(found.values())

    return test


def accompanied(*, type: str, by: str) -> DocumentTest:
    """Where a resource of `type` is stated, one of type `by` is stated with it."""

    def test(about: About) -> bool:
        return not about.of(type) or bool(about.of(by))

    return test


def has_subject(stated: Stated, about: About) -> bool:
    """What a feed states itself belongs to a person, or to something that does."""
    return not _own(stated) or stated.contribution.subject is not None or stated.contribution.parent is not None


def has_encounter(stated: Stated, about: About) -> bool:
    """What a feed states itself belongs to an encounter, or to something that does."""
    return not _own(stated) or stated.contribution.encounter is not None or stated.contribution.parent is not None


def sections(*, all: Sequence[str] = (), any: Sequence[str] = (), title: bool = False) -> ResourceTest:
    """A Composition has a section for each code of `all` and one for a code of `any`; `title`: by title, not code."""
    needed, choice = frozenset(all), frozenset(any)

    def test(stated: Stated, about: About) -> bool:
        found = {name for section in stated.resource.get("section", ()) for name in _names(section, title)}
        return needed <= found and (not choice or not choice.isdisjoint(found))

    return test


def _names(section: dict[str, Any], title: bool) -> list[str]:
    if title:
        return [str(section.get("title"))]
    return [str(coding.get("code")) for coding in section.get("code", {}).get("coding", ())]


def _own(stated: Stated) -> bool:
    """Whether a statement may create the resource it is about."""
    return stated.contribution.exists and not (stated.root and stated.contribution.seed)


PREDICATES = {
    "present": Predicate("resource", present, ("element", "other")),
    "present-when": Predicate("resource", present_when, ("element", "when")),
    "coded": Predicate("resource", coded, ("element",)),
    "in-value-set": Predicate("resource", in_value_set, ("element",), terms=True),
    "has-item": Predicate("resource", has_item, ("element",)),
    "has-extension": Predicate("resource", has_extension),
    "none-of": Predicate("resource", none_of, ("element",)),
    "value-when-final": Predicate("resource", lambda: value_when_final),
    "stated": Predicate("document", stated),
    "accompanied": Predicate("document", accompanied),
    "has-subject": Predicate("resource", lambda: has_subject),
    "has-encounter": Predicate("resource", lambda: has_encounter),
    "sections": Predicate("resource", sections),
}
