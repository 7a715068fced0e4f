"""Scores over HTTP: JSON, CSV and pages say what came in, and nothing about patients."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest

from hie.admin.drawing import chart
from hie.admin.scoring import read_query
from hie.admin.table import csv_bytes, safe
from hie.app import Exchange
from hie.base.shape import shape
from hie.mapping.sample import shape_at
from hie.pipeline.close import close_days
from hie.staging.tables import RAW_ITEM
from hie.staging.tallies import OTHERS, Tallying, counts_of_item
from hie.wire.row import Header, Row
from tests.admin.conftest import FIRST, LAST, RANGE, client
from tests.clock import FixedClock

Opened = tuple[Exchange, FixedClock, dict[str, int]]


async def test_scores_as_json_page_and_csv(exchange: Opened) -> None:
    opened, _, sent = exchange
    async with client(opened) as http:
        found = (await http.get("/quality/scores", params=RANGE)).json()
        assert (found["from"], found["to"], found["group"]) == (FIRST, LAST, ["feed", "institution"])
        items = dict.fromkeys(sent, 0)
        for row in found["scores"]:
            items[row["feed"]] += row["items"]
            assert all(share is None or 0 <= share <= 100 for share in row["dimensions"].values())
        assert items == sent
        by_day = (await http.get("/quality/scores", params={**RANGE, "group": "day"})).json()["scores"]
        assert sum(row["items"] for row in by_day) == sum(sent.values())
        assert [row["day"] for row in by_day] == sorted({row["day"] for row in by_day})

        each = {**RANGE, "group": "day,feed,institution"}
        per_day = (await http.get("/quality/scores", params=each)).json()["scores"]
        one = {**RANGE, "feed": "qingpu-xml", "institution": "12310118MBHE03010J", "dimension": "规范性"}
        [row] = (await http.get("/quality/scores", params=one)).json()["scores"]
        assert (row["institution"], row["institutionName"]) == (one["institution"], "青浦区中山医院")
        assert list(row["dimensions"]) == ["conformity"]

        answer = await http.get("/quality/scores.csv", params=RANGE)
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert answer.headers["content-disposition"] == f'attachment; filename="quality-{FIRST}-{LAST}.csv"'
        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert sum(int(line["接收件数"]) for line in lines) == sum(sent.values())
        assert "青浦区中山医院" in {line["机构"] for line in lines}
        counted = {"评分": "score", "提示": "info", "警告": "warn", "隔离": "quarantine", "拒绝": "reject"}
        in_json = [{name: row["findings"][name] for name in counted.values()} for row in found["scores"]]
        assert [{name: int(line[head]) for head, name in counted.items()} for line in lines] == in_json
        assert sum(row["score"] for row in in_json) > 0

        page = await http.get("/quality/", params=RANGE)
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert page.text.count("<tr data-institution=") == len(found["scores"])
        assert await close_days(opened.store, opened.ingest.feeds, exchange[1], "here") > 0
        reports = {"_total": "accurate", "measure": "https://hie.example.org/fhir/Measure/feed-quality"}
        for day, n in ((FIRST, sum(row["day"] == FIRST for row in per_day)), ("2025-01-01", 0)):
            answer = await http.get("/fhir/MeasureReport", params={**reports, "period": day})
            assert answer.json()["total"] == n
        nothing = await http.get("/quality/", params={"from": "2025-01-01", "to": "2025-01-02"})
        assert 'data-testid="empty"' in nothing.text
        english = (await http.get("/quality/", params={**RANGE, "lang": "en"})).text
        assert "What costs most points" in english
        assert "Wujiang platform" in english
        assert "卫生信息平台" not in english
        chosen = (await http.get("/quality/", params=one)).text
        tile = re.findall(r"<b>([\d.]+)</b><span>(?:规范性|综合得分)</span>", chosen)
        assert [float(share) for share in tile] == [row["dimensions"]["conformity"]]
        assert ["tiles-hint" in text for text in (page.text, chosen)] == [False, True]
        numbers = [text for row in await opened.store.select(RAW_ITEM, {}) for text in long_numbers(row["body"])]
        assert numbers
        assert [number for number in numbers if number in page.text + str(found)] == []


async def test_a_sender_of_whom_a_replay_took_all_back_is_not_shown(quiet: Exchange) -> None:
    received = datetime.fromisoformat("2026-03-01T12:00:00+08:00")
    counts = counts_of_item(received, (), lambda _: "")
    for change in (Tallying.add, Tallying.take_back):
        tallying = Tallying("qingpu-xml", received)
        change(tallying, "", counts)
        await quiet.store.write(tallying.flush)
        async with client(quiet) as http:
            answer = await http.get("/quality/scores", params={"from": "2026-03-01", "to": "2026-03-01"})
        assert len(answer.json()["scores"]) == (change is Tallying.add)


async def test_what_there_was_no_room_to_name_is_shown_as_other_places(quiet: Exchange) -> None:
    tallying = Tallying("qingpu-xml", datetime.fromisoformat("2026-03-01T12:00:00+08:00"))
    tallying.add("", {"checked": 2, "failed|规范性": 1, f"fault|规范性|warn|id-checksum||{OTHERS}": 1})
    await quiet.store.write(tallying.flush)
    day = {"from": "2026-03-01", "to": "2026-03-01"}
    async with client(quiet) as http:
        page = (await http.get("/quality/", params=day)).text
        [fault] = (await http.get("/quality/scores", params=day)).json()["faults"]
    assert "<td>其他位置</td>" in page
    assert (fault["dimension"], fault["path"], fault["sample"]) == ("conformity", OTHERS, None)


def test_the_first_days_of_the_calendar_can_be_asked_for() -> None:
    assert read_query({"to": "0001-01-03"}, {}, FixedClock(datetime(2026, 3, 1, tzinfo=UTC))).days[0] == "0001-01-01"


def long_numbers(body: object) -> list[str]:
    assert isinstance(body, bytes)
    return re.findall(r"(?<!\d)\d{17}[\dX](?!\d)", body.decode("latin-1"))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"from": "2026-13-01"}, "must be a day"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "Ask for 1 to 366 days"),
        ({"from": "2020-01-01", "to": "2026-03-01"}, "Ask for 1 to 366 days"),
        ({"feed": "nowhere"}, "no feed 'nowhere'. Choose one of: jiashan-cda"),
        ({"dimension": "beauty"}, "no dimension 'beauty'. Choose one of: "),
        ({"group": "patient"}, "Group by day, feed or institution"),
    ],
)
async def test_what_is_not_understood_is_refused(quiet: Exchange, params: dict[str, str], words: str) -> None:
    async with client(quiet) as http:
        answer = await http.get("/quality/scores", params=params)
        assert (answer.status_code, words in answer.json()["detail"]) == (400, True)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await http.get("/quality/", params=params)).status_code == 400


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("+86 512", "'+86 512"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("＝1+1", "'＝1+1"),
        ("青浦区中山医院", "青浦区中山医院"),
        (-1.5, -1.5),
    ],
)
def test_no_cell_is_a_formula(cell: object, shown: object) -> None:
    assert safe(cell) == shown
    assert next(csv.reader(io.StringIO(csv_bytes(["a"], [[cell]]).decode("utf-8-sig").partition("\r\n")[2]))) == [
        str(shown)
    ]


def test_a_chart_leaves_gaps_and_ends_at_a_hundred() -> None:
    drawn = chart(["1", "2", "3", "4"], [("f", [("1", 98.0), ("2", 100.0), ("4", 99.0)])], 152, 100)
    [line] = drawn.lines
    assert len(line.stretches) == 1
    assert [dot.x for dot in line.dots] == [52.0, 76.0, 124.0]
    assert line.dots[1].y == 10.0
    assert drawn.y_labels[-1] == (10.0, "100.0")
    assert chart([], []).empty


@pytest.mark.parametrize(
    ("value", "seen"),
    [("1968-13-41", "9999-99-99"), ("顾晓岚 Gu", "某某某 xx"), ("１2ａ", "99x"), ("a" * 50, "x" * 40 + "…")],
)
def test_a_shape_tells_nothing_but_the_form(value: str, seen: str) -> None:
    assert shape(value) == seen


def test_shapes_of_a_row() -> None:
    row = Row("TB_HIS_PATIENT", {"CSRQ": "19681341"}, "", "", "", False, Header("", "", "", ""))
    assert shape_at("rows", row, "CSRQ") == "99999999"
    assert shape_at("rows", row, "XM") == ""
    assert shape_at("rows", row, "Header/HS") == ""
    assert shape_at("unknown", row, "CSRQ") == ""


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([90.0, 100.0], ["88.5", "94.2", "100.0"]),
        ([100.0], ["99.5", "99.8", "100.0"]),
        ([1.0], ["0.0", "50.0", "100.0"]),
        ([], ["99.5", "99.8", "100.0"]),
    ],
)
def test_the_scale_of_a_trend_begins_below_the_lowest_value_and_ends_at_100(
    values: list[float], labels: list[str]
) -> None:
    days = [f"2026-01-{n:02}" for n in range(1, 31)]
    drawn = chart(days, [("a", [*zip(days, values, strict=False), ("2025-12-31", 100.0)])], 180, 136)
    assert [text for _, text in drawn.y_labels] == labels
    assert (drawn.y_labels[0][0], drawn.y_labels[2][0]) == (110.0, 10.0)
    assert [text for _, text in drawn.x_labels] == ["01-01", "01-06", "01-11", "01-16", "01-21", "01-26"]
    assert len(drawn.lines[0].dots) == len(values)
