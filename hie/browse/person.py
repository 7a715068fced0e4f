"""Who: one person out of the Patient resources of several organisations."""

from collections.abc import Mapping
from dataclasses import dataclass

from hie.base.human_name import name_in_use
from hie.base.resource import Resource
from hie.base.systems import NATIONAL_ID, PATIENT_INDEX
from hie.browse.elements import distinct, first, items, target, text_of
from hie.browse.place import REGIONS, region_of, uscc_of

KINDS: Mapping[str, str] = {
    "2.16.156.10011.1.2": "health-file",
    "2.16.156.10011.1.3": "national-id",
    "2.16.156.10011.1.15": "insurance-card",
    "2.16.156.10011.1.19": "health-card",
    "2.16.156.10011.1.11": "outpatient-number",
    "2.16.156.10011.1.12": "inpatient-number",
    "2.16.156.10011.1.13": "chart-number",
    PATIENT_INDEX: "patient-index",
    "passport": "passport",
    "card": "hospital-card",
}
"""Last part of an identifier system -> the word that names it (common rules §4)."""


@dataclass(frozen=True, slots=True)
class Number:
    """One identifier: what kind, its value, and who issued it."""

    kind: str
    value: str
    uscc: str


@dataclass(frozen=True, slots=True)
class Identity:
    """One Patient resource of one organisation."""

    id: str
    region: str
    uscc: str
    name: str
    gender: str
    birth_date: str
    active: bool
    numbers: tuple[Number, ...]
    phones: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """One person: `id` is that of the golden Patient, or of the only one; `identities` are the local records.

    `other_names`, `genders`, `birth_dates` hold what the organisations state differently; the first one is shown.
    """

    id: str
    name: str
    genders: tuple[str, ...]
    birth_dates: tuple[str, ...]
    other_names: tuple[str, ...]
    national_ids: tuple[str, ...]
    deceased: str
    identities: tuple[Identity, ...]
    linked: bool

    @property
    def gender(self) -> str:
        """FHIR gender code; `unknown` when nobody states one."""
        return self.genders[0] if self.genders else "unknown"

    @property
    def birth_date(self) -> str:
        """The most precise birth date stated, or empty."""
        return self.birth_dates[0] if self.birth_dates else ""

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that know the person, in the order of the marks."""
        known = {i.region for i in self.identities}
        return tuple(r for r in REGIONS if r in known) + tuple(sorted(known - {*REGIONS, ""}))

    @property
    def masked_id(self) -> str:
        """The national id with its middle hidden, or empty."""
        return masked(self.national_ids[0]) if self.national_ids else ""


def masked(number: str) -> str:
    """`3205**********1234`: enough to compare with a card in the hand, not enough to copy."""
    if len(number) >= 15:
        return number[:4] + "*" * (len(number) - 8) + number[-4:]
    if len(number) > 4:
        return number[:1] + "*" * (len(number) - 3) + number[-2:]
    return "*" * len(number)


def identity(patient: Resource) -> Identity:
    """One local record."""
    numbers = []
    for entry in items(patient, "identifier"):
        system = text_of(entry, "system")
        tail = system.removeprefix("urn:oid:").rsplit("/", 1)[-1]
        kind = KINDS.get(tail) or KINDS.get(tail.split("-")[0], "other-number")
        if value := text_of(entry, "value"):
            numbers.append(Number(kind, value, uscc_of({"identifier": [entry]})))
    return Identity(
        id=text_of(patient, "id"),
        region=region_of(patient),
        uscc=uscc_of(patient),
        name=name_in_use(patient),
        gender=text_of(patient, "gender"),
        birth_date=text_of(patient, "birthDate"),
        active=patient.get("active") is not False,
        numbers=tuple(numbers),
        phones=tuple(v for t in items(patient, "telecom") if (v := text_of(t, "value"))),
        addresses=tuple(v for a in items(patient, "address") if (v := _address(a))),
    )


def _address(address: Resource) -> str:
    """An address as it is written, else its parts from the largest to the smallest."""
    line = address.get("line")
    parts = [text_of(address, name) for name in ("state", "city", "district")]
    parts += [str(part) for part in line if part] if isinstance(line, list) else []
    return text_of(address, "text") or " ".join(p for p in parts if p)


def is_golden(patient: Resource) -> bool:
    """Whether the Patient is the exchange's own link between local ones (common rules §4.2)."""
    return not region_of(patient) and any(link.get("type") == "seealso" for link in items(patient, "link"))


def _place_of_region(region: str) -> int:
    """The regions with keys of their own come first, in the order of the keys."""
    return REGIONS.index(region) if region in REGIONS else len(REGIONS)


def person(patients: list[Resource]) -> Person:
    """One person out of all their Patient resources; `patients[0]` is the one that was asked for."""
    golden = next((p for p in patients if is_golden(p)), None)
    local = [p for p in patients if p is not golden] or patients
    local.sort(key=lambda p: (_place_of_region(region_of(p)), text_of(p, "id")))
    identities = tuple(identity(p) for p in local)
    ordered = [*([golden] if golden else []), *(p for p in local if p.get("active") is not False), *local]
    names = distinct(name_in_use(p) for p in ordered)
    births = sorted(distinct(text_of(p, "birthDate") for p in ordered), key=len, reverse=True)
    genders = distinct(text_of(p, "gender") for p in ordered)
    numbers = distinct(
        text_of(i, "value") for p in ordered for i in items(p, "identifier") if i.get("system") == NATIONAL_ID
    )
    return Person(
        id=text_of(golden or patients[0], "id"),
        name=names[0] if names else "",
        genders=tuple(g for g in genders if g != "unknown") or tuple(genders),
        birth_dates=tuple(b for n, b in enumerate(births) if not any(x.startswith(b) for x in births[:n])),
        other_names=tuple(names[1:]),
        national_ids=tuple(numbers),
        deceased=next((d for p in ordered if (d := _deceased(p))), ""),
        identities=identities,
        linked=golden is not None,
    )


def golden_id(patient: Resource) -> str:
    """The id of the golden Patient that a local one refers to, else of the survivor of a merge, else its own id."""
    links = {text_of(link, "type"): target(first(link, "other"))[1] for link in items(patient, "link")}
    return links.get("refer") or links.get("replaced-by") or text_of(patient, "id")


def _deceased(patient: Resource) -> str:
    """The date of death, `true` when only the fact is known, else empty."""
    return text_of(patient, "deceasedDateTime") or ("true" if patient.get("deceasedBoolean") is True else "")
