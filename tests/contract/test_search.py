"""Search semantics by parameter type: the same on every store (FHIR R4 search)."""

from typing import Any

import pytest

from hie.base.errors import Category, HieError
from hie.store.port import Store, Transaction
from tests.contract.asking import ids, ordered, plan, put

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def observation(name: str, **rest: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": name, "status": "final", **rest}


def coded(code: str, system: str = LOINC, display: str = "", text: str = "") -> dict[str, Any]:
    coding = {"system": system, "code": code, **({"display": display} if display else {})}
    return {"coding": [coding], **({"text": text} if text else {})}


def subject(reference: str) -> dict[str, Any]:
    return {"subject": {"reference": reference}}


def amount(value: float, code: str = "mg", unit: str = "mg") -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": code}}


PEOPLE: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "wang",
        "active": True,
        "identifier": [
            {
                "system": "urn:id",
                "value": "320",
                "type": {"coding": [{"system": "http://t", "code": "MR"}], "text": "Medical record"},
            }
        ],
        "name": [{"family": "王", "given": ["小明"]}],
        "gender": "male",
        "birthDate": "1970-03-05",
        "managingOrganization": {"reference": "Organization/h1"},
        "generalPractitioner": [{"reference": "Practitioner/doc", "identifier": {"system": "urn:d", "value": "7"}}],
        "meta": {"profile": ["http://a/b/c"], "tag": [{"system": "urn:t", "code": "x"}]},
    },
    {
        "resourceType": "Patient",
        "id": "mueller",
        "active": False,
        "identifier": [{"system": "urn:other", "value": "320"}, {"value": "321"}],
        "name": [{"family": "Müller", "given": ["Anna", "Maria"]}],
        "gender": "female",
        "birthDate": "1971",
    },
    {"resourceType": "Patient", "id": "nobody", "link": [{"other": {"reference": "Patient/wang"}, "type": "seealso"}]},
    {"resourceType": "Organization", "id": "h1", "name": "Wujiang First", "partOf": {"reference": "Organization/h0"}},
    {"resourceType": "Organization", "id": "h0", "name": "Suzhou Group"},
    {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Li"}]},
    observation(
        "o1",
        code=coded("2345-7", display="Glucose [Mass/volume]"),
        **subject("Patient/wang"),
        effectiveDateTime="2025-05-01",
        **amount(5.4),
        encounter={"reference": "Encounter/e1"},
        performer=[{"reference": "Practitioner/doc"}],
    ),
    observation(
        "o2",
        code=coded("2345-7", system="urn:local", text="Blut Zucker"),
        **subject("Patient/wang"),
        effectivePeriod={"start": "2025-05-01T08:00:00+08:00", "end": "2025-06-03T08:00:00+08:00"},
        **amount(0.0054, "g", "g"),
    ),
    observation(
        "o3",
        status="preliminary",
        code={"text": "free text only"},
        **subject("Patient/mueller"),
        effectiveDateTime="2025-05-01T10:30:00+08:00",
        valueString="Très haut",
        performer=[{"identifier": {"system": "urn:d", "value": "9"}}],
    ),
    observation(
        "bp",
        code=coded("85354-9"),
        **subject("Patient/mueller"),
        component=[
            {"code": coded("8480-6"), "valueQuantity": {"value": 140, "system": UCUM, "code": "mm[Hg]"}},
            {"code": coded("8462-4"), "valueQuantity": {"value": 90, "system": UCUM, "code": "mm[Hg]"}},
        ],
    ),
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"code": "IMP"},
        **subject("Patient/wang"),
        "period": {"start": "2025-04-30"},
    },
    {
        "resourceType": "RiskAssessment",
        "id": "r1",
        "status": "final",
        **subject("Patient/wang"),
        "prediction": [{"probabilityDecimal": 0.3}],
    },
    {
        "resourceType": "RiskAssessment",
        "id": "r2",
        "status": "final",
        **subject("Patient/mueller"),
        "prediction": [{"probabilityDecimal": 0.8}],
    },
    {"resourceType": "ValueSet", "id": "v1", "status": "active", "url": "http://a/b/c"},
    {"resourceType": "ValueSet", "id": "v2", "status": "active", "url": "http://a/b/c/d"},
    {"resourceType": "Location", "id": "l1", "position": {"latitude": 31.16, "longitude": 120.63}},
    {"resourceType": "Location", "id": "l2", "position": {"latitude": 30.84, "longitude": 120.92}},
    {"resourceType": "Location", "id": "site", "partOf": {"reference": "Location/ring"}},
    {"resourceType": "Location", "id": "house", "partOf": {"reference": "Location/site"}},
    {"resourceType": "Location", "id": "ward", "partOf": {"reference": "Location/house"}},
    {"resourceType": "Location", "id": "ring", "partOf": {"reference": "Location/ring2"}},
    {"resourceType": "Location", "id": "ring2", "partOf": {"reference": "Location/ring"}},
    {"resourceType": "Location", "id": "attic", "partOf": {"reference": "Location/never-stored"}},
    {"resourceType": "Encounter", "id": "e2", "location": [{"location": {"reference": "Location/ward"}}]},
    {"resourceType": "Encounter", "id": "e3", "location": [{"location": {"reference": "Location/site"}}]},
    {"resourceType": "Basic", "id": "note", **subject("Group/all")},
    {"resourceType": "QuestionnaireResponse", "id": "qr", "status": "completed", "questionnaire": "Questionnaire/q|2"},
    {
        "resourceType": "Condition",
        "id": "c1",
        **subject("Group/all"),
        "code": {"text": "高血压病 Hypertension"},
        "onsetRange": {
            "low": {"value": 480, "system": UCUM, "code": "mo"},
            "high": {"value": 50, "system": UCUM, "code": "a"},
        },
    },
    {
        "resourceType": "Condition",
        "id": "c2",
        **subject("Group/all"),
        "code": {"text": "低血压"},
        "onsetAge": {"value": 45, "system": UCUM, "code": "a"},
        "text": {"status": "generated", "div": "<div>Narrated</div>"},
    },
    observation(
        "said", code=coded("x"), performer=[{"display": "Li"}, {"identifier": {"value": "8"}}], valueString="Klar"
    ),
    {
        "resourceType": "DocumentReference",
        "id": "newer",
        "status": "current",
        "relatesTo": [
            {"code": "replaces", "target": {"reference": "DocumentReference/older"}},
            {"code": "appends", "target": {"reference": "DocumentReference/other"}},
        ],
    },
    {
        "resourceType": "MolecularSequence",
        "id": "window",
        "coordinateSystem": 0,
        "referenceSeq": {"chromosome": {"coding": [{"code": "17"}]}, "windowStart": 100, "windowEnd": 200},
    },
    {
        "resourceType": "List",
        "id": "list",
        "status": "current",
        "mode": "working",
        "entry": [{"item": {"reference": "Patient/wang"}}, {"item": {"reference": "Observation/o1"}}],
    },
]


