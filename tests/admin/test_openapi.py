"""The OpenAPI document describes every route of the site but the record browser and FHIR, which has its own."""

from collections.abc import Iterator

from starlette.routing import Mount, Route

from hie.admin.openapi import SERVED
from hie.app import Exchange
from tests.admin.conftest import client

NOT_OURS = ("/browse", "/openapi.json", "/feeds/{door}/fhir{below:path}")
"""Pages of the record browser, of FastAPI, and what a FHIR door leads to the FHIR base or refuses."""


def routes(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Path and method of everything that is routed."""
    for route in exchange.web._others.routes:
        inner = route.app.routes if isinstance(route, Mount) else [route]
        prefix = route.path if isinstance(route, Mount) else ""
        for one in inner:
            if isinstance(one, Route) and not f"{prefix}{one.path}".startswith(NOT_OURS) and one.path != "/":
                yield from ((f"{prefix}{one.path}", m.lower()) for m in one.methods or () if m != "HEAD")


async def test_every_route_is_described(quiet: Exchange) -> None:
    async with client(quiet) as web:
        paths = (await web.get("/openapi.json")).json()["paths"]
    described = {(path, method) for path, row in paths.items() for method in row}
    routed = set(routes(quiet))
    assert routed <= described, routed - described
    assert {("/quality/scores", "get"), ("/feeds/{door}/$check", "post"), ("/admin/ledger", "get")} <= described
    assert {(one.path, one.method) for one in SERVED} <= routed | {("/quality/", "get")}


async def test_what_a_request_takes_is_described(quiet: Exchange) -> None:
    async with client(quiet) as web:
        paths = (await web.get("/openapi.json")).json()["paths"]
    check = paths["/feeds/{door}/$check"]["post"]
    door, strict = check["parameters"]
    assert (door["in"], "wujiang-hl7v2" in door["schema"]["enum"]) == ("path", True)
    assert (strict["name"], strict["in"], strict["required"]) == ("strict", "query", False)
    assert "application/hl7-v2" in check["requestBody"]["content"]
    act = paths["/quality/quarantine/group/{act}"]["post"]
    assert act["parameters"][0]["schema"]["enum"] == ["release", "discard"]
    assert "reason" in act["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]


REFUSED = [
    ("GET", "/nothing", 404, "GET /openapi.json lists what there is"),
    ("GET", "/docs", 404, "GET /openapi.json lists what there is"),
    ("GET", "/feeds/wujiang-hl7v2", 405, "This address takes POST only."),
    ("POST", "/feeds/nowhere/$check", 404, "GET /feeds lists those there are"),
    ("POST", "/admin/quarantine/0/discard", 422, "body: Field required."),
    ("GET", "/admin/coverage?days=many", 422, "query.days: Input should be a valid integer"),
    ("GET", "/admin/quarantine/0", 404, "There is no raw item with this id: give at least the first 6 characters"),
]


async def test_whatever_is_refused_is_a_problem(quiet: Exchange) -> None:
    """One form of error for programs, whoever refuses: a door, a page, FastAPI (RFC 9457)."""
    async with client(quiet) as web:
        for method, path, status, told in REFUSED:
            answer = await web.request(method, path)
            body = answer.json()
            assert (answer.status_code, body["status"], told in body["detail"]) == (status, status, True), (path, body)
            assert answer.headers["content-type"] == "application/problem+json", path
        document = (await web.get("/openapi.json")).json()
    assert list(document["paths"]["/admin/replay"]["post"]["responses"]["4XX"]["content"]) == [
        "application/problem+json"
    ]
