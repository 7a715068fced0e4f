"""Envelopes of rows: header rules, dependency order, key columns, lengths (Qingpu §2, §3, §5)."""

import pytest

from tests.parse.envelope import QPZS, envelope, parsed, row, table

PATIENT, VISIT, REPORT = "TB_YL_PATIENT_INFORMATION", "TB_YL_MZ_MEDICAL_RECORD", "TB_LIS_REPORT"
ITEMS = "TB_LIS_INDICATORS"


def codes(body: bytes) -> list[tuple[str, str]]:
    return [(f.code, f.path) for f in parsed(body).findings]


@pytest.mark.parametrize("column", ["YLJGYQDM", "JYM", "PCH", "SCSJ", "HS"])
@pytest.mark.parametrize("value", ["absent", "", "-", "无", "NULL"])
def test_a_missing_header_column_refuses_the_envelope(column: str, value: str) -> None:
    found = parsed(envelope(table(PATIENT, row(1, KH="1", KLX="1")), **{column: value}))
    assert [(f.code, f.path) for f in found.findings] == [("key-missing", f"Header/{column}")]
    assert found.records == ()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"HS": "2"}, ("count-mismatch", "Header/HS")),
        ({"HS": "0"}, ("count-mismatch", "Header/HS")),
        ({"HS": "one"}, ("count-mismatch", "Header/HS")),
        ({"JYM": "QUERY"}, ("type-unknown", "Header/JYM")),
        ({"YLJGYQDM": "12320509MBHE01015B"}, ("org-unknown", "Header/YLJGYQDM")),
        ({"SCSJ": "2026-04-10"}, ("key-missing", "Header/SCSJ")),
        ({"SCSJ": "1900-01-01 00:00:00"}, ("key-missing", "Header/SCSJ")),
        ({"SCSJ": "0001-01-01 00:00:00"}, ("key-missing", "Header/SCSJ")),
        ({"SCSJ": "yesterday"}, ("key-missing", "Header/SCSJ")),
        ({"version": "1.1"}, ("version-unsupported", "HieUpload/@version")),
    ],
)
def test_what_refuses_the_envelope(header: dict[str, str], expected: tuple[str, str]) -> None:
    body = envelope(table(PATIENT, row(1, KH="1", KLX="1")), **header)
    assert codes(body) == [expected]
    assert parsed(body).records == ()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Other/>", "message-malformed"),
        (b"<HieUpload", "message-malformed"),
        (b"", "message-malformed"),
        (b'<!DOCTYPE HieUpload [<!ENTITY a "b">]><HieUpload version="1.0"/>', "doctype-forbidden"),
    ],
)
def test_what_is_no_envelope_at_all(body: bytes, code: str) -> None:
    assert [f.code for f in parsed(body).findings] == [code]


def test_an_upload_time_in_the_future_is_noted_and_the_rows_are_taken() -> None:
    """All that comes after it counts as old: the sender is told (common rules §5.2)."""
    found = parsed(envelope(table(PATIENT, row(1, KH="1", KLX="1")), SCSJ="2026-04-11 22:30:01"))
    assert [(f.code, f.path) for f in found.findings] == [("date-future", "Header/SCSJ")]
    assert len(found.records) == 1
    assert parsed(envelope(SCSJ="2026-04-11 22:30:00")).findings == ()


def test_rows_come_in_dependency_order_and_keep_their_number() -> None:
    body = envelope(
        table(ITEMS, row(1, JYZBLSH="I1", BGRQ="20260410", BGDH="L1")),
        table(REPORT, row(2, BGRQ="20260410", BGDH="L1", JZLSH="V1")),
        table(PATIENT, row(3, KH="1", KLX="1")),
        table(VISIT, row(4, JZLSH="V1", KH="1", KLX="1")),
        table(PATIENT, row(5, KH="2", KLX="1")),
    )
    records = parsed(body).records
    assert [(r.part, r.type, r.tree.key) for r in records] == [
        (3, PATIENT, f"{QPZS}|1|1"),
        (5, PATIENT, f"{QPZS}|2|1"),
        (4, VISIT, f"{QPZS}|V1"),
        (2, REPORT, f"{QPZS}|20260410|L1"),
        (1, ITEMS, f"{QPZS}|I1"),
    ]
    assert {r.organisation for r in records} == {QPZS}
    assert [r.message_id for r in records] == ["B1", "", "", "", ""]