@pytest.fixture
async def filled(store: Store) -> Store:
    await put(store, *PEOPLE)
    return store


CASES: dict[str, list[tuple[str, str, str]]] = {
    "token": [
        ("Patient", "gender=male", "wang"),
        ("Patient", "gender=male,female", "mueller wang"),
        ("Patient", "gender:not=male", "mueller nobody"),
        ("Patient", "gender:missing=true", "nobody"),
        ("Patient", "gender:missing=false", "mueller wang"),
        ("Patient", "active=true", "wang"),
        ("Patient", "identifier=320", "mueller wang"),
        ("Patient", "identifier=urn:id|320", "wang"),
        ("Patient", "identifier=|321", "mueller"),
        ("Patient", "identifier=|320", ""),
        ("Patient", "identifier=urn:other|", "mueller"),
        ("Patient", "identifier=urn:none|320", ""),
        ("Patient", "identifier:of-type=http://t|MR|320", "wang"),
        ("Patient", "identifier:of-type=http://t|XX|320", ""),
        ("Patient", "identifier:text=medical", "wang"),
        ("Patient", "_tag=urn:t|x", "wang"),
        ("Observation", "code=2345-7", "o1 o2"),
        ("Observation", f"code={LOINC}|2345-7", "o1"),
        ("Observation", "code:text=GLUCOSE", "o1"),
        ("Observation", "code:text=blut", "o2"),
        ("Observation", "code:text=free", "o3"),
        ("Observation", "code:text=zucker", ""),
        ("Observation", "status=final&code=2345-7", "o1 o2"),
        ("Observation", "code=2345-7&code=85354-9", ""),
    ],
    "string": [
        ("Patient", "name=muller", "mueller"),
        ("Patient", "name=MÜLL", "mueller"),
        ("Patient", "name:exact=Müller", "mueller"),
        ("Patient", "name:exact=Muller", ""),
        ("Patient", "name:contains=ari", "mueller"),
        ("Patient", "name=ari", ""),
        ("Patient", "name=王", "wang"),
        ("Patient", "name=wangxiaoming", "wang"),
        ("Patient", "name:exact=wangxiaoming", ""),
        ("Patient", "given=anna&given=maria", "mueller"),
        ("Patient", "family:missing=true", "nobody"),
        ("Observation", "value-string=tres", "o3"),
    ],
    "reference": [
        ("Basic", "subject=all", "note"),
        ("Basic", "subject=Patient/wang,all", "note"),
        ("QuestionnaireResponse", "questionnaire=Questionnaire/q", "qr"),
        ("QuestionnaireResponse", "questionnaire=Questionnaire/q|2", "qr"),
        ("QuestionnaireResponse", "questionnaire=Questionnaire/q|1", ""),
        ("Observation", "subject=Patient/wang", "o1 o2"),
        ("Observation", "subject=wang", "o1 o2"),
        ("Observation", "subject:Patient=wang", "o1 o2"),
        ("Observation", "patient=wang,mueller", "bp o1 o2 o3"),
        ("Observation", "patient=Patient/none", ""),
        ("Patient", "general-practitioner:identifier=urn:d|7", "wang"),
        ("Observation", "performer:identifier=9", "o3"),
        ("Observation", "performer:missing=true", "bp o2"),
        ("Observation", "encounter=Encounter/e1", "o1"),
    ],
    "date": [
        ("Patient", "birthdate=1970", "wang"),
        ("Patient", "birthdate=1970-03", "wang"),
        ("Patient", "birthdate=1970-03-05", "wang"),
        ("Patient", "birthdate=1971-01", ""),
        ("Patient", "birthdate=ne1970", "mueller"),
        ("Patient", "birthdate=ge1970-03-06", "mueller"),
        ("Patient", "birthdate=gt1970", "mueller"),
        ("Patient", "birthdate=lt1971", "wang"),
        ("Patient", "birthdate=le1971", "mueller wang"),
        ("Patient", "birthdate=sa1970", "mueller"),
        ("Patient", "birthdate=eb1971", "wang"),
        ("Patient", "birthdate=ap1971", "mueller wang"),
        ("Observation", "date=2025-05-01", "o1 o3"),
        ("Observation", "date=ge2025-05-02", "o2"),
        ("Observation", "date=gt2025-05-01T10:30:00%2B08:00", "o1 o2"),
        ("Observation", "date=gt2025-05-01", "o2"),
        ("Observation", "date=sa2025-05-01", ""),
        ("Observation", "date=eb2025-06-04", "o1 o2 o3"),
        ("Observation", "date=eb2025-05-02", "o1 o3"),
        ("Observation", "date=ge2025-05-01&date=lt2025-05-02", "o1 o2 o3"),
        ("Encounter", "date=ge2030", "e1"),
        ("Encounter", "date=lt2025-04-30", ""),
        ("Patient", "_lastUpdated=ge2026-01-18", "mueller nobody wang"),
        ("Patient", "_lastUpdated=2026-01-18T00:30:00.000Z", "mueller nobody wang"),
        ("Patient", "_lastUpdated=lt2026-01-18T00:30:00Z", ""),
        ("Patient", "_lastUpdated=ne2026-01-19", "mueller nobody wang"),
    ],
    "number": [
        ("RiskAssessment", "probability=0.3", "r1"),
        ("RiskAssessment", "probability=0.30", "r1"),
        ("RiskAssessment", "probability=gt0.3", "r2"),
        ("RiskAssessment", "probability=ge0.3", "r1 r2"),
        ("RiskAssessment", "probability=lt0.8", "r1"),
        ("RiskAssessment", "probability=ap0.82", "r2"),
        ("RiskAssessment", "probability=ne0.3", "r2"),
        ("RiskAssessment", "probability=sa0.3", "r2"),
        ("RiskAssessment", "probability=1", "r2"),
    ],
    "quantity": [
        ("Observation", "value-quantity=5.4", "o1"),
        ("Observation", f"value-quantity=5.4|{UCUM}|mg", "o1 o2"),
        ("Observation", f"value-quantity=5400|{UCUM}|ug", "o1 o2"),
        ("Observation", f"value-quantity=gt5.4|{UCUM}|mg", ""),
        ("Observation", f"value-quantity=ge5.4|{UCUM}|mg", "o1 o2"),
        ("Observation", f"value-quantity=5.4|{UCUM}|mL", ""),
        ("Observation", "value-quantity=5.4||mg", "o1"),
        ("Observation", "value-quantity=lt1||g", "o2"),
        ("Observation", "component-value-quantity=140", "bp"),
        ("Observation", f"value-quantity=5.4|{UCUM}|", "o1"),
        ("Condition", f"onset-age=45|{UCUM}|a", "c2"),
        ("Condition", f"onset-age=gt45|{UCUM}|a", "c1"),
        ("Condition", f"onset-age=lt45|{UCUM}|a", "c1"),
        ("Condition", f"onset-age=ge600|{UCUM}|mo", "c1"),
        ("Condition", f"onset-age=lt40|{UCUM}|a", ""),
    ],
    "uri": [
        ("ValueSet", "url=http://a/b/c", "v1"),
        ("ValueSet", "url:below=http://a/b", "v1 v2"),
        ("ValueSet", "url:below=http://a/b/c", "v1 v2"),
        ("ValueSet", "url:above=http://a/b/c/d/e", "v1 v2"),
        ("Patient", "_profile=http://a/b/c", "wang"),
    ],
    "hierarchy": [
        ("Encounter", "location:below=Location/house", "e2"),
        ("Encounter", "location:below=site", "e2 e3"),
        ("Encounter", "location:below=Location/ring", "e2 e3"),
        ("Encounter", "location:below=Location/ward&_id=e2", "e2"),
        ("Encounter", "location:above=Location/house", "e3"),
        ("Encounter", "location:above=Location/ward", "e2 e3"),
        ("Encounter", "location:above=Location/ring", ""),
        ("Encounter", "location:below=Location/none", ""),
        ("Location", "partof:below=Location/site", "house ward"),
        ("Location", "partof:below=Location/ring2", "house ring ring2 site ward"),
        ("Location", "partof:above=Location/house", "house ring ring2 site ward"),
        ("Location", "partof:below=never-stored", "attic"),
        ("Location", "_has:Encounter:location:location:below=Location/house", "ward"),
        ("Location", "partof:below=Location/house,Location/never-stored", "attic ward"),
        ("Patient", "organization:below=Organization/h0", "wang"),
        ("Observation", "patient.organization:below=h0", "o1 o2"),
    ],
    "composite": [
        ("Observation", f"code-value-quantity={LOINC}|2345-7$5.4", "o1"),
        ("Observation", "code-value-quantity=2345-7$gt6", ""),
        ("Observation", "component-code-value-quantity=8480-6$140", "bp"),
        ("Observation", "component-code-value-quantity=8480-6$90", ""),
        ("Observation", "component-code-value-quantity=8480-6$90,8462-4$lt100", "bp"),
        ("Observation", "code-value-string=x$KLAR", "said"),
        ("Observation", "code-value-string=x$haut", ""),
        ("DocumentReference", "relationship=DocumentReference/older$replaces", "newer"),
        ("DocumentReference", "relationship=DocumentReference/other$replaces", ""),
        ("MolecularSequence", "chromosome-window-coordinate=17$ge100$le200", "window"),
        ("MolecularSequence", "chromosome-window-coordinate=17$gt100$le200", ""),
    ],
    "special": [
        ("Location", "near=31.16|120.63|5|km", "l1"),
        ("Location", "near=31.16|120.63|100|km", "l1 l2"),
        ("Patient", "_id=wang,nobody", "nobody wang"),
        ("Patient", "_id:not=wang,nobody", "mueller"),
        ("Patient", "_list=list", "wang"),
        ("Observation", "_list=list", "o1"),
        ("Observation", "_content=haut", "o3"),
        ("Condition", "_content=血压", "c1 c2"),
        ("Condition", "_content=高血压", "c1"),
        ("Condition", "_content=压高", ""),
        ("Condition", "_content=hyper", "c1"),
        ("Condition", "_content=tension", ""),
        ("Condition", "_content=hyper 血压", "c1"),
        ("Condition", "_content=高血压,低血压", "c1 c2"),
        ("Condition", "_text=narrated", "c2"),
        ("Condition", "_text=血压", ""),
        ("Condition", "_content=narrated", "c2"),
        ("Condition", "_content=血压&subject=Group/all", "c1 c2"),
        ("Patient", "_has:Observation:subject:_content=haut", "mueller"),
        (None, "_id=wang", "wang"),
        (None, "_type=Patient,Organization&_lastUpdated=ge2026", "h0 h1 mueller nobody wang"),
    ],
    "chain": [
        ("Observation", "subject:Patient.name=muller", "bp o3"),
        ("Observation", "subject.name=muller", "bp o3"),
        ("Observation", "patient.organization.name=wujiang", "o1 o2"),
        ("Observation", "patient.organization.partof.name=suzhou", "o1 o2"),
        ("Observation", "patient.identifier=urn:id|320&code=2345-7", "o1 o2"),
        ("Observation", "patient.gender:not=male", "bp o3"),
        ("Observation", "patient._id=wang", "o1 o2"),
        ("Patient", "_has:Observation:patient:code=2345-7", "wang"),
        ("Patient", "_has:Observation:patient:code=85354-9", "mueller"),
        ("Patient", "_has:Observation:patient:performer.name=li", "wang"),
        ("Practitioner", "_has:Observation:performer:patient.name=wang", "doc"),
        ("Organization", "_has:Patient:organization:_has:Observation:patient:code=2345-7", "h1"),
        ("Encounter", "_has:Observation:encounter:_id=o1", "e1"),
        ("Observation", "patient._has:Encounter:patient:class=IMP", "o1 o2"),
    ],
    "filter": [
        ("Patient", '_filter=name sw "Mul"', "mueller"),
        ("Patient", '_filter=gender eq male or name co "ull"', "mueller wang"),
        ("Patient", '_filter=name ew "ler"', "mueller"),
        ("Patient", '_filter=name ew "mul"', ""),
        ("Patient", '_filter=gender eq female and name ew "r"', "mueller"),
        ("Patient", "_filter=not (gender eq male) and birthdate gt 1970-12-31", "mueller"),
        ("Patient", "_filter=gender pr false", "nobody"),
        ("Observation", '_filter=patient.name eq "anna"', "bp o3"),
        ("Observation", '_filter=patient[gender eq female].name sw "mul" and status eq final', "bp"),
        ("Patient", "_filter=gender ne male", "mueller nobody"),
    ],
}


