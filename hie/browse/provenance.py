"""Where a shown resource comes from: institution, feed, raw item, original codes, versions."""

from dataclasses import dataclass

from hie.base.resource import Resource
from hie.browse.chart import Chart
from hie.browse.dates import from_micros
from hie.browse.elements import concept_text, first, items, text_of
from hie.browse.place import Place, feed_of
from hie.browse.source import Source
from hie.wire.safejson import loads

_CODED = ("code", "category", "type", "class", "medicationCodeableConcept", "serviceType")


@dataclass(frozen=True, slots=True)
class Past:
    """One version: number, when it came in, through which feed and raw item, its status."""

    version: int
    received: str
    feed: str
    item: str
    status: str


@dataclass(frozen=True, slots=True)
class Coding:
    """One coding as stored: the words of the source, system, code, display."""

    text: str
    system: str
    code: str
    display: str


@dataclass(frozen=True)
class Provenance:
    """The source of one resource; `versions` newest first."""

    reference: str
    place: Place
    identifiers: tuple[tuple[str, str], ...]
    codings: tuple[Coding, ...]
    versions: tuple[Past, ...]


async def provenance(source: Source, chart: Chart, resource: Resource) -> Provenance:
    """The source of `resource`."""
    kind, ident = text_of(resource, "resourceType"), text_of(resource, "id")
    versions = [v for v in await source.versions(kind, ident) if not v.deleted]
    return Provenance(
        reference=f"{kind}/{ident}",
        place=chart.directory.place(resource),
        identifiers=tuple((text_of(i, "system"), text_of(i, "value")) for i in items(resource, "identifier")),
        codings=(*_codings(resource), *_result_codings(chart, resource)),
        versions=tuple(_past(v.version, v.last_updated, loads(v.body)) for v in versions),
    )


def _past(version: int, last_updated: int, body: Resource) -> Past:
    feed, item = feed_of(body)
    return Past(version, from_micros(last_updated), feed, item, text_of(body, "status"))


def _codings(resource: Resource) -> list[Coding]:
    found = []
    for name in _CODED:
        for concept in items(resource, name):
            listed = items(concept, "coding") or ([concept] if "code" in concept else [])
            found += [
                Coding(concept_text(concept), text_of(c, "system"), text_of(c, "code"), text_of(c, "display"))
                for c in listed
            ]
    return found


def _result_codings(chart: Chart, resource: Resource) -> list[Coding]:
    """Codings of the results of a report."""
    found = []
    for reference in items(resource, "result"):
        ident = text_of(reference, "reference").rsplit("/", 1)[-1]
        observation = chart.get("Observation", ident)
        if observation is not None:
            found += _codings({"code": first(observation, "code")})
    return found
