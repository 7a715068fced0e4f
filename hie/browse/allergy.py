"""Allergies of one person: what is known, what is denied, and whether anything could be known."""

from dataclasses import dataclass

from hie.base.resource import Resource
from hie.browse.chart import OVER, Chart, certainty, withdrawn
from hie.browse.dates import local
from hie.browse.elements import codes_of, concept_text, first, items, text_of
from hie.browse.event import Event
from hie.browse.place import Place

_NO_ALLERGY_CODES = frozenset({"716186003", "409137002", "no-known-allergies"})
_NO_ALLERGY = frozenset(
    {"无", "无过敏史", "无已知过敏", "无药物过敏", "无药物过敏史", "否认", "否认过敏史", "否认药物过敏史"}
)
_ALLERGY_STATES = ("", "unconfirmed", "inactive", "resolved")


@dataclass(frozen=True, slots=True)
class Allergy:
    """One allergy: what, how it showed, how grave, since when, who says so.

    `status` is empty for a present one, else `unconfirmed`, `inactive`, `resolved` or `refuted`; `id` is that of the
    newest statement.
    """

    text: str
    reaction: str
    grave: bool
    at: str
    places: tuple[Place, ...]
    status: str
    id: str


@dataclass(frozen=True, slots=True)
class Allergies:
    """`state`: `list`, `none-known`, `not-recorded` or `unreachable`. The four never look alike.

    `items` are in the order of their gravity; `denied` state that there is none at all, `refuted` that there is none to
    one substance.
    """

    state: str
    items: tuple[Allergy, ...] = ()
    denied: tuple[Allergy, ...] = ()
    refuted: tuple[Allergy, ...] = ()


def allergies(chart: Chart) -> Allergies:
    """The allergies of a chart in one of four states."""
    found: dict[str, list[Allergy]] = {}
    denied: list[Allergy] = []
    refuted: list[Allergy] = []
    for resource in chart.all("AllergyIntolerance"):
        if withdrawn(resource):
            continue
        one = _allergy(chart, resource)
        if one.status == "refuted":
            refuted.append(one)
        elif _denies(resource, one.text):
            denied.append(one)
        else:
            found.setdefault(one.text, []).append(one)
    merged = sorted((_merge_allergy(group) for group in found.values()), key=lambda a: a.at, reverse=True)
    merged.sort(key=lambda a: (a.status in OVER, not a.grave))
    if merged:
        state = "list"
    elif "AllergyIntolerance" in chart.failed:
        state = "unreachable"
    else:
        state = "none-known" if denied else "not-recorded"
    newest = (tuple(sorted(group, key=lambda a: a.at, reverse=True)) for group in (denied, refuted))
    return Allergies(state, tuple(merged), *newest)


def _denies(resource: Resource, text: str) -> bool:
    return bool(codes_of(resource, "code") & _NO_ALLERGY_CODES) or text.strip("。. ") in _NO_ALLERGY


def _allergy(chart: Chart, resource: Resource) -> Allergy:
    reactions = [
        concept_text(m) or text_of(r, "description")
        for r in items(resource, "reaction")
        for m in (items(r, "manifestation") or [{}])
    ]
    severe = any(text_of(r, "severity") == "severe" for r in items(resource, "reaction"))
    return Allergy(
        text=concept_text(first(resource, "code")),
        reaction="、".join(r for r in reactions if r),
        grave=severe or text_of(resource, "criticality") == "high",
        at=_since(resource),
        places=(chart.directory.place(resource),),
        status=_allergy_status(resource),
        id=text_of(resource, "id"),
    )


def _allergy_status(resource: Resource) -> str:
    verification, clinical = (codes_of(resource, name) for name in ("verificationStatus", "clinicalStatus"))
    if "refuted" in verification:
        return "refuted"
    return next((s for s in _ALLERGY_STATES[:0:-1] if s in clinical | verification), "")


def _merge_allergy(group: list[Allergy]) -> Allergy:
    """One allergy of several statements; it is present as long as one of them says so."""
    newest = max(group, key=lambda a: a.at)
    return Allergy(
        text=newest.text,
        reaction=next((a.reaction for a in group if a.reaction), ""),
        grave=any(a.grave for a in group),
        at=newest.at,
        places=tuple(dict.fromkeys(p for a in group for p in a.places)),
        status=min((a.status for a in group), key=_ALLERGY_STATES.index),
        id=newest.id,
    )


def _since(allergy: Resource) -> str:
    return local(text_of(allergy, "recordedDate") or text_of(allergy, "onsetDateTime"))


def allergy_event(chart: Chart, allergy: Resource) -> Event:
    """The row of an allergy."""
    return Event(
        kind="other",
        type="AllergyIntolerance",
        id=text_of(allergy, "id"),
        at=_since(allergy),
        place=chart.directory.place(allergy),
        title=concept_text(first(allergy, "code")),
        label="allergy",
        marks=certainty(allergy),
    )