@pytest.mark.parametrize("area", CASES)
async def test_each_search_of_an_area_finds_what_it_should(filled: Store, area: str) -> None:
    found = {(kind, query): await ids(filled, kind, query) for kind, query, _ in CASES[area]}
    assert found == {(kind, query): expected for kind, query, expected in CASES[area]}


async def test_newest_first_pages_through_dense_sets_without_and_with_dates(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a chart is read; the set is walked in order of the date where that is known."""
    if type(store).__name__ == "MongoStore":
        monkeypatch.setattr("hie.store.mongo.paging.DENSE", 1)
    dated = [observation(f"d{day}", effectiveDateTime=f"2025-01-{1 + day:02d}") for day in range(9)]
    await put(store, *dated, observation("none1"), observation("none2"))
    await put(store, observation("other", effectiveDateTime="2025-02-01"))
    await put(store, {"resourceType": "Observation", "id": "other", "status": "amended"})
    newest = ["d8", "d7", "d6", "d5", "d4", "d3", "d2", "d1", "d0"]
    found = await ordered(store, "Observation", "status=final&_sort=-date&_count=3")
    assert (found[:9], sorted(found[9:])) == (newest, ["none1", "none2"])
    found = await ordered(store, "Observation", "_sort=-date&_count=4")
    assert (found[:9], sorted(found[9:])) == (newest, ["none1", "none2", "other"])


async def test_people_are_paged_by_name_through_dense_sets_without_and_with_names(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if type(store).__name__ == "MongoStore":
        monkeypatch.setattr("hie.store.mongo.paging.DENSE", 1)
    for number, names in enumerate((["Bo"], ["Chen", "Ai"], ["Dai"], [], ["Bo"], [], ["Zhu", "Feng"])):
        named = [{"family": name} for name in names]
        await put(store, {"resourceType": "Patient", "id": f"n{number}", "gender": "female", "name": named})
    await put(store, {"resourceType": "Patient", "id": "man", "gender": "male", "name": [{"family": "Bai"}]})
    found = await ordered(store, "Patient", "gender=female&_sort=family&_count=2")
    assert (found[:5], sorted(found[5:])) == (["n1", "n0", "n4", "n2", "n6"], ["n3", "n5"])
    found = await ordered(store, "Patient", "gender=female&_sort=-family&_count=2")
    assert (found[0], sorted(found[3:5]), sorted(found[5:])) == ("n6", ["n0", "n4"], ["n3", "n5"])


INVERTED = {"effectivePeriod": {"start": "2025-05-01", "end": "2020-02-01"}}
"""Ends before it begins."""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("2025-05-01", "odd"), ("2022", ""), ("2019", ""), ("ne2025-05-01", ""), ("ne2022", "odd"), ("ne2019", "odd"),
        ("gt2022", ""), ("lt2022", ""), ("ge2020-02-01", "odd"), ("le2025-05-01", "odd"), ("sa2024", "odd"),
        ("eb2021", "odd"), ("ap2022", ""),
    ],
)  # fmt: skip
async def test_a_period_that_ends_before_it_begins(store: Store, query: str, found: str) -> None:
    await put(store, observation("odd", **INVERTED))
    assert await ids(store, "Observation", f"date={query}") == found


async def test_a_change_is_found_and_the_old_value_is_not(filled: Store) -> None:
    await put(filled, {"resourceType": "Patient", "id": "wang", "gender": "other", "birthDate": "1970-03-05"})
    assert await ids(filled, "Patient", "gender=male") == ""
    assert await ids(filled, "Patient", "gender=other&birthdate=1970") == "wang"
    assert await ids(filled, "Patient", "name=王") == ""
    assert await ids(filled, "Observation", "patient.gender=other") == "o1 o2"


async def test_a_deleted_resource_is_found_no_more(filled: Store) -> None:
    async def job(transaction: Transaction) -> str:
        await transaction.delete("Patient", "wang")
        return " ".join(version.id for version in (await transaction.search(plan("Patient", ""))).matches)

    assert set((await filled.write(job)).split()) == {"mueller", "nobody"}
    assert await ids(filled, "Patient", "gender=male") == ""
    assert await ids(filled, "Patient", "_id=wang") == ""
    assert await ids(filled, "Observation", "patient.gender=male") == ""
    assert await ids(filled, "Observation", "patient=Patient/wang") == "o1 o2"
    await put(filled, {"resourceType": "Patient", "id": "wang", "gender": "male"})
    assert await ids(filled, "Observation", "patient.gender=male") == "o1 o2"


async def test_a_compartment_search_finds_what_belongs_to_its_owner(filled: Store) -> None:
    from hie.fhir.definitions import official
    from hie.search.query import compartment

    async def found(kind: str | None, query: str, owner: str, name: str) -> str:
        page = await filled.search(compartment(plan(kind, query), official(), owner, name))
        return " ".join(sorted(match.id for match in page.matches))

    assert await found("Observation", "", "Patient", "wang") == "o1 o2"
    assert await found(None, "", "Patient", "mueller") == "bp mueller o3 r2"
    assert await found("Observation", "code=2345-7&_sort=date", "Patient", "wang") == "o1 o2"
    assert await found("Observation", "", "Encounter", "e1") == "o1"
    assert await found(None, "", "Encounter", "e1") == "e1 o1"
    assert await found("Observation", "_id=o1,bp", "Patient", "wang") == "o1"
    await put(filled, observation("o1", **subject("Patient/mueller")))
    assert await found("Observation", "", "Patient", "wang") == "o2"
    assert await found("Observation", "", "Patient", "mueller") == "bp o1 o3"


async def test_linked_patients_are_covered(filled: Store) -> None:
    def linked(kind: str, name: str) -> list[tuple[str, str]]:
        return [(kind, name), ("Patient", "wang"), ("Patient", "mueller")] if name == "golden" else [(kind, name)]

    async def found(query: str) -> str:
        page = await filled.search(plan("Observation", query).with_references(linked))
        return " ".join(sorted(match.id for match in page.matches))

    assert await found("patient=golden") == "bp o1 o2 o3"
    assert await found("subject=Patient/golden&code=2345-7") == "o1 o2"
    assert await found("encounter.patient=golden") == "o1"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_sort=birthdate", "wang mueller nobody"),
        ("_sort=-birthdate", "mueller wang nobody"),
        ("_sort=family", "mueller wang nobody"),
        ("_sort=-gender", "wang mueller nobody"),
        ("_sort=gender,-birthdate", "mueller wang nobody"),
        ("_sort=-_id", "wang nobody mueller"),
        ("_sort=organization,_id", "wang mueller nobody"),
    ],
)
async def test_a_sorted_search_has_the_same_order_page_by_page(filled: Store, query: str, expected: str) -> None:
    assert " ".join(await ordered(filled, "Patient", query)) == expected
    assert " ".join(await ordered(filled, "Patient", query + "&_count=1")) == expected


async def test_an_include_adds_what_the_matches_lead_to(filled: Store) -> None:
    async def included(kind: str, query: str) -> str:
        page = await filled.search(plan(kind, query))
        return " ".join(sorted(f"{found.type}/{found.id}" for found in page.included))

    assert await included("Observation", "_id=o1&_include=Observation:subject") == "Patient/wang"
    assert await included("Observation", "_id=o1&_include=Observation:subject:Group") == ""
    assert (
        await included("Observation", "_id=o1&_include=Observation:*") == "Encounter/e1 Patient/wang Practitioner/doc"
    )
    assert await included("Observation", "_id=o1&_include=*") == "Encounter/e1 Patient/wang Practitioner/doc"
    iterated = "_id=o1&_include=Observation:patient&_include:iterate=Patient:organization"
    assert await included("Observation", iterated) == "Organization/h1 Patient/wang"
    deep = f"{iterated}&_include:iterate=Organization:partof"
    assert await included("Observation", deep) == "Organization/h0 Organization/h1 Patient/wang"
    assert await included("Patient", "_id=mueller&_revinclude=Observation:patient") == "Observation/bp Observation/o3"
    assert await included("Patient", "_id=wang&_revinclude=*") == (
        "Encounter/e1 List/list Observation/o1 Observation/o2 Patient/nobody RiskAssessment/r1"
    )
    assert await included("Patient", "_include=Patient:link") == ""


async def test_total_and_count(filled: Store) -> None:
    page = await filled.search(plan("Observation", "patient=wang,mueller&_count=1&_total=accurate"))
    assert (len(page.matches), page.total, page.next is not None) == (1, 4, True)
    page = await filled.search(plan("Observation", "patient=wang&_summary=count"))
    assert (len(page.matches), page.total, page.next) == (0, 2, None)
    assert (await filled.search(plan("Observation", ""))).total is None


async def test_explain_names_steps_and_no_values(filled: Store) -> None:
    page = await filled.search(plan("Observation", "patient=wang&status=final&__explain=true"))
    assert page.explain is not None
    assert page.explain["steps"][-1]["rows"] == 2
    assert "wang" not in repr(page.explain)


async def test_a_cursor_opens_only_its_own_search(filled: Store) -> None:
    from dataclasses import replace

    page = await filled.search(plan("Observation", "patient=wang&_count=1"))
    assert page.next is not None
    stolen = [
        replace(plan("Observation", "patient=mueller&_count=1"), cursor=page.next),
        replace(plan("Observation", "patient=wang&_count=1&_sort=date"), cursor=page.next),
        replace(plan("Observation", "patient=wang&_count=1"), cursor=page.next[:-2] + "AA"),
        replace(plan("Observation", "patient=wang&_count=1"), cursor="?"),
    ]
    for forged in stolen:
        with pytest.raises(HieError) as caught:
            await filled.search(forged)
        assert caught.value.category is Category.INVALID
    again = await filled.search(replace(plan("Observation", "patient=wang&_count=5"), cursor=page.next))
    assert len(again.matches) == 1


async def test_equal_ones_come_in_the_same_order_from_every_store(store: Store) -> None:
    await put(store, *(observation(f"t{n}", code=coded("1"), effectiveDateTime="2024-01-01") for n in range(4)))
    assert await ordered(store, "Observation", "_sort=code,-date&_count=3") == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date", "&_sort=code"])
async def test_paging_is_stable_while_others_write(filled: Store, sort: str) -> None:
    from dataclasses import replace

    names = [f"p{number:02}" for number in range(30)]
    await put(
        filled,
        *(
            observation(
                name, code=coded(f"c{n % 3}"), effectiveDateTime=f"2024-01-{n % 7 + 1:02}", category=[coded("x")]
            )
            for n, name in enumerate(names)
        ),
    )
    found, cursor, number = [], None, 0
    while True:
        asked = replace(plan("Observation", f"category=x&_count=4{sort}"), cursor=cursor)
        page = await filled.search(asked)
        found += [match.id for match in page.matches]
        if page.next is None:
            break
        cursor, number = page.next, number + 1
        seen = found[-1]
        await put(
            filled,
            observation(
                seen,
                code=coded("c0"),
                effectiveDateTime="2024-01-01",
                category=[coded("x")],
                issued="2025-01-01T00:00:00Z",
            )
            if not sort
            else observation(f"other{number}", category=[coded("y")]),
        )
    assert sorted(found) == names


async def test_reindexing_makes_the_same_entries_and_no_version(filled: Store) -> None:
    async def job(tx: Transaction) -> None:
        await tx.reindex("Patient", "nobody")
        for version in (await tx.search(plan("Patient", ""))).matches:
            await tx.reindex(version.type, version.id)

    asked = [plan("Patient", query) for query in ("_sort=-birthdate", "gender=male", "gender=female")]
    before = [(await filled.search(one)).matches for one in asked]
    await filled.write(job)
    assert [(await filled.search(one)).matches for one in asked] == before
    assert min(map(len, before)) > 0


async def test_what_was_never_named_before_is_found_once_it_is(store: Store) -> None:
    """A process that follows knows the numbers of types, parameters and systems; those that come later it looks up."""
    await put(store, observation("a", code=coded("1")))
    assert await ids(store, "Observation", f"code={LOINC}|1") == "a"
    await put(store, observation("b", code=coded("1", "urn:later"), method={"text": "new parameter"}))
    assert await ids(store, "Observation", "code=urn:later|1") == "b"
    assert await ids(store, "Observation", "method:text=new") == "b"
    await put(store, {"resourceType": "Basic", "id": "c", "code": coded("1", "urn:later")})
    assert await ids(store, "Basic", "code=urn:later|1") == "c"
    await put(store, {"resourceType": "Group", "id": "d", "code": coded("1", "urn:later")})
    assert await ids(store, None, "_id=d") == "d"
