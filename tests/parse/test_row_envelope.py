"""An envelope with other names than Qingpu's, and rows inside rows: only the tables of the feed differ."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.base.data import data_path
from hie.base.record import Delivery, Parsed
from hie.parse.row_tables import load_row_tables
from hie.parse.rows import parse

SENDER = "12330100MBHE009004"
HEAD = f"<orgCode>{SENDER}</orgCode><service>PUSH</service><messageId>M1</messageId><sendTime>20260401090000</sendTime>"
ENVELOPE = {
    "root": "request", "header": "header", "organisation": "orgCode", "batch": "messageId", "uploaded": "sendTime",
    "transaction": "service", "table": "data/dataset", "name": "@code", "row": "record",
}  # fmt: skip
TABLES = """
[[table]]
name = "REPORT"
rank = 0
key = ["no"]

[[table]]
name = "ITEM"
within = "REPORT"
at = "items/item"
takes = ["no", "void"]
rank = 1
key = ["no", "line"]
"""
REPORT = "<no>7</no><items><item><line>1</line><v>5</v></item><item><line>2</line></item></items>"


def parsed(
    tmp_path: Path, body: str, names: Mapping[str, str] = ENVELOPE, more: str = "", tables: str = TABLES
) -> Parsed:
    path = tmp_path / "feed.toml"
    lines = "".join(f'{name} = "{value}"\n' for name, value in names.items())
    path.write_text(f"[envelope]\n{lines}{more}{tables}", encoding="utf-8")
    delivery = Delivery("item", "feed", "feed", datetime(2026, 4, 1, tzinfo=UTC), body.encode())
    return parse(delivery, {SENDER}, load_row_tables(path))


def request(rows: str, head: str = HEAD) -> str:
    return f'<request><header>{head}</header><data><dataset code="REPORT">{rows}</dataset></data></request>'


def keys(found: Parsed) -> list[tuple[str, str]]:
    return [(record.type, record.key) for record in found.records]


ROWS = [("REPORT", "7"), ("ITEM", "7|1"), ("ITEM", "7|2")]


def test_another_value_of_a_column_is_not_lost_without_a_word(tmp_path: Path) -> None:
    """The second of two elements of one name was left out, and coverage knew nothing of it."""
    twice = "<sex>1</sex><sex> 1 </sex><name>a</name><name>-</name><name>b</name><name>c</name><items><item/></items>"
    report, *items = parsed(tmp_path, request(f'<record kind="x">{REPORT}{twice}<kind>y</kind></record>')).records
    assert report.tree.values == {"no": "7", "sex": "1", "name": "a", "name[2]": "b", "kind": "y"}
    assert len(items) == 3


def test_rows_inside_a_row_are_rows_of_their_own(tmp_path: Path) -> None:
    found = parsed(tmp_path, request(f"<record>{REPORT}</record>"), more='count = "n"\n')
    assert [(f.code, f.path) for f in found.findings] == [("key-missing", "header/n")]
    found = parsed(tmp_path, request(f"<record>{REPORT}</record>", HEAD + "<n>1</n>"), more='count = "n"\n')
    assert (found.findings, keys(found), found.context) == ((), ROWS, {"batch": "M1", "seq": ["1", "1.1", "1.2"]})
    report, first, _ = found.records
    assert report.tree.values == {"no": "7"}
    assert first.tree.values == {"no": "7", "line": "1", "v": "5"}
    assert {record.organisation for record in found.records} == {SENDER}


def test_what_no_table_finds_inside_a_row_is_one_of_its_columns(tmp_path: Path) -> None:
    found = parsed(tmp_path, request("<record><no>7</no><items><line>9</line></items></record>"))
    assert [record.tree.values for record in found.records] == [{"no": "7", "items": "9"}]


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"namespace": "urn:x"}, request(f"<record>{REPORT}</record>").replace("<request", '<request xmlns="urn:x"')),
        ({"name": "service"}, request(f"<record>{REPORT}</record>", HEAD.replace("PUSH", "REPORT"))),
        (
            {"name": ".", "table": "data/*", "row": "."},
            f"<request><header>{HEAD}</header><data><REPORT>{REPORT}</REPORT></data></request>",
        ),
        (
            {"header": ".", "table": "."},
            f'<request code="REPORT">{HEAD}<record>{REPORT}</record></request>',
        ),
    ],
)
def test_envelopes_of_other_shapes_give_the_same_rows(tmp_path: Path, change: Mapping[str, str], body: str) -> None:
    found = parsed(tmp_path, body, {**ENVELOPE, **change})
    assert (found.findings, keys(found)) == ((), ROWS)


def test_the_upload_on_the_page_about_adapters_is_read_as_it_says(tmp_path: Path) -> None:
    page = data_path("mappings").parent / "docs" / "adapters.md"
    chapter = page.read_text(encoding="utf-8").partition("\n## A region of XML rows")[2]
    body, tables = (chapter.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("xml", "toml"))
    path = tmp_path / "feed.toml"
    path.write_text(tables, encoding="utf-8")
    found = parse(
        Delivery("i", "f", "f", datetime(2026, 4, 1, tzinfo=UTC), body.encode()), {SENDER}, load_row_tables(path)
    )
    assert [(r.type, r.key, r.findings) for r in found.records] == [
        ("HZ_LAB_REPORT", "BG001", ()), ("HZ_LAB_ITEM", "BG001|1", ()), ("HZ_LAB_ITEM", "BG001|2", ()),
    ]  # fmt: skip


def test_any_transaction_is_an_upload_unless_codes_are_named(tmp_path: Path) -> None:
    assert parsed(tmp_path, request("", HEAD.replace("PUSH", "OTHER"))).findings == ()
    found = parsed(tmp_path, request("", HEAD.replace("PUSH", "OTHER")), more='upload = ["PUSH"]\n')
    assert [(f.code, f.path) for f in found.findings] == [("type-unknown", "header/service")]


ATTRIBUTES = """
<e:request xmlns:e="urn:e" xmlns:d="urn:d" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="2"
  orgCode="12330100MBHE009004" service="PUSH" messageId="M1" sendTime="20260401090000" xsi:schemaLocation="x">
  <d:row kind="REPORT" seq="4" d:no="7" sex="2|女" amount="－１２.５０"><d:item code="K">钾</d:item></d:row>
  <d:row kind="REPORT" seq="5" no="8" sex="2" amount="-0"/>