def test_rows_of_one_key_come_in_order_of_seq() -> None:
    body = envelope(table(PATIENT, row(10, KH="1", KLX="1", XM="b"), row(9, KH="1", KLX="1", XM="a")))
    records = parsed(body).records
    assert [(r.part, r.tree.values["XM"]) for r in records] == [(2, "a"), (1, "b")]
    assert records[0].tree.order < records[1].tree.order


def test_rows_without_distinct_numbers_go_by_their_place() -> None:
    body = envelope(table(PATIENT, row(1, KH="1", KLX="1"), row(1, KH="2", KLX="1"), row(KH="3", KLX="1")))
    found = parsed(body)
    assert [r.tree.values["KH"] for r in found.records] == ["1", "2", "3"]
    assert found.context == {"batch": "B1", "seq": ["1", "1", "3"]}


def test_numbers_may_have_any_length() -> None:
    long = "9" * 5000
    rows = (row(long, KH="1", KLX="1", XM="b"), row(12345678901, KH="1", KLX="1", XM="a"))
    records = parsed(envelope(table(PATIENT, *rows))).records
    assert [r.tree.values["XM"] for r in records] == ["a", "b"]
    assert records[0].tree.order < records[1].tree.order
    refused = parsed(envelope(table(PATIENT, row(1, KH="1", KLX="1")), HS=long))
    assert [(f.code, f.path) for f in refused.findings] == [("count-mismatch", "Header/HS")]
    assert parsed(envelope(table(PATIENT, row(1, KH="1", KLX="1")), HS="001")).findings == ()


def test_codes_and_numbers_are_half_width() -> None:
    (record,) = parsed(envelope(table(PATIENT, row(1, KH="Ｋ１", KLX="１", XM="Ｋ", XGBZ="２")))).records
    assert record.tree.values == {"YLJGYQDM": QPZS, "KH": "K1", "KLX": "1", "XM": "Ｋ", "XGBZ": "2"}
    assert record.tree.revoking


def test_the_order_key_is_upload_time_then_batch_then_row() -> None:
    def order(batch: str, uploaded: str, seq: int) -> str:
        body = envelope(table(PATIENT, row(seq, KH="1", KLX="1")), PCH=batch, SCSJ=uploaded)
        return str(parsed(body).records[0].tree.order)

    ordered = [
        order("B9", "2026-04-09 22:00:00", 7),
        order("B1", "2026-04-10 22:00:00", 9),
        order("B1", "2026-04-10 22:00:00", 10),
        order("B1-2", "20260410220000", 1),
        order("A", "2026-04-10 22:00:01", 1),
    ]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) == 5


def test_blanks_empty_cells_and_hyphens_are_no_value() -> None:
    body = envelope(table(PATIENT, row(1, KH=" 1 ", KLX="1", XM="-", XB="", MZ="  ")))
    record = parsed(body).records[0]
    assert record.tree.values == {"YLJGYQDM": QPZS, "KH": "1", "KLX": "1"}
    assert record.findings == ()


@pytest.mark.parametrize("null", ["--", "—", "/", "无", "NULL", "null", "同上"])
def test_other_null_text_is_no_value_but_in_clinical_columns(null: str) -> None:
    person = parsed(envelope(table(PATIENT, row(1, KH="1", KLX="1", JZDZ=null)))).records[0]
    assert "JZDZ" not in person.tree.values
    assert [(f.code, f.path) for f in person.findings] == [("null-text", "JZDZ")]
    item = parsed(envelope(table(ITEMS, row(1, JYZBLSH="1", BGRQ="20260410", BGDH="1", JYZBJG=null)))).records[0]
    assert item.tree.values["JYZBJG"] == null
    assert item.findings == ()
    revoked = parsed(envelope(table(PATIENT, row(1, KH="1", KLX="1", JZDZ=null, XGBZ="2")))).records[0]
    assert revoked.findings == ()


