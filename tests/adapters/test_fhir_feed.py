"""FHIR as a feed: submissions through the whole pipeline (docs/feeds/fhir.md)."""

import bz2
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from adapters.wujiang import adapter as wujiang
from hie.app import Exchange
from hie.base.resource import Json
from hie.commands.adapters import samples
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.fold.finish import organisation_reference
from hie.mapping.fhir.senders import counted
from hie.mapping.fhir.tables import FhirTables, load_fhir_tables
from hie.mapping.problem import BrokenTables
from hie.pipeline.verify import verify
from hie.plugin import Adapter
from hie.staging.tables import CONTRIBUTION, MENTION, PART, REDIRECT, ROOT, TALLY
from hie.store.sqlite.tables import RowReader
from hie.store.sqlite.transaction import SqliteTransaction
from hie.store.table import Row, Table, Where
from hie.wire.submission import Entry, Submission
from tests.adapters.fhir_exchange import (
    BASE,
    FEED,
    NATIONAL_ID,
    USCC,
    asked,
    bundle,
    by_number,
    codes,
    document,
    encoded,
    item,
    number,
    observation,
    patch,
    patient,
    post,
    read,
    running,
    stored,
)


async def test_a_transaction_is_stored_and_answered_entry_by_entry(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        answer, body = await post(exchange, item(adapter, "01"))
        assert (answer.status, answer.content_type) == (200, "application/fhir+json")
        assert body["type"] == "transaction-response"
        assert [entry["response"]["status"] for entry in body["entry"]] == ["201 Created"] * 7
        locations = [entry["response"]["location"] for entry in body["entry"]]
        assert [place.partition("/")[0] for place in locations] == [
            *("Patient", "Encounter", "ServiceRequest", "Specimen", "DiagnosticReport", "Observation", "Observation"),
        ]
        for place in locations:
            kind, identity, _, version = place.split("/")
            found = await exchange.store.read(kind, identity)
            assert found is not None
            assert found.version == int(version)


async def test_references_codes_and_numbers_are_those_of_the_exchange(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, item(adapter, "01"))
        (person,) = await stored(exchange, "Patient")
        (visit,) = await stored(exchange, "Encounter")
        results = {one["code"]["text"]: one for one in await stored(exchange, "Observation")}
        (report,) = await stored(exchange, "DiagnosticReport")
    assert person["identifier"][0] == {
        "use": "usual",
        "system": f"https://hie.example.org/id/{USCC}/2.16.156.10011.2.5.1.4",
        "value": "P0001",
    }
    white = results["白细胞计数"]
    assert white["subject"] == {"reference": f"Patient/{person['id']}"}
    assert white["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert [(one["system"], one["code"]) for one in white["code"]["coding"]] == [
        (f"{BASE}/lab-item", "WBC"),
        ("http://loinc.org", "6690-2"),
    ]
    assert {one["reference"] for one in report["result"]} == {f"Observation/{one['id']}" for one in results.values()}
    assert visit["period"]["end"] == "2026-03-20T11:00:00+08:00"
    assert white["meta"]["tag"] == [{"system": "https://hie.example.org/fhir/CodeSystem/region", "code": "kunshan"}]


async def test_the_same_bytes_change_nothing_and_create_nothing(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        _, first = await post(exchange, item(adapter, "01"))
        before = await stored(exchange)
        answer, second = await post(exchange, item(adapter, "01"))
        assert await stored(exchange) == before
    assert answer.status == 200
    assert {entry["response"]["status"] for entry in second["entry"]} == {"200 OK"}
    locations = [[entry["response"]["location"] for entry in body["entry"]] for body in (first, second)]
    assert locations[0] == locations[1]


async def test_the_same_content_in_other_bytes_makes_no_version(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, item(adapter, "01"))
        _, body = await post(exchange, item(adapter, "01") + b"\n")
        assert {one["meta"]["versionId"] for one in await stored(exchange)} == {"1"}
    assert all("etag" not in entry["response"] for entry in body["entry"])


async def test_every_item_has_its_provenance_and_the_ledger_holds(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        for path in samples(adapter.samples):
            await post(exchange, path.read_bytes())
        traces = [json.loads(v.body) async for v in exchange.store.versions("Provenance")]
        traced = {target["reference"] for trace in traces for target in trace["target"]}
        written = {f"{one['resourceType']}/{one['id']}" for one in await stored(exchange)}
        report = await verify(exchange.store, exchange.operator())
    assert traced == written
    assert report.sound


async def test_a_person_is_one_with_her_records_of_the_other_regions(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path, regions=True) as exchange:
        await exchange.ingest.receive("wujiang-hl7v2", next(iter(samples(wujiang.samples))).read_bytes())
        people = [json.loads(v.body) async for v in exchange.store.versions("Patient")]
        ids = [i["value"] for p in people for i in p["identifier"] if i["system"] == NATIONAL_ID]
        assert ids, "the first sample of Wujiang carries a national id"
        name = people[0]["name"][0]["text"]
        same = {"system": NATIONAL_ID, "value": ids[0]}
        sent = patient(name=[{"text": name}], gender=people[0]["gender"], birthDate=people[0]["birthDate"])
        sent["identifier"].append(same)
        await post(exchange, bundle([asked(sent)]))
        people = [json.loads(v.body) async for v in exchange.store.versions("Patient")]
    golden = [one for one in people if "tag" not in one["meta"]]
    assert len(people) == 3
    assert [len(one["link"]) for one in golden] == [2]


async def test_put_states_the_whole_and_post_adds(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        phone = [{"system": "phone", "value": "12000000001"}]
        await post(exchange, bundle([asked(patient(telecom=phone), "PUT", "Patient/7")]))
        await post(exchange, bundle([asked(patient(maritalStatus={"text": "未婚"}))], "2026-03-02T08:00:00+08:00"))
        (person,) = await stored(exchange, "Patient")
        assert person["telecom"] == phone
        assert person["maritalStatus"] == {"text": "未婚"}
        await post(exchange, bundle([asked(patient(), "PUT", "Patient/7")], "2026-03-03T08:00:00+08:00"))
        (person,) = await stored(exchange, "Patient")
    assert "telecom" not in person
    assert "maritalStatus" not in person


async def test_an_older_state_is_put_in_its_place_and_told(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        young, old = (patient(meta={"lastUpdated": f"2026-03-0{day}T00:00:00Z"}) for day in (2, 1))
        old["name"] = [{"text": "沈旧"}]
        await post(exchange, bundle([asked(young, "PUT", "Patient/1")]))
        _, body = await post(exchange, bundle([asked(old, "PUT", "Patient/1")]))
        (person,) = await stored(exchange, "Patient")
    assert person["name"] == [{"text": "沈一"}]
    assert codes(body["entry"][0]["response"]["outcome"]) == ["stale-update"]


async def test_conditional_create_counts_only_where_nothing_else_does(adapter: Adapter, tmp_path: Path) -> None:
    for order in itertools.permutations((0, 1)):
        async with running(adapter, tmp_path / str(order)) as exchange:
            brief = patient(name=[{"text": "沈简"}], telecom=[{"system": "phone", "value": "12000000002"}])
            told = f"identifier={BASE}/id/patient|P1"
            items = [
                bundle([asked(brief, ifNoneExist=told)], "2026-03-05T08:00:00+08:00"),
                bundle([asked(patient())]),
            ]
            for n in order:
                await post(exchange, items[n])
            (person,) = await stored(exchange, "Patient")
        assert person["name"] == [{"text": "沈一"}]
        assert person["telecom"][0]["value"] == "12000000002"


async def test_conditional_create_of_what_has_no_number_means_the_one_that_is_searched(
    adapter: Adapter, tmp_path: Path
) -> None:
    brief = {"resourceType": "Patient", "name": [{"text": "沈简"}]}
    full, told = f"urn:uuid:{UUID(int=1)}", f"identifier={BASE}/id/patient|P1"
    sent = [asked(brief, full=full, ifNoneExist=told), asked(observation("1", {"reference": full}))]
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, bundle([asked(patient())]))
        await post(exchange, bundle(sent, "2026-03-05T08:00:00+08:00"))
        (person,) = await stored(exchange, "Patient")
        (result,) = await stored(exchange, "Observation")
    assert person["name"] == [{"text": "沈一"}]
    assert result["subject"]["reference"] == f"Patient/{person['id']}"


async def test_a_deletion_takes_back_and_never_deletes(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        subject = by_number("patient", "Patient", "P1")
        await post(exchange, bundle([asked(patient()), asked(observation("1", subject), "PUT", "Observation/9")]))
        gone = {"request": {"method": "DELETE", "url": "Observation/9"}}
        _, body = await post(exchange, bundle([gone], "2026-03-02T08:00:00+08:00"))
        (result,) = await stored(exchange, "Observation")
    assert body["entry"][0]["response"] == {"status": "204 No Content"}
    assert result["status"] == "entered-in-error"
    assert result["valueQuantity"]["value"] == 5


@pytest.mark.parametrize(
    "reference",
    [
        by_number("patient", "Patient", "P1"),
        {"reference": "Patient/77"},
        {"reference": f"{BASE}/fhir/Patient/77"},
        {"type": "Patient", "identifier": number("patient", "P1")},
        {"identifier": {"system": NATIONAL_ID, "value": "320598196804175127"}},
        {"reference": f"Patient?identifier={NATIONAL_ID}|320598196804175127"},
    ],
)
async def test_a_patient_is_found_under_every_name_in_any_order(
    adapter: Adapter, tmp_path: Path, reference: Json
) -> None:
    person = patient(birthDate="1968-04-17")
    person["identifier"].append({"system": NATIONAL_ID, "value": "320598196804175127"})
    items = [
        bundle([asked(person, "PUT", "Patient/77")]),
        bundle([asked(observation("1", reference))], "2026-03-02T08:00:00+08:00"),
    ]
    states = []
    for order in itertools.permutations((0, 1)):
        async with running(adapter, tmp_path / str(order)) as exchange:
            statuses = [(await post(exchange, items[n]))[0].status for n in order]
            assert statuses == ([200, 200] if order == (0, 1) else [202, 200])
            (one,) = await stored(exchange, "Patient")
            (result,) = await stored(exchange, "Observation")
            assert result["subject"]["reference"] == f"Patient/{one['id']}"
            states.append([_bare(resource) for resource in await stored(exchange)])
    assert states[0] == states[1]


async def test_an_entry_whose_own_batch_releases_its_patient_under_another_name_is_stored(
    adapter: Adapter, tmp_path: Path
) -> None:
    """A batch brings P2, for whom a transaction waits that brings P1, for whom an entry of the batch waits."""
    first = [asked(patient("P1"), full=f"{BASE}/fhir/Patient/p1"), asked(observation("1", {"reference": "Patient/p2"}))]
    second = [
        asked(observation("2", {"reference": "Patient/p1"})),
        asked(patient("P2"), full=f"{BASE}/fhir/Patient/p2"),
    ]
    async with running(adapter, tmp_path) as exchange:
        assert (await post(exchange, bundle(first)))[0].status == 202
        _, body = await post(exchange, bundle(second, kind="batch"))
        assert len(await stored(exchange, "Observation")) == 2
    assert [entry["response"]["status"] for entry in body["entry"]] == ["201 Created", "201 Created"]


async def test_a_visit_known_by_number_is_found_by_the_id_of_its_server(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, item(adapter, "01"))
        visit = {
            "resourceType": "Encounter",
            "identifier": [number("visit", "V0001")],
            "status": "finished",
            "class": {"code": "AMB", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"},
        }
        await post(exchange, bundle([asked(visit, "PUT", "Encounter/55")], "2026-03-21T08:00:00+08:00"))
        sent = observation("x", by_number("patient", "Patient", "P0001"), encounter={"reference": "Encounter/55"})
        answer, _ = await post(exchange, bundle([asked(sent)], "2026-03-22T08:00:00+08:00"))
        (one,) = await stored(exchange, "Encounter")
        (result,) = [r for r in await stored(exchange, "Observation") if r["code"] == {"text": "葡萄糖"}]
    assert answer.status == 200
    assert result["encounter"]["reference"] == f"Encounter/{one['id']}"


async def test_what_the_exchange_named_is_found_by_its_id(adapter: Adapter, tmp_path: Path) -> None:
    """Locations of an answer, and addresses of a search, are what an MHD Document Source refers to."""
    admission = next(path for path in samples(wujiang.samples) if path.name.startswith("01")).read_bytes()
    async with running(adapter, tmp_path, regions=True) as exchange:
        await exchange.ingest.receive("wujiang-hl7v2", admission)
        (other,) = await stored(exchange, "Patient")
        _, body = await post(exchange, bundle([asked(patient()), asked(document("urn:oid:1.1"))]))
        (mine, old) = (entry["response"]["location"].partition("/_history")[0] for entry in body["entry"])
        target = {"code": "replaces", "target": {"reference": old}}
        later = [
            asked(document("urn:oid:1.2", relatesTo=[target], subject={"reference": f"http://127.0.0.1/fhir/{mine}"})),
            asked(observation("1", {"reference": mine})),
            asked(observation("2", {"reference": f"Patient/{other['id']}"})),
            asked({"resourceType": "Patient", "name": [{"text": "沈二"}]}, "PUT", f"Patient/{other['id']}"),
        ]
        for n, entry in enumerate(later):
            answer, _ = await post(exchange, bundle([entry], f"2026-03-02T0{n}:00:00+08:00"))
            assert answer.status == 200
        gone = {"request": {"method": "DELETE", "url": old}}
        await post(exchange, bundle([gone], "2026-03-03T08:00:00+08:00"))
        documents = {d["masterIdentifier"]["value"]: d for d in await stored(exchange, "DocumentReference")}
        results = [one["subject"] for one in await stored(exchange, "Observation")]
        assert other in await stored(exchange, "Patient")
    assert results == [{"reference": mine}, {"reference": f"Patient/{other['id']}"}]
    assert documents["urn:oid:1.2"]["subject"] == {"reference": mine}
    assert documents["urn:oid:1.2"]["relatesTo"] == [{"code": "replaces", "target": {"reference": old}}]
    assert documents["urn:oid:1.1"]["status"] == "entered-in-error"


async def test_a_reference_is_literal_only_while_its_target_is_known(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, bundle([asked(patient())]))
        order = by_number("order", "ServiceRequest", "O1")
        sent = observation("1", by_number("patient", "Patient", "P1"), basedOn=[order])
        await post(exchange, bundle([asked(sent)], "2026-03-02T08:00:00+08:00"))
        (result,) = await stored(exchange, "Observation")
        logical = {"system": f"https://hie.example.org/id/{USCC}/2.16.156.10011.1.24", "value": "O1"}
        assert result["basedOn"] == [{"identifier": logical}]
        request = {
            "resourceType": "ServiceRequest",
            "identifier": [number("order", "O1")],
            "status": "active",
            "intent": "order",
            "subject": by_number("patient", "Patient", "P1"),
        }
        await post(exchange, bundle([asked(request)]))
        (result,) = await stored(exchange, "Observation")
        (placed,) = await stored(exchange, "ServiceRequest")
    assert result["basedOn"] == [{"reference": f"ServiceRequest/{placed['id']}", "identifier": logical}]


async def test_a_reference_that_names_nothing_is_told(adapter: Adapter, tmp_path: Path) -> None:
    sent = observation("1", by_number("patient", "Patient", "P1"), performer=[{"reference": "Practitioner?name=x"}])
    async with running(adapter, tmp_path) as exchange:
        answer, body = await post(exchange, bundle([asked(patient()), asked(sent)]))
    assert answer.status == 200
    assert codes(body["entry"][1]["response"]["outcome"]) == ["field-unmapped"]


def test_an_item_counts_under_the_institution_that_it_names(adapter: Adapter) -> None:
    named = {"identifier": {"system": "urn:oid:2.16.156.10011.1.5", "value": "OTHER"}}
    entries = [("Observation", {}), ("Patient", {"managingOrganization": named})]
    sent = Submission(
        "transaction",
        tuple(Entry("", "", "POST", kind, "", {"resourceType": kind} | said) for kind, said in entries),
    )
    tables = FhirTables(organisation=USCC)
    assert counted(sent, tables, "kunshan", [USCC, "OTHER"]) == "OTHER"
    assert counted(sent, tables, "kunshan", [USCC]) == USCC
    assert counted(Submission("resource", ()), tables, "kunshan", [USCC]) == USCC


async def test_a_merge_is_told_by_links(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, bundle([asked(patient("P1")), asked(patient("P2"))]))
        await post(exchange, bundle([asked(observation("1", by_number("patient", "Patient", "P1")))]))
        link = {"other": by_number("patient", "Patient", "P2"), "type": "replaced-by"}
        await post(exchange, bundle([asked(patient("P1", link=[link]))], "2026-03-02T08:00:00+08:00"))
        people = {one["identifier"][0]["value"]: one for one in await stored(exchange, "Patient")}
        (result,) = await stored(exchange, "Observation")
    assert people["P1"]["active"] is False
    assert people["P1"]["link"] == [{"other": {"reference": f"Patient/{people['P2']['id']}"}, "type": "replaced-by"}]
    assert result["subject"]["reference"] == f"Patient/{people['P2']['id']}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "message-malformed"),
        (b'{"resourceType": "Patient", "name": "x"}', 422, "message-malformed"),
        (b'{"resourceType": "Bundle", "type": "searchset"}', 422, "type-unknown"),
        (b'<!DOCTYPE a><Patient xmlns="http://hl7.org/fhir"/>', 422, "doctype-forbidden"),
        (bundle([asked(patient(gender="girl"))]), 202, "resource-invalid"),
        (bundle([asked({"resourceType": "Patient", "gender": "male"})]), 422, "key-missing"),
        (b'{"resourceType": "Patient", "gender": "male"}', 422, "key-missing"),
        (bundle([asked(observation("1", by_number("patient", "Patient", "nobody")))]), 202, "orphan-reference"),
        (bundle([asked(observation("1", {"reference": "Patient?name=nobody"}))]), 202, "orphan-reference"),
        (bundle([asked(observation("1", {"reference": "#p"}, contained=[patient(id="p")]))]), 202, "orphan-reference"),
        (bundle([asked(patient(), "PUT", "Patient/7"), asked(patient(), "PUT", "Patient/7")]), 202, "resource-invalid"),
        (bundle([asked(patient(), url="Observation")]), 202, "envelope-mismatch"),
        (bundle([asked(patient(id="7"), "PUT", "Patient/8")]), 202, "envelope-mismatch"),
        (bundle([asked(patient(), "PATCH", "Patient/1")]), 422, "type-unknown"),
        (
            bundle(
                [
                    asked(
                        patient(
                            managingOrganization={"identifier": {"system": "urn:oid:2.16.156.10011.1.5", "value": "X"}}
                        )
                    )
                ]
            ),
            422,
            "org-unknown",
        ),
    ],
)
async def test_what_cannot_be_stored_is_kept_and_answered(
    adapter: Adapter, tmp_path: Path, body: bytes, status: int, code: str
) -> None:
    async with running(adapter, tmp_path) as exchange:
        answer, told = await post(exchange, body)
        assert await stored(exchange) == []
        tallies = await exchange.store.select(TALLY, {})
        report = await verify(exchange.store, exchange.operator())
    assert (answer.status, told["resourceType"]) == (status, "OperationOutcome")
    assert code in codes(told)
    assert [row["organisation"] for row in tallies] == [USCC]
    assert report.sound


async def test_what_is_asked_for_each_entry_is_read_together(
    adapter: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On MongoDB each read is a command: seven for each entry let a Bundle of 1,000 run out of time."""
    foreseen: set[str] = set()
    alone: list[str] = []
    single: list[str] = []

    async def foresee(tx: Any, table: Table, looks: Sequence[Where]) -> None:
        new = {repr((table.name, sorted(look.items()))) for look in looks} - foreseen
        single.extend(new if len(new) < 4 and "Binary/" in repr(new) else ())
        foreseen.update(new)

    async def select(tx: Any, table: Table, where: Where, **more: Any) -> list[Row]:
        alone.extend({repr((table.name, sorted(where.items())))} - foreseen)
        return await RowReader.select(tx, table, where, **more)

    monkeypatch.setattr(SqliteTransaction, "foresee", foresee)
    monkeypatch.setattr(SqliteTransaction, "select", select, raising=False)
    subject = f"urn:uuid:{UUID(int=0)}"
    async with running(adapter, tmp_path) as exchange:
        for day, status in enumerate(("final", "amended"), start=1):
            results = [observation(str(n), {"reference": subject}, status=status) for n in range(8)]
            results += [{"resourceType": "Binary", "contentType": "a/b", "data": encoded(one)} for one in (b"1", b"2")]
            named = [asked(one, full=f"urn:uuid:{UUID(int=100 * day + n)}") for n, one in enumerate(results)]
            sent = bundle([asked(patient(), full=subject), *named], f"2026-03-0{day}T08:00:00+08:00")
            answer, _ = await post(exchange, sent)
        about = [look for look in alone if any(f"'{t.name}'" in look for t in (REDIRECT, ROOT, MENTION, CONTRIBUTION))]
    assert answer.status == 200
    assert about == single == []


async def test_an_answer_calls_a_resource_by_the_name_that_it_is_written_under(
    adapter: Adapter, tmp_path: Path
) -> None:
    """Told by the id of its server alone, it was located where nothing is."""
    async with running(adapter, tmp_path) as exchange:
        _, first = await post(exchange, bundle([asked(patient(id="7"), "PUT", "Patient/7")]))
        alone = {"resourceType": "Patient", "id": "7", "gender": "male"}
        _, body = await post(exchange, bundle([asked(alone, "PUT", "Patient/7")], "2026-03-02T08:00:00+08:00"))
        place = first["entry"][0]["response"]["location"]
        assert body["entry"][0]["response"]["location"] == place.replace("/_history/1", "/_history/2")


@pytest.mark.parametrize("base", [f"http://10.0.0.1:8080/feeds/{FEED}/fhir/", f"{BASE}/fhir/"])
async def test_a_url_below_a_base_of_the_feed_is_as_good_as_a_relative_one(
    adapter: Adapter, tmp_path: Path, base: str
) -> None:
    older, younger = document("urn:oid:1.1", id="d"), document("urn:oid:1.2")
    younger["relatesTo"] = [{"code": "replaces", "target": {"reference": "DocumentReference/d"}}]
    async with running(adapter, tmp_path) as exchange:
        person = {"resourceType": "Patient", "id": "9", "gender": "male"}
        sent = [asked(patient(), url=f"{base}Patient"), asked(older, "PUT", f"{base}DocumentReference/d")]
        await post(exchange, bundle([*sent, asked(person, "PUT", f"{base}Patient/9")]))
        changes = [
            asked(younger),
            asked(patch(), "PATCH", f"{base}DocumentReference/d"),
            {"request": {"method": "DELETE", "url": f"{base}Patient/9"}},
        ]
        answer, body = await post(exchange, bundle(changes, "2026-03-02T08:00:00+08:00"))
        documents = {
            one["masterIdentifier"]["value"]: one["status"] for one in await stored(exchange, "DocumentReference")
        }
        people = [one.get("active") for one in await stored(exchange, "Patient") if one["gender"] == "male"]
    assert [entry["response"]["status"][:3] for entry in body["entry"]] == ["201", "200", "204"]
    assert (answer.status, documents, people) == (200, {"urn:oid:1.1": "superseded", "urn:oid:1.2": "current"}, [False])


async def test_a_url_of_another_server_is_told(adapter: Adapter, tmp_path: Path) -> None:
    other = "https://other.example.com/fhir"
    wrong = [
        asked(patient(), url=f"{other}/Patient"),
        {"request": {"method": "DELETE", "url": f"{other}/Patient/9"}},
        asked(patch(), "PATCH", f"{other}/DocumentReference/d"),
    ]
    async with running(adapter, tmp_path) as exchange:
        _, body = await post(exchange, bundle(wrong, kind="batch"))
    said = [entry["response"]["outcome"]["issue"][0] for entry in body["entry"]]
    assert [entry["response"]["status"][:3] for entry in body["entry"]] == ["201", "204", "202"]
    assert [one["expression"] for one in said] == [[f"Bundle.entry[{n}].request.url"] for n in range(3)]
    assert all("another server" in one["details"]["text"] for one in said)


async def test_a_batch_is_judged_entry_by_entry(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        entries = [
            asked(patient("P1")),
            asked(patient("P2", gender="girl")),
            asked({"resourceType": "Patient", "active": True}),
            asked({"resourceType": "Observation", "status": "final"}),
            asked(patient("P3"), "PATCH"),
            {**asked(patient()), "resource": []},
            asked({"resourceType": "Unheard"}),
        ]
        answer, body = await post(exchange, bundle(entries, kind="batch"))
        people = await stored(exchange, "Patient")
        tallies = await exchange.store.select(TALLY, {})
        _, again = await post(exchange, bundle(entries[1:4], kind="batch"))
        named = {"name": "operation", "part": [{"name": {}}]}
        spoilt = [
            asked({"resourceType": "Organization", "identifier": ["x"]}),
            {**asked(patient()), "resource": 5},
            asked({"resourceType": "Parameters", "parameter": [named]}, "PATCH"),
        ]
        _, beside = await post(exchange, bundle([read("Patient/1"), *spoilt], kind="batch"))
    assert [row["organisation"] for row in tallies] == [USCC]
    assert answer.status == 200
    assert body["type"] == "batch-response"
    assert [entry["response"]["status"][:3] for entry in again["entry"]] == ["202", "422", "422"]
    assert [entry["response"]["status"][:3] for entry in beside["entry"]] == ["", *["422"] * 3]
    assert [entry["response"]["status"][:3] for entry in body["entry"]] == ["201", "202", *["422"] * 5]
    assert [codes(entry["response"]["outcome"]) for entry in body["entry"][3:5]] == [
        ["message-malformed"],
        ["type-unknown"],
    ]
    assert [one["identifier"][0]["value"] for one in people] == ["P1"]


async def test_a_quarantined_transaction_is_released_whole(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        _, body = await post(exchange, bundle([asked(patient(gender="girl"))]))
        await exchange.operator().release(body["id"])
        (person,) = await stored(exchange, "Patient")
    assert person["gender"] == "girl"


@pytest.mark.parametrize("seed", range(3))
async def test_replay_changes_nothing(adapter: Adapter, tmp_path: Path, seed: int) -> None:
    async with running(adapter, tmp_path) as exchange:
        bodies = [path.read_bytes() for path in samples(adapter.samples)]
        Random(seed).shuffle(bodies)
        for body in bodies:
            await post(exchange, body)
        before = await _everything(exchange)
        operator = exchange.operator()
        for row in [row async for row in operator.items(feed=FEED)]:
            await operator.replay(str(row["id"]))
        assert await _everything(exchange) == before


async def test_a_single_resource_and_a_collection(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        one = {**patient(), "id": "5", "meta": {"lastUpdated": "2026-03-01T00:00:00Z"}}
        answer, body = await post(exchange, json.dumps(one).encode())
        assert (answer.status, [e["response"]["status"] for e in body["entry"]]) == (200, ["201 Created"])
        sent = observation("1", {"reference": "Patient/5"})
        _, body = await post(exchange, bundle([{"resource": {**sent, "id": "6"}}], kind="collection"))
        assert [e["response"]["status"] for e in body["entry"]] == ["201 Created"]
        (result,) = await stored(exchange, "Observation")
        (person,) = await stored(exchange, "Patient")
    assert result["subject"]["reference"] == f"Patient/{person['id']}"


async def _everything(exchange: Exchange) -> tuple[Any, ...]:
    """Every version but those of the operator's audit, and the rows of parts and tallies."""
    versions = {(v.type, v.id, v.version) async for v in exchange.store.versions() if v.type != "AuditEvent"}
    rows = [sorted(await exchange.store.select(table, {}), key=repr) for table in (PART, REDIRECT, ROOT, TALLY)]
    return versions, *rows


def _bare(resource: Json) -> Json:
    meta = {name: part for name, part in resource["meta"].items() if name in ("tag", "profile", "security")}
    return {**resource, "meta": meta}


async def test_everything_a_fhir_feed_stores_is_valid(adapter: Adapter, tmp_path: Path) -> None:
    validator = Validator(official())
    async with running(adapter, tmp_path) as exchange:
        for path in samples(adapter.samples):
            await post(exchange, path.read_bytes())
        for one in await stored(exchange):
            assert validator.write_issues(one) == [], one["resourceType"]


async def test_what_nobody_maps_is_told(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        tagged = patient(meta={"tag": [{"system": "x:y", "code": "z"}], "security": [{"system": "x:y", "code": "R"}]})
        sent = {**asked(tagged, "PUT", "Patient/7", ifMatch='W/"1"'), "link": [{"relation": "self", "url": "x:y"}]}
        _, body = await post(exchange, bundle([sent], language="zh"))
        (person,) = await stored(exchange, "Patient")
    told = {issue["expression"][0] for issue in body["entry"][0]["response"]["outcome"]["issue"]}
    assert told == {"Patient.meta.tag", "Bundle.language", "Bundle.entry.link", "Bundle.entry.request.ifMatch"}
    assert person["meta"]["security"] == [{"system": "x:y", "code": "R"}]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[sender]\norganisation = "X"\n', 2, "not registered"),
        ('[sender]\nbase = "http://x"\norganization = "X"\n', 3, "[sender] has no 'organization'"),
        ("[sendr]\n", 1, "no table [sendr]"),
        ('[codes]\n"x:y" = "no-such-map"\n', 2, "no code map"),
        ('[keys]\nPatient = "x"\n', 2, "list of texts"),
        ("[sender\n", 1, "not TOML"),
        ("keys = 1\n", 1, "[keys] must be a table"),
        ("[keys]\nPatient = [1]\n", 2, "list of texts"),
        ('# "x:y"\n[identifiers]\n"x:y" = "k"\n[codes]\n"x:y" = "no-map"\n', 5, "no code map"),
    ],
)
def test_a_broken_agreement_stops_the_start(tmp_path: Path, text: str, line: int, reason: str) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BrokenTables) as caught:
        load_fhir_tables(tmp_path / "x.toml", [USCC], {})
    (problem,) = caught.value.problems
    assert problem.line == line
    assert reason in problem.reason


async def test_a_bundle_of_another_maker_leaves_no_reference_open(adapter: Adapter, tmp_path: Path) -> None:
    """A patient of Synthea: 210 resources without numbers of their own, `urn:uuid:` and conditional references."""
    (archive,) = (Path(__file__).parents[1] / "data" / "synthea").glob("*.json.bz2")
    validator = Validator(official())
    async with running(adapter, tmp_path) as exchange:
        answer, body = await post(exchange, bz2.decompress(archive.read_bytes()))
        found = await stored(exchange)
    assert (answer.status, len(body["entry"])) == (200, 210)
    assert {entry["response"]["status"] for entry in body["entry"]} == {"201 Created"}
    known = {f"{one['resourceType']}/{one['id']}" for one in found}
    known.add(organisation_reference("kunshan", USCC))
    assert {reference for one in found for reference in literal(one)} <= known
    assert [one["resourceType"] for one in found if validator.write_issues(one)] == []


def literal(value: Any) -> Iterator[str]:
    """Every literal reference in a resource to another one."""
    if isinstance(value, list):
        for one in value:
            yield from literal(one)
    elif isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
        for part in value.values():
            yield from literal(part)