</e:request>"""
ROWS_OF_ATTRIBUTES = """
[revoking]
column = "amount"
negative = true

[[table]]
name = "REPORT"
rank = 0
key = ["no"]
split."|" = ["sex"]
"""


def test_columns_may_be_attributes_of_several_namespaces(tmp_path: Path) -> None:
    """All that stood in attributes was lost without a word, and envelopes with two namespaces could not be read."""
    names = ENVELOPE | {"header": ".", "namespace": "*", "table": "row", "name": "@kind", "row": "."}
    found = parsed(tmp_path, ATTRIBUTES, names, tables=ROWS_OF_ATTRIBUTES)
    assert found.findings == ()
    first, second = (record.tree for record in found.records)
    assert first.values == {
        "item": "钾", "item@code": "K", "no": "7", "sex.1": "2", "sex.2": "女", "amount": "－１２.５０",
    }  # fmt: skip
    assert (second.values, first.revoking, second.revoking) == ({"no": "8", "sex.1": "2", "amount": "-0"}, True, False)
    assert found.context["seq"] == ["4", "5"]


NUMBERED = """
[[table]]
name = "REPORT"
rank = 0
key = ["no"]

[[table]]
name = "ITEM"
within = "REPORT"
at = "items/item"
takes = ["void", { column = "no", as = "report" }]
commas = ["v"]
rank = 1
key = ["report", "no"]
"""


def test_an_inner_row_may_have_a_column_of_the_same_name(tmp_path: Path) -> None:
    """Vendors call the number on every level the same: that of the outer row could not be had."""
    inner = "<item><no>1</no><v>5</v></item>"
    found = parsed(tmp_path, request(f"<record><no>7</no><items>{inner}</items></record>"), tables=NUMBERED)
    assert [record.tree.values for record in found.records] == [{"no": "7"}, {"report": "7", "no": "1", "v": "5"}]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("6,12", "6.12"), ("1.148,5", "1148.5"), ("&lt;0,5", "<0.5"), ("3,5-9,5", "3.5-9.5"), ("≤1.000", "≤1000"),
        ("6.12", "6.12"), ("12", "12"), ("1:80", "1:80"), ("2,3-二磷酸", "2,3-二磷酸"), ("1,2,3", "1,2,3"),
    ],
)  # fmt: skip
def test_numbers_with_a_comma_for_the_point(tmp_path: Path, sent: str, read: str) -> None:
    inner = f"<item><no>1</no><v>{sent}</v></item>"
    found = parsed(tmp_path, request(f"<record><no>7</no><items>{inner}</items></record>"), tables=NUMBERED)
    assert found.records[1].tree.values["v"] == read


@pytest.mark.parametrize("sent", ["07.03.2026 12:30:05", "7.3.2026 12:30:05", "20260307123005"])
def test_the_time_of_the_upload_in_a_form_of_the_sender(tmp_path: Path, sent: str) -> None:
    head = HEAD.replace("20260401090000", sent)
    forms = 'forms = ["%d.%m.%Y %H:%M:%S"]\n'
    found = parsed(tmp_path, request("<record><no>7</no></record>", head), more=forms)
    assert found.findings == ()
    assert found.records[0].tree.uploaded == "2026-03-07T12:30:05+08:00"