def test_the_digest_is_that_of_the_content() -> None:
    def digest(name: str, **columns: str) -> str:
        return str(parsed(envelope(table(name, row(1, **columns)))).records[0].tree.digest)

    assert digest(PATIENT, KH="1", KLX="1", XM="-") == digest(PATIENT, KLX="1", KH="1")
    assert digest(PATIENT, KH="1", KLX="1", XM="a") != digest(PATIENT, KH="1", KLX="1", XM="b")
    assert digest(VISIT, JZLSH="1") != digest("TB_YL_ZY_MEDICAL_RECORD", JZLSH="1")


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        (PATIENT, {"KH": "1", "KLX": "-"}, [("key-missing", "KLX")]),
        (PATIENT, {"KLX": "1"}, [("key-missing", "KH")]),
        (PATIENT, {"KH": "1", "KLX": "1", "YLJGYQDM": "-"}, [("key-missing", "YLJGYQDM")]),
        (PATIENT, {"KH": "1", "KLX": "1", "YLJGYQDM": "12310118MBHE03029F"}, [("envelope-mismatch", "YLJGYQDM")]),
        (VISIT, {"JZLSH": "V1"}, [("key-missing", "KH"), ("key-missing", "KLX")]),
        (VISIT, {"JZLSH": "NULL", "KH": "1", "KLX": "1"}, [("key-missing", "JZLSH"), ("null-text", "JZLSH")]),
        (
            VISIT,
            {"JZLSH": "／", "KH": "－", "KLX": "1"},
            [("key-missing", "JZLSH"), ("key-missing", "KH"), ("null-text", "JZLSH")],
        ),
        (VISIT, {"JZLSH": "V1", "XGBZ": "2"}, []),
        (VISIT, {"XGBZ": "2"}, [("key-missing", "JZLSH")]),
        (REPORT, {"BGRQ": "20260410", "BGDH": "L1"}, [("key-missing", "JZLSH")]),
        (ITEMS, {"JYZBLSH": "I1", "BGRQ": "20260410"}, [("key-missing", "BGDH")]),
        (ITEMS, {"JYZBLSH": "I1", "XGBZ": "2", "BGRQ": "-"}, []),
        ("TB_IH_DIAGNOSIS_DETAIL", {"ZYZDLSH": "D1"}, [("key-missing", "JZLSH")]),
        ("TB_CIS_LEAVEHOSPITAL_SUMMARY", {}, [("key-missing", "JZLSH")]),
        ("TB_RIS_REPORT", {"JZLSH": "V1"}, [("key-missing", "INSTANCEUID")]),
        ("TB_OTHER", {"KH": "1"}, [("type-unknown", "TB_OTHER")]),
        (PATIENT, {"KH": "1" * 65, "KLX": "1"}, [("field-too-long", "KH")]),
        (PATIENT, {"KH": "1", "KLX": "1", "XM": "张" * 101}, [("field-too-long", "XM")]),
        (PATIENT, {"KH": "1", "KLX": "1", "JZDZ": "路" * 4001}, [("field-too-long", "JZDZ")]),
        (ITEMS, {"JYZBLSH": "I1", "BGRQ": "20260410", "BGDH": "L1", "JYZBJG": "x" * 4001}, []),
    ],
)
def test_findings_of_a_row(name: str, columns: dict[str, str], expected: list[tuple[str, str]]) -> None:
    found = parsed(envelope(table(name, row(1, **columns))))
    assert found.findings == ()
    assert [(f.code, f.path) for f in found.records[0].findings] == expected


def test_a_table_that_is_not_known_does_not_touch_the_others() -> None:
    found = parsed(envelope(table("TB_OTHER", row(1, A="1")), table(PATIENT, row(2, KH="1", KLX="1"))))
    assert [(r.part, r.type, [f.code for f in r.findings]) for r in found.records] == [
        (2, PATIENT, []),
        (1, "TB_OTHER", ["type-unknown"]),
    ]
    assert found.records[0].message_id == "B1"


def test_a_table_may_appear_twice_and_an_envelope_may_be_empty() -> None:
    twice = envelope(table(PATIENT, row(1, KH="1", KLX="1")), table(PATIENT, row(2, KH="2", KLX="1")))
    assert len(parsed(twice).records) == 2
    assert parsed(envelope()).findings == ()


def test_gb18030_under_a_utf8_declaration_is_read_and_noted() -> None:
    text = envelope(table(PATIENT, row(1, KH="1", KLX="1", XM="瑋億昞"))).decode()
    body = ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode("gb18030")
    found = parsed(body)
    assert [f.code for f in found.findings] == ["charset-mismatch"]
    assert found.records[0].tree.values["XM"] == "瑋億昞"
    assert found.charset.lower() == "gb18030"
