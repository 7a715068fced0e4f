"""Policy: asked on every route, narrows searches, checks everything that leaves (design decision 14)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.api.router import ROUTES
from hie.search.clause import IdIs, Not
from hie.search.plan import Plan
from hie.security.policy import Interaction, Outgoing
from hie.security.principal import Principal, PrincipalKind
from tests.api.conftest import PATIENT, client_of, issue

NURSE = Principal("nurse-1", PrincipalKind.PRACTITIONER)


async def authenticate(headers: Any) -> Principal:
    return NURSE


@dataclass
class Recorder:
    """A policy that notes what it is asked; `hidden` ids may neither be found nor leave."""

    allowed: bool = True
    hidden: tuple[str, ...] = ()
    asked: list[tuple[str, Interaction]] = field(default_factory=list)

    def allows(self, principal: Principal, interaction: Interaction, resource_type: str | None) -> bool:
        self.asked.append((principal.id, interaction))
        return self.allowed

    def narrow(self, plan: Plan, principal: Principal) -> Plan:
        return plan.narrowed(Not(IdIs(self.hidden))) if self.hidden else plan

    def permits(self, version: Outgoing, principal: Principal, interaction: Interaction) -> bool:
        assert version.type
        return version.id not in self.hidden


PLACES = {
    "": "", "metadata": "metadata", "openapi.json": "openapi.json",
    "_history": "_history", "_search": "_search", "$": "$meta", "Type": "Patient",
    "Type/_search": "Patient/_search", "Type/_history": "Patient/_history", "Type/$": "Patient/$meta",
    "Type/id": "Patient/p1", "Type/id/_history": "Patient/p1/_history",
    "Type/id/_history/vid": "Patient/p1/_history/1", "Type/id/$": "Patient/p1/$everything",
    "Type/id/_history/vid/$": "Patient/p1/_history/1/$meta", "Type/id/Type": "Patient/p1/Observation",
    "Type/id/Type/_search": "Patient/p1/Observation/_search",
}  # fmt: skip


def test_every_shape_of_route_is_tried() -> None:
    assert PLACES.keys() == ROUTES.keys()


@pytest.mark.parametrize(("shape", "method"), [(shape, method) for shape in ROUTES for method in ROUTES[shape]])
async def test_no_route_without_policy(make_app: Callable[..., FhirApp], shape: str, method: str) -> None:
    policy = Recorder(allowed=False)
    async with client_of(make_app(policy=policy, authenticate=authenticate)) as client:
        answer = await client.request(method, PLACES[shape], json={**PATIENT, "id": "p1"})
    assert (answer.status_code, issue(answer)["code"]) == (403, "forbidden")
    assert policy.asked == [("nurse-1", ROUTES[shape][method][1])]


async def test_entries_of_bundles_are_gated_too(make_app: Callable[..., FhirApp]) -> None:
    class NoCreate(Recorder):
        def allows(self, principal: Principal, interaction: Interaction, resource_type: str | None) -> bool:
            return interaction is not Interaction.CREATE

    entry = {"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}
    async with client_of(make_app(policy=NoCreate())) as client:
        for kind in ("batch", "transaction"):
            answer = await client.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})
            assert "403" in answer.text or answer.status_code == 403
        assert (await client.get("_history")).json()["total"] == 0


async def _with_hidden(make_app: Callable[..., FhirApp]) -> httpx.AsyncClient:
    async with client_of(make_app()) as operator:
        for name in ("p1", "hidden"):
            await operator.put(f"Patient/{name}", json={**PATIENT, "id": name})
    return client_of(make_app(policy=Recorder(hidden=("hidden",)), authenticate=authenticate))


async def test_what_may_not_leave_does_not(make_app: Callable[..., FhirApp]) -> None:
    async with await _with_hidden(make_app) as client:
        for url in ("Patient/hidden", "Patient/hidden/_history/1"):
            answer = await client.get(url)
            assert (answer.status_code, issue(answer)["code"]) == (403, "forbidden")
        history = (await client.get("_history")).json()
        assert [entry["fullUrl"].rpartition("/")[2] for entry in history["entry"]] == ["p1"]
        found = (await client.get("Patient")).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["p1"]


async def test_what_may_not_be_written_is_not(make_app: Callable[..., FhirApp]) -> None:
    async with await _with_hidden(make_app) as client:
        body = {**PATIENT, "id": "hidden", "gender": "male"}
        patch = {"content-type": "application/json-patch+json"}
        assert (await client.put("Patient/hidden", json=body)).status_code == 403
        assert (await client.delete("Patient/hidden")).status_code == 403
        change = [{"op": "add", "path": "/active", "value": True}]
        assert (await client.request("PATCH", "Patient/hidden", json=change, headers=patch)).status_code == 403
    async with client_of(make_app()) as operator:
        assert (await operator.get("Patient/hidden")).headers["etag"] == 'W/"1"'


async def test_everything_of_everyone_leaves_out_what_is_hidden(make_app: Callable[..., FhirApp]) -> None:
    async with client_of(make_app()) as client:
        for name in ("seen", "hidden"):
            await client.put(f"Patient/{name}", json={**PATIENT, "id": name})
            note = {"resourceType": "Basic", "id": f"of-{name}", "code": {"text": "c"}}
            await client.put(f"Basic/of-{name}", json={**note, "subject": {"reference": f"Patient/{name}"}})
    policy = Recorder(hidden=("hidden",))
    async with client_of(make_app(policy=policy, authenticate=authenticate)) as client:
        bundle = (await client.get("Patient/$everything")).json()
        assert sorted(row["resource"]["id"] for row in bundle["entry"]) == ["of-seen", "seen"]
    async with client_of(make_app(policy=Recorder(allowed=False), authenticate=authenticate)) as client:
        assert (await client.get("Patient/$everything")).status_code == 403


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("POST", "Patient", {"If-None-Exist": "identifier=urn:test:id|A1"}),
        ("PUT", "Patient?identifier=urn:test:id|A1", {}),
        ("DELETE", "Patient?identifier=urn:test:id|A1", {}),
    ],
)
async def test_a_match_that_may_not_leave_is_not_told(
    make_app: Callable[..., FhirApp], method: str, url: str, headers: dict[str, str]
) -> None:
    class Found(Recorder):
        def narrow(self, plan: Plan, principal: Principal) -> Plan:
            return plan

    async with client_of(make_app()) as operator:
        await operator.put("Patient/hidden", json={**PATIENT, "id": "hidden"})
    told = {"ifNoneExist": headers["If-None-Exist"]} if headers else {}
    entry = {"request": {"method": method, "url": url, **told}} | ({} if method == "DELETE" else {"resource": PATIENT})
    body = None if method == "DELETE" else {**PATIENT, "gender": "male"}
    async with client_of(make_app(policy=Found(hidden=("hidden",)), authenticate=authenticate)) as client:
        alone = await client.request(method, url, json=body, headers=headers)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        together = await client.post("", json=bundle)
    for answer in (alone, together):
        assert (answer.status_code, issue(answer)["code"]) == (403, "forbidden")
        assert "hidden" not in answer.text
    async with client_of(make_app()) as operator:
        assert (await operator.get("Patient/hidden")).headers["etag"] == 'W/"1"'
