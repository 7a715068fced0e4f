"""Nothing reaches a page but through the policy, and nothing waits for ever."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hie.base.errors import Category, HieError
from hie.browse import chart as charts
from hie.browse import pages
from hie.browse.chart import Charts
from hie.browse.guard import View
from hie.browse.pages import browse_app
from hie.browse.source import Source
from hie.fhir.definitions import official
from hie.search.query import Plan
from hie.security.policy import AllowAll, Interaction, Outgoing
from hie.security.principal import LOCAL_OPERATOR, Principal, PrincipalKind
from hie.store.port import Page
from tests.browse import seed
from tests.browse.conftest import Frail, Links, source_of
from tests.clock import FixedClock

GU = seed.uid("golden", "gu")
DOCTOR = Principal("doctor-7", PrincipalKind.PRACTITIONER, seed.JSYY)


class NotQingpu(AllowAll):
    """Qingpu's data may not leave."""

    def permits(self, version: Outgoing, principal: Principal, interaction: Interaction) -> bool:
        """Everything but what carries Qingpu's tag."""
        return b'"code":"qingpu"' not in version.body


class NoPatients(AllowAll):
    """Patients may not be read."""

    def allows(self, principal: Principal, interaction: Interaction, resource_type: str | None) -> bool:
        """Everything but Patients."""
        return resource_type != "Patient"


async def doctor(headers: Mapping[str, str]) -> Principal:
    """Everybody is the same doctor."""
    return DOCTOR


async def nobody(headers: Mapping[str, str]) -> Principal:
    """Nobody is anybody."""
    raise HieError(Category.UNAUTHENTICATED, "sign in first")


async def get(app: object, path: str) -> httpx.Response:
    """One answer of the mounted browser."""
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/browse", app)]))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hie") as client:
        return await client.get(path)


async def test_what_policy_forbids_is_nowhere_on_the_page(store: Frail) -> None:
    clock = FixedClock(seed.NOW)
    app = browse_app(store, official(), Links(store), clock, policy=NotQingpu(), authenticate=doctor)
    page = await get(app, f"/browse/record/{GU}")
    assert page.status_code == 200
    assert "青浦区中山医院" not in page.text
    assert "甲状腺" not in page.text
    assert "胸部CT平扫" in page.text
    assert "主索引关联 2 份记录" in page.text
    assert "doctor-7" in page.text
    hidden = seed.uid(seed.QPZS, "DiagnosticReport", "US1")
    assert (await get(app, f"/browse/record/{GU}/DiagnosticReport/{hidden}")).status_code == 404


async def test_a_search_gives_only_what_policy_lets_out(store: Frail) -> None:
    bodies = {}
    for policy in (AllowAll(), NotQingpu()):
        found = await View(store, official(), policy, LOCAL_OPERATOR).find("DiagnosticReport", [])
        bodies[type(policy)] = {version.body for version in found}
    hidden = bodies[AllowAll] - bodies[NotQingpu]
    assert hidden
    assert bodies[NotQingpu] == {body for body in bodies[AllowAll] if b'"code":"qingpu"' not in body}


@pytest.mark.parametrize(("policy", "who", "status"), [(NoPatients(), doctor, 403), (AllowAll(), nobody, 401)])
async def test_without_leave_there_is_no_record(store: Frail, policy: AllowAll, who: object, status: int) -> None:
    clock = FixedClock(seed.NOW)
    app = browse_app(store, official(), Links(store), clock, policy=policy, authenticate=who)  # type: ignore[arg-type]
    page = await get(app, f"/browse/record/{GU}")
    assert page.status_code == status
    assert "没有查看档案的权限" in page.text
    assert "顾晓岚" not in page.text


class Hanging(Frail):
    """Searches for Observations never come back."""

    async def search(self, plan: Plan) -> Page:
        """Wait for ever, or search."""
        if plan.types == ("Observation",):
            await asyncio.Event().wait()
        return await super().search(plan)


async def test_a_type_that_hangs_is_given_up_and_the_rest_is_there(store: Frail) -> None:
    hanging = Hanging(store)
    view = View(hanging, official(), AllowAll(), LOCAL_OPERATOR)
    chart = await Source(view, Links(store), Charts(), deadline=0.2).chart(GU)
    assert chart.failed == {"Observation"}
    assert len(chart.all("DiagnosticReport")) == 6


async def test_a_long_record_is_worked_out_in_a_thread(store: Frail, monkeypatch: pytest.MonkeyPatch) -> None:
    """23,000 results held up all other requests for seconds."""
    made: dict[str, bool] = {}

    def noting(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            made[name] = threading.current_thread() is not threading.main_thread()
            return make(*given)

        return noted

    monkeypatch.setattr(charts, "_LONG", 10)
    monkeypatch.setattr(charts, "_parsed", noting("parsed", charts._parsed))
    monkeypatch.setattr(pages, "timeline", noting("timeline", pages.timeline))
    monkeypatch.setattr(pages, "series_of", noting("series", pages.series_of))
    page = await get(browse_app(store, official(), Links(store), FixedClock(seed.NOW)), f"/browse/record/{GU}")
    assert page.status_code == 200
    assert made == {"parsed": True, "timeline": True, "series": True}


class Slow(Frail):
    """What a chart names takes long to find."""

    async def search(self, plan: Plan) -> Page:
        """Search, after others had a turn."""
        if plan.types == ("Organization",):
            await asyncio.sleep(0.01)
        return await super().search(plan)


async def test_charts_are_made_side_by_side_though_only_one_is_kept(
    store: Frail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "_KEPT", 1)
    source = source_of(Slow(store))
    people = (GU, seed.no_allergy()[0]["id"])
    found = await asyncio.gather(*(source.chart(one) for one in people))
    assert [chart.person.id for chart in found] == [*people]


async def test_a_kept_chart_is_never_stale(store: Frail) -> None:
    view = View(store, official(), AllowAll(), LOCAL_OPERATOR)
    source = Source(view, Links(store), Charts())
    first = await source.chart(GU)
    assert await source.chart(GU) is first

    async def job(transaction: object) -> None:
        renamed = seed.organizations()[0] | {"name": "吴江新院"}
        await transaction.put(renamed)  # type: ignore[attr-defined]

    await store.write(job)
    second = await source.chart(GU)
    assert "吴江新院" in second.directory.names.values()
    assert second.resources is first.resources

    async def report(transaction: object) -> None:
        who = next(r for r in seed.gu() if r["id"] == seed.uid(seed.WJYY, "Patient", "L800001"))
        await transaction.put(seed.lab(who, seed.WJYY, "NEW", "新报告", "2026-04-07", []))  # type: ignore[attr-defined]

    await store.write(report)
    assert len((await source.chart(GU)).all("DiagnosticReport")) == 7
