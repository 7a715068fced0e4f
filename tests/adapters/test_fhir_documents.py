"""Documents at a FHIR door: ITI-65 requests, attachments, what replaces what (IHE MHD)."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hie.plugin import Adapter
from tests.adapters.fhir_exchange import (
    BASE,
    asked,
    bundle,
    by_number,
    codes,
    document,
    encoded,
    item,
    patch,
    patient,
    post,
    running,
    stored,
)

MHD = {"meta": {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"]}}


async def test_an_iti_65_request_gives_set_document_and_bytes(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, item(adapter, "01"))
        answer, body = await post(exchange, item(adapter, "03"))
        assert answer.status == 200
        kinds = [entry["response"]["location"].partition("/")[0] for entry in body["entry"]]
        assert kinds == ["List", "DocumentReference", "Binary", "Patient"]
        assert [e["response"]["status"][:3] for e in body["entry"]] == ["201", "201", "201", "200"]
        (document,) = await stored(exchange, "DocumentReference")
        (binary,) = await stored(exchange, "Binary")
        assert document["content"][0]["attachment"]["url"] == f"Binary/{binary['id']}"
        sent = json.loads(item(adapter, "04"))
        number = "identifier=urn:ietf:rfc:3986|urn:oid:2.16.156.10011.9.598.1"
        sent["entry"].append(asked(patch(), "PATCH", f"DocumentReference?{number}"))
        answer, body = await post(exchange, json.dumps(sent).encode())
        assert body["entry"][-1]["response"]["location"] == f"DocumentReference/{document['id']}/_history/2"
        status = {one["date"]: one["status"] for one in await stored(exchange, "DocumentReference")}
    assert status == {"2026-03-20T10:55:00+08:00": "superseded", "2026-03-20T16:00:00+08:00": "current"}


@pytest.mark.parametrize(
    ("full", "url"),
    [
        (f"{BASE}/fhir/Binary/b1", f"{BASE}/fhir/Binary/b1"),
        (f"{BASE}/fhir/Binary/b1", "Binary/b1"),
        (f"urn:uuid:{UUID(int=1)}", f"urn:uuid:{UUID(int=1)}"),
    ],
)
async def test_an_attachment_leads_to_the_bytes_that_came_with_it(
    adapter: Adapter, tmp_path: Path, full: str, url: str
) -> None:
    """FHIR R4 http §3.1.0.11.2: a fullUrl is replaced wherever it stands, not in references alone."""
    bytes_ = {"resourceType": "Binary", "contentType": "text/plain", "data": encoded(b"text")}
    sent = [asked(patient()), asked(bytes_, full=full), asked(document("urn:oid:1.1", url))]
    async with running(adapter, tmp_path) as exchange:
        answer, _ = await post(exchange, bundle(sent))
        (held,) = await stored(exchange, "Binary")
        (found,) = await stored(exchange, "DocumentReference")
        attachment = sent[2]["resource"]["content"][0]["attachment"]
        attachment["hash"] = encoded(hashlib.sha1(b"text").hexdigest().encode())  # as in the examples of MHD
        assert (await post(exchange, bundle(sent)))[0].status == 200
        attachment["size"] = 5
        wrong, told = await post(exchange, bundle(sent))
    assert (answer.status, found["content"][0]["attachment"]["url"]) == (200, f"Binary/{held['id']}")
    assert (wrong.status, codes(told)) == (202, ["envelope-mismatch"])


async def test_a_replacing_bundle_may_patch_the_status_of_what_it_replaces(adapter: Adapter, tmp_path: Path) -> None:
    """IHE MHD 2:3.65.4.1.2.3: the Bundle was refused as a whole."""
    async with running(adapter, tmp_path) as exchange:
        _, body = await post(exchange, bundle([asked(patient()), asked(document("urn:oid:1.1"))]))
        url = body["entry"][1]["response"]["location"].partition("/_history")[0]
        younger = document("urn:oid:1.2", relatesTo=[{"code": "replaces", "target": {"reference": url}}])
        sent = [asked(patch(), "PATCH", url), asked(younger)]
        answer, told = await post(exchange, bundle(sent, "2026-03-02T08:00:00+08:00"))
        found = {one["masterIdentifier"]["value"]: one for one in await stored(exchange, "DocumentReference")}
        refused = []
        for wrong in (
            [sent[0]],
            [asked(patch(value="current"), "PATCH", url), sent[1]],
            [asked(patch("DocumentReference.type"), "PATCH", url), sent[1]],
            [asked({"resourceType": "Parameters"}, "PATCH", url), sent[1]],
            [asked(patch(), "PATCH", "Patient/1"), sent[1]],
        ):
            one, said = await post(exchange, bundle(wrong, "2026-03-03T08:00:00+08:00"))
            refused.append((one.status, codes(said)))
        odd = [asked({"resourceType": "Parameters", "parameter": [1, {"part": "x"}]}, "PATCH", url)]
        _, said = await post(exchange, bundle(odd, kind="batch"))
    assert said["entry"][0]["response"]["status"].startswith("422")
    assert answer.status == 200
    assert [entry["response"]["status"] for entry in told["entry"]] == ["200 OK", "201 Created"]
    assert told["entry"][0]["response"]["location"] == f"{url}/_history/2"
    assert (found["urn:oid:1.1"]["status"], found["urn:oid:1.2"]["status"]) == ("superseded", "current")
    assert refused == [(202, ["envelope-mismatch"]), *[(422, ["type-unknown"])] * 4]


async def test_a_document_that_is_replaced_may_be_named_by_its_number_alone(adapter: Adapter, tmp_path: Path) -> None:
    before = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.1"}}
    younger = document("urn:oid:1.2", relatesTo=[{"code": "replaces", "target": before}])
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, bundle([asked(patient()), asked(document("urn:oid:1.1"))]))
        await post(exchange, bundle([asked(younger)], "2026-03-02T08:00:00+08:00"))
        found = {one["masterIdentifier"]["value"]: one for one in await stored(exchange, "DocumentReference")}
    old, new = found["urn:oid:1.1"], found["urn:oid:1.2"]
    assert (old["status"], new["status"]) == ("superseded", "current")
    assert new["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{old['id']}"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (("DocumentReference", "masterIdentifier", None), 422, "key-missing"),
        (("List", "code", {"text": "folder"}), 422, "count-mismatch"),
        (("List", "entry", [{"item": {"reference": "urn:uuid:00000000-0000-4000-8000-00000000ffff"}}]), 202, None),
        (("Binary", "data", encoded(b"other bytes")), 202, "envelope-mismatch"),
        (("DocumentReference", "subject", by_number("patient", "Patient", "P0002")), 202, None),
        (("DocumentReference", "content", [{"attachment": {"url": f"urn:uuid:{UUID(int=9)}"}}]), 202, None),
    ],
)
async def test_an_iti_65_request_that_contradicts_itself(
    adapter: Adapter, tmp_path: Path, change: tuple[str, str, Any], status: int, code: str | None
) -> None:
    kind, element, value = change
    sent = json.loads(item(adapter, "03"))
    for entry in sent["entry"]:
        if entry["resource"]["resourceType"] == kind:
            entry["resource"].pop(element)
            if value is not None:
                entry["resource"][element] = value
    async with running(adapter, tmp_path) as exchange:
        await post(exchange, item(adapter, "01"))
        before = await stored(exchange)
        answer, body = await post(exchange, json.dumps(sent).encode())
        assert await stored(exchange) == before
    assert answer.status == status
    assert (code or "envelope-mismatch") in codes(body)
