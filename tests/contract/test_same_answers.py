"""Generated resources and generated searches: every store answers as the reference store does.

`HIE_TEST_EXAMPLES` sets how many worlds are generated for MongoDB, for longer runs by hand.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hie.search.extract import Extractors
from hie.store.memory import MemoryStore
from hie.store.port import Store, Transaction
from hie.store.sqlite import SqliteStore
from tests.contract.asking import pages, plan
from tests.mongo_store import empty_store

UCUM = "http://unitsofmeasure.org"
NAMES = ["a", "b", "c", "d"]
CODES = st.sampled_from(["x", "y", "z"])
SYSTEMS = st.sampled_from(["urn:s", "urn:t", None])
DATES = st.sampled_from(
    ["2024", "2024-02", "2024-02-29", "2024-02-29T08:00:00+08:00", "2024-03-01T00:00:00Z", "2023-12-31", "2025-01-01"]
)
WORDS = st.sampled_from(["Wang", "wáng", "王", "Wangerooge", "Li", "lin", "WANG Li"])
AMOUNTS = st.sampled_from([1, 1.0, 1.5, 0.001, 100, 99.6, -3])


def _present(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _coding() -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(SYSTEMS, CODES, st.sampled_from([None, "Wang thing", "other"]))
    return pairs.map(
        lambda pair: {key: value for key, value in zip(("system", "code", "display"), pair, strict=True) if value}
    )


CONCEPTS = _present(coding=st.lists(_coding(), min_size=1, max_size=2), text=WORDS)
REFERENCES = st.one_of(
    st.sampled_from(NAMES).map(lambda name: {"reference": f"Patient/{name}"}),
    st.sampled_from([{"reference": "Group/a"}, {"reference": "http://else/Patient/a"}]),
    st.tuples(SYSTEMS, CODES).map(
        lambda pair: {"identifier": {"value": pair[1], **({"system": pair[0]} if pair[0] else {})}}
    ),
)
QUANTITIES = st.one_of(
    st.tuples(AMOUNTS, st.sampled_from(["mg", "g", "ug"])).map(
        lambda pair: {"value": pair[0], "unit": pair[1], "code": pair[1], "system": UCUM}
    ),
    AMOUNTS.map(lambda value: {"value": value, "unit": "mg"}),
)
PERIODS = _present(start=DATES, end=DATES).filter(bool)
HUMAN_NAMES = _present(family=WORDS, given=st.lists(WORDS, min_size=1, max_size=2)).filter(bool)
IDENTIFIERS = st.tuples(SYSTEMS, CODES).map(lambda p: {"value": p[1], **({"system": p[0]} if p[0] else {})})
PATIENTS = _present(
    gender=st.sampled_from(["male", "female"]),
    birthDate=st.sampled_from(["2024", "2024-02", "2024-02-29", "2023-12-31"]),
    name=st.lists(HUMAN_NAMES, min_size=1, max_size=2),
    identifier=st.lists(IDENTIFIERS, min_size=1, max_size=2),
    active=st.booleans(),
    link=st.lists(REFERENCES.map(lambda other: {"other": other, "type": "seealso"}), min_size=1, max_size=1),
)
OBSERVATIONS = st.builds(
    lambda fixed, value: {**fixed, **value},
    _present(
        status=st.sampled_from(["final", "amended"]),
        code=CONCEPTS,
        category=st.lists(CONCEPTS, min_size=1, max_size=2),
        subject=REFERENCES,
        component=st.lists(_present(code=CONCEPTS, valueQuantity=QUANTITIES).filter(bool), min_size=1, max_size=2),
    ),
    st.one_of(
        st.just({}),
        QUANTITIES.map(lambda quantity: {"valueQuantity": quantity}),
        WORDS.map(lambda word: {"valueString": word, "effectiveDateTime": "2024-02-29"}),
        PERIODS.map(lambda period: {"effectivePeriod": period}),
        DATES.map(lambda date: {"effectiveDateTime": date}),
    ),
)


LOCATIONS = _present(
    name=WORDS,
    partOf=st.sampled_from(NAMES).map(lambda name: {"reference": f"Location/{name}"}),
)


def _resources() -> st.SearchStrategy[list[dict[str, Any]]]:
    def named(kind: str, bodies: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.tuples(st.sampled_from(NAMES), bodies).map(
            lambda pair: {"resourceType": kind, "id": pair[0], **pair[1]}
        )

    return st.lists(
        st.one_of(named("Patient", PATIENTS), named("Observation", OBSERVATIONS), named("Location", LOCATIONS)),
        max_size=12,
    )


PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
_TOKENS = st.sampled_from(["x", "y", "urn:s|x", "|x", "urn:t|", "urn:none|x", "x,z"])
_REFERENCE = st.sampled_from(["Patient/a", "b", "a,c", "http://else/Patient/a", "Group/a", "Patient/none"])
_DATE = st.builds(str.__add__, PREFIXES, DATES.map(lambda date: date.replace("+", "%2B")))
_NUMBER = st.builds(str.__add__, PREFIXES, st.sampled_from(["1", "1.0", "1.5", "100", "0.001", "-3", "0.0015"]))
_QUANTITY = st.one_of(
    _NUMBER,
    st.builds(lambda number, unit: f"{number}|{UCUM}|{unit}", _NUMBER, st.sampled_from(["mg", "g", "ug"])),
    _NUMBER.map(lambda number: f"{number}||mg"),
)
_WORD = st.sampled_from(["wang", "Wáng", "w", "li", "王", "lin", "er"])


def _pair(name: str, values: st.SearchStrategy[str], *modifiers: str) -> st.SearchStrategy[str]:
    names = st.sampled_from([name, *(f"{name}:{modifier}" for modifier in modifiers)])
    return st.builds(lambda name, value: f"{name}={value}", names, values)


_MISSING = st.sampled_from(["true", "false"])
PATIENT_QUERIES = st.one_of(
    _pair("name", _WORD, "exact", "contains"),
    _pair("family", _WORD),
    _pair("birthdate", _DATE),
    _pair("identifier", _TOKENS, "not"),
    _pair("gender", st.sampled_from(["male", "female,male"]), "not"),
    _pair("link", _REFERENCE),
    st.builds("{}:missing={}".format, st.sampled_from(["gender", "name", "birthdate", "link"]), _MISSING),
    _pair("_id", st.sampled_from(["a", "a,b", "z"])),
    _pair("_has:Observation:patient:code", _TOKENS),
    _pair("_has:Observation:subject:date", _DATE),
    _pair("link:Patient.name", _WORD),
    _pair("_has:Patient:link:gender", st.sampled_from(["male", "female"])),
    _pair("_filter", st.sampled_from(["gender eq male or name co an", "not (name sw w) and birthdate ge 2024-02"])),
)
OBSERVATION_QUERIES = st.one_of(
    _pair("code", _TOKENS, "not"),
    _pair("code:text", _WORD),
    _pair("category", _TOKENS, "not"),
    _pair("combo-code", _TOKENS),
    _pair("status", st.sampled_from(["final", "amended"]), "not"),
    _pair("subject", _REFERENCE),
    _pair("patient", _REFERENCE),
    _pair("subject:identifier", _TOKENS),
    _pair("date", _DATE),
    _pair("value-quantity", _QUANTITY),
    _pair("component-value-quantity", _QUANTITY),
    _pair("value-string", _WORD, "contains", "exact"),
    st.builds(lambda name, value: f"{name}:missing={value}", st.sampled_from(["code", "subject", "date"]), _MISSING),
    st.builds(lambda code, amount: f"component-code-value-quantity={code}${amount}", CODES, _QUANTITY),
    st.builds(lambda code, amount: f"combo-code-value-quantity={code}${amount}", CODES, _QUANTITY),
    _pair("patient.name", _WORD),
    _pair("_content", st.sampled_from(["wang", "w", "王", "lin", "oth", "thing wang", "li,lin"])),
    _pair("patient.gender", st.sampled_from(["male"]), "not"),
    _pair("patient.link.family", _WORD),
    _pair("patient._has:Observation:patient:status", st.just("final")),
)
LOCATION_QUERIES = st.one_of(
    _pair("partof", st.sampled_from(["Location/a", "b", "c,Location/d", "Location/none"]), "below", "above"),
    _pair("_has:Location:partof:partof:below", st.sampled_from(["a", "d"])),
    _pair("partof.name", _WORD),
    _pair("name", _WORD, "contains"),
)
QUERIES = {"Patient": PATIENT_QUERIES, "Observation": OBSERVATION_QUERIES, "Location": LOCATION_QUERIES}
SORTS = {
    "Location": ["", "_sort=name,_id", "_sort=-partof,_id"],
    "Patient": [
        "",
        "_sort=birthdate",
        "_sort=family",
        "_sort=-family",
        "_sort=gender,-_id",
        "_sort=-identifier,_id",
        "_sort=link,name,_id",
        "_sort=-birthdate,_id",
    ],
    "Observation": [
        "",
        "_sort=-date",
        "_sort=code",
        "_sort=value-quantity,-status,_id",
        "_sort=-subject,_id",
        "_sort=-date,_id",
    ],
}


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, str]:
    kind = draw(st.sampled_from(list(QUERIES)))
    parts = draw(st.lists(QUERIES[kind], max_size=3))
    return kind, "&".join([*parts, draw(st.sampled_from(SORTS[kind])), f"_count={draw(st.sampled_from([1, 3, 50]))}"])


async def _fill(store: Store, resources: list[dict[str, Any]], gone: list[str]) -> None:
    async def job(transaction: Transaction) -> None:
        for resource in resources:
            await transaction.put(resource)
        for name in gone:
            if await transaction.read("Patient", name):
                await transaction.delete("Patient", name)

    await store.write(job)


async def _answers(store: Store, asked: list[tuple[str, str]]) -> list[list[str]]:
    answers = []
    for kind, query in asked:
        found = [match.id for page in await pages(store, plan(kind, query)) for match in page.matches]
        assert len(found) == len(set(found)), (kind, query)
        answers.append(found if "_id&_count" in query else sorted(found))
    return answers


async def _same(
    store: Store,
    resources: list[dict[str, Any]],
    gone: list[str],
    asked: list[tuple[str, str]],
    extractors: Extractors,
) -> None:
    memory = MemoryStore(extract=extractors.extract)
    try:
        for one in (memory, store):
            await _fill(one, resources, gone)
        expected = dict(zip(asked, await _answers(memory, asked), strict=True))
        assert dict(zip(asked, await _answers(store, asked), strict=True)) == expected
    finally:
        await store.close()


WORLDS = {
    "resources": _resources(),
    "gone": st.lists(st.sampled_from(NAMES), max_size=1),
    "asked": st.lists(queries(), min_size=1, max_size=8),
}


def _choose_early(monkeypatch: pytest.MonkeyPatch, dense: int, huge: int) -> None:
    """Let the SQLite store take few resources for many."""
    for name in ("FEW", "DENSE", "DENSE_SORT"):
        monkeypatch.setattr(f"hie.store.sqlite.paging.{name}", dense)
    for name in ("GLANCE", "WALK", "HUGE", "WINDOW"):
        monkeypatch.setattr(f"hie.store.sqlite.paging.{name}", huge)
    if dense == 1:
        monkeypatch.setattr("hie.store.sqlite.driving._FEW", 1)
        monkeypatch.setattr("hie.store.sqlite.driving._CAPS", (1, huge))
        monkeypatch.setattr("hie.store.sqlite.conditions._FEW", 1)


def _many() -> list[dict[str, Any]]:
    """More resources than a page of three and its window hold, no two alike."""
    patients = [
        {"resourceType": "Patient", "id": f"p{n}", "gender": kind, "name": [{"family": f"wang{n}"}]}
        for n, kind in enumerate(("male", "female", "male", "female", "male"))
    ]
    return patients + [
        {
            "resourceType": "Observation",
            "id": f"o{n:02}",
            "status": ("final", "amended")[n % 2],
            "code": {"coding": [{"system": "urn:c", "code": f"c{n % 3}"}]},
            "subject": {"reference": f"Patient/p{n % 5}"},
            "effectiveDateTime": f"2024-01-{n * 7 % 30 + 1:02}",
            "valueQuantity": {"value": n},
        }
        for n in range(30)
    ]


ASKED_OF_MANY = [
    ("Observation", "date=ge2024-01-10"),
    ("Observation", "date=ge2024-01-10&status=final"),
    ("Observation", "value-quantity=gt7&code=c1"),
    ("Observation", "code=urn:c|&date=ge2024-01-10"),
    ("Observation", "patient.gender=male&date=lt2024-01-20"),
    ("Observation", "_filter=(date ge 2024-01-10 and status eq final) or (code eq c1 and value-quantity gt 20)"),
    ("Observation", "_filter=not (date ge 2024-01-10 and status eq final)"),
    ("Observation", "_lastUpdated=ge2000&code=c2"),
    ("Patient", "name=wang&gender=male"),
    ("Patient", "_has:Observation:patient:value-quantity=ge28"),
]


@pytest.mark.parametrize(("dense", "huge"), [(1, 2), (1, 1000), (5, 20), (2000, 2000)])
async def test_the_same_answers_about_many(
    dense: int, huge: int, tmp_path: Path, extractors: Extractors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What small worlds seldom have: pages that fill before all is seen, out of resources that do not all match."""
    _choose_early(monkeypatch, dense, huge)
    asked = [
        (kind, f"{query}{sort}&_count=3")
        for kind, query in ASKED_OF_MANY
        for sort in ("", *(("&_sort=date,_id", "&_sort=-date") if kind == "Observation" else ("&_sort=-name",)))
    ]
    asked += [("Observation", f"status=final&_sort={key}&_count=3") for key in ("_lastUpdated", "-_lastUpdated")]
    sqlite = await SqliteStore.open(tmp_path / "hie.sqlite", extract=extractors.extract)
    await _same(sqlite, _many(), [], asked, extractors)


