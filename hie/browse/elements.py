"""Reading FHIR JSON that may lack anything: every function answers with an empty value rather than raising."""

from collections.abc import Iterable, Iterator

from hie.base.resource import Resource

EMPTY: Resource = {}


def items(resource: Resource, name: str) -> list[Resource]:
    """The object items of a repeating element; a single object counts as one item."""
    value = resource.get(name)
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def first(resource: Resource, name: str) -> Resource:
    """The first item of an element, or an empty object."""
    value = resource.get(name)
    if isinstance(value, dict):
        return value
    return next((item for item in value if isinstance(item, dict)), EMPTY) if isinstance(value, list) else EMPTY


def text_of(resource: Resource, name: str) -> str:
    """A primitive element as text; empty when absent or not a primitive."""
    value = resource.get(name)
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, dict | list) else str(value)


def codings(concept: Resource) -> list[Resource]:
    """The codings of a CodeableConcept."""
    return items(concept, "coding")


def concept_text(concept: Resource) -> str:
    """What the source wrote (`text`), else the first display, else the first code."""
    if text := text_of(concept, "text"):
        return text
    for name in ("display", "code"):
        for coding in codings(concept):
            if found := text_of(coding, name):
                return found
    return ""


def code_in(concept: Resource, system: str) -> str:
    """The code of the coding of one system, or empty."""
    return next((text_of(c, "code") for c in codings(concept) if c.get("system") == system), "")


def codes_of(resource: Resource, name: str) -> set[str]:
    """All codes of an element of one or more CodeableConcepts, whatever their systems."""
    return {text_of(c, "code") for concept in items(resource, name) for c in codings(concept)}


def effective(resource: Resource) -> str:
    """When a report or result holds: its moment or the begin of its period; empty when neither is stated."""
    period = first(resource, "effectivePeriod")
    stated = (text_of(resource, "effectiveDateTime"), text_of(resource, "effectiveInstant"), text_of(period, "start"))
    return next((at for at in stated if at), "") or text_of(period, "end")


def distinct(values: Iterable[str]) -> list[str]:
    """Each text once, in order, without empty ones."""
    return [value for value in dict.fromkeys(values) if value]


def performed(procedure: Resource) -> str:
    """When a procedure was done, or began."""
    return text_of(procedure, "performedDateTime") or text_of(first(procedure, "performedPeriod"), "start")


def body_site(resource: Resource) -> str:
    """Where on the body: the element of FHIR R4, or the extension where a report has none."""
    sites = [concept_text(site) for site in items(resource, "bodySite")]
    stated = extension(resource, "body-site")
    sites.append(text_of(stated, "valueString") or concept_text(first(stated, "valueCodeableConcept")))
    return "、".join(site for site in sites if site)


def target(reference: Resource) -> tuple[str, str]:
    """Type and id of a literal reference; empty texts for any other kind."""
    parts = text_of(reference, "reference").split("/")
    return (parts[-2], parts[-1]) if len(parts) >= 2 else ("", "")


def visit_of(resource: Resource) -> str:
    """Id of the Encounter that a resource belongs to, or empty."""
    return target(first(resource, "encounter"))[1]


def targets(resource: Resource, name: str, resource_type: str) -> Iterator[str]:
    """Ids of the references of one element that point to `resource_type`."""
    for reference in items(resource, name):
        kind, ident = target(reference)
        if kind == resource_type:
            yield ident


def extension(resource: Resource, name: str) -> Resource:
    """The extension whose URL ends in `/name`, or an empty object."""
    return next((e for e in items(resource, "extension") if text_of(e, "url").endswith(f"/{name}")), EMPTY)