@pytest.mark.parametrize(("dense", "huge"), [(1, 2), (1, 1000), (2000, 2000)])
@given(**WORLDS)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
async def test_the_same_answers(
    dense: int,
    huge: int,
    resources: list[dict[str, Any]],
    gone: list[str],
    asked: list[tuple[str, str]],
    extractors: Extractors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _choose_early(monkeypatch, dense, huge)
    with tempfile.TemporaryDirectory() as folder:
        sqlite = await SqliteStore.open(Path(folder) / "hie.sqlite", extract=extractors.extract)
        await _same(sqlite, resources, gone, asked, extractors)


@pytest.mark.parametrize("dense", [1, 2000])
@given(**WORLDS)
@settings(
    max_examples=int(os.environ.get("HIE_TEST_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
async def test_the_same_answers_on_mongodb(
    dense: int,
    resources: list[dict[str, Any]],
    gone: list[str],
    asked: list[tuple[str, str]],
    extractors: Extractors,
    mongodb_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FEW", "DENSE", "WINDOW", "WALK", "GLANCE"):
        monkeypatch.setattr(f"hie.store.mongo.paging.{name}", dense)
    monkeypatch.setattr("hie.store.mongo.driving._CAPS", (dense, 20 * dense, 100 * dense))
    mongodb = await empty_store(mongodb_uri, "same", extract=extractors.extract)
    await _same(mongodb, resources, gone, asked, extractors)
