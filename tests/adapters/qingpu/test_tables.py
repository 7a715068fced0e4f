"""Every column of the eight tables: how long it may be, whether null text is a value, whether a map reads it (Qingpu
§4, §5; common rules §5.3, §5.5)."""

from fnmatch import fnmatchcase

import pytest

from hie.base.data import data_path
from hie.quality.rules import load_rules
from tests.adapters.qingpu.exchange import draft, parsed
from tests.adapters.qingpu.rows import FULL, KEYS, TABLES, one, upload

CODES = {
    "patient": "YYDAH XB ZJLX ZJHM GJJKKID HYZK MZ GJ XGBZ",
    "outpatient": "KH KLX JZLX JZKSBM CISID BAH XGBZ",
    "inpatient": "KH KLX JZKSBM CISID BAH LYFS XGBZ",
    "report": "JZLSH MZZYBZ BGDLBBM BBDM SQYHRYID BGYHRYID SHYHRYID XGBZ",
    "result": "BGRQ BGDH JYZBDM MXXMBM MXXMBMYB YCTS WJZBZ YQBH XGBZ",
    "imaging": "JZLSH STUDYUID EXAMTYPE YYS XGBZ",
    "summary": "CYQK XGBZ",
    "diagnosis": "JZLSH ZDLB ZDBM CYZDBZ YZDBZ XGBZ",
}
"""At most 64 characters, like the key columns."""

NAMES = {"patient": "XM LXRXM", "outpatient": "JZYSXM", "inpatient": "JZYSXM", "report": "HZXM"}
"""At most 100 characters."""

SHORT = {
    "patient": "CSRQ SJHM DHHM JZDZ HKDZ LXRGX LXRDH",
    "outpatient": "JZKSMC JZSJ",
    "inpatient": "JZKSMC RYSJ CYSJ",
    "report": "BRXB BRNL BGDLB BBMC CJSJ JYSJ BGSJ SHSJ",
    "result": "JYZBMC JLDW CKZ JYFF YQMC",
    "imaging": "JCMC JCBW JCSJ BGSJ SHSJ",
    "summary": "",
    "diagnosis": "ZDSM ZDSJ",
}
"""At most 4,000 characters."""

LONG = {"result": "JYZBJG", "imaging": "YXBX YXZD", "summary": "RYZD RYZZTZ JCHZ ZLGC CYZD CYQKMS CYYZ"}
"""Results and narrative."""

WORDS = {
    "report": "BGDLB BBMC",
    "result": "JYZBJG JLDW CKZ JYFF",
    "imaging": "JCMC JCBW YXBX YXZD",
    "summary": "RYZD RYZZTZ JCHZ ZLGC CYZD CYQKMS CYYZ",
    "diagnosis": "ZDBM ZDSM",
}
"""Columns in which `无` may mean something."""

PARENTS = {
    "outpatient": ("KH", "KLX"),
    "inpatient": ("KH", "KLX"),
    "report": ("JZLSH",),
    "result": ("BGRQ", "BGDH"),
    "imaging": ("JZLSH",),
    "diagnosis": ("JZLSH",),
}
"""Columns that name the row that a row belongs to."""


def columns(*classes: dict[str, str], kind: str) -> list[str]:
    return sorted(column for one in classes for column in one.get(kind, "").split())


def found(kind: str, code: str, value: str) -> list[str]:
    """The columns of a row with `value` in each but the key that have a finding."""
    every = columns(CODES, NAMES, SHORT, LONG, kind=kind)
    made = draft(one(kind, **dict.fromkeys(every, value)))
    return sorted({finding.path for finding in made.findings if finding.code == code})


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_a_column_may_be_as_long_as_the_document_allows(kind: str) -> None:
    for most, longer in ((64, CODES), (100, NAMES), (4_000, SHORT)):
        assert not set(columns(longer, kind=kind)) & set(found(kind, "field-too-long", "9" * most))
    assert found(kind, "field-too-long", "9" * 65) == columns(CODES, kind=kind)
    assert found(kind, "field-too-long", "9" * 101) == columns(CODES, NAMES, kind=kind)
    assert found(kind, "field-too-long", "9" * 4_001) == columns(CODES, NAMES, SHORT, kind=kind)


def test_the_other_value_of_a_column_may_be_as_long_as_the_first() -> None:
    longer = f"<RYZD>{'长' * 4_001}</RYZD>".encode()
    made = draft(one("summary").replace(b"</RYZD>", b"</RYZD>" + longer))
    assert {f.code for f in made.findings} == {"field-unmapped"}


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_codes_and_numbers_are_read_in_half_width(kind: str) -> None:
    every = columns(CODES, NAMES, SHORT, LONG, kind=kind)
    (record,) = parsed(one(kind, **dict.fromkeys(every, "Ａ１"))).records
    assert sorted(column for column in every if record.tree.values[column] == "A1") == columns(CODES, kind=kind)


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_null_text_is_a_value_in_clinical_columns_only(kind: str) -> None:
    every = columns(CODES, NAMES, SHORT, LONG, kind=kind)
    assert found(kind, "null-text", "无") == sorted(set(every) - set(columns(WORDS, kind=kind)))


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_every_column_of_the_document_is_known(kind: str) -> None:
    every = columns(CODES, NAMES, SHORT, LONG, kind=kind)
    assert draft(one(kind, **dict.fromkeys(every, "1"))).unmapped == ()


NEEDED = {kind: (*KEYS[kind], *PARENTS.get(kind, ())) for kind in TABLES}


@pytest.mark.parametrize(("kind", "column"), [(kind, column) for kind in TABLES for column in NEEDED[kind]])
def test_key_columns_and_those_of_parents_are_needed(kind: str, column: str) -> None:
    (record,) = parsed(one(kind, **{column: "-"})).records
    assert ("key-missing", column) in [(finding.code, finding.path) for finding in record.findings]
    (record,) = parsed(one(kind, **{column: "9" * 65})).records
    assert [(finding.code, finding.path) for finding in record.findings] == [("field-too-long", column)]


def test_rows_wait_for_their_parents_whatever_their_place() -> None:
    records = parsed(upload(*((kind, {}) for kind in reversed(FULL)))).records
    assert [record.type for record in records] == [
        TABLES[kind]
        for kind in ("patient", "inpatient", "outpatient", "imaging", "report", "diagnosis", "summary", "result")
    ]


BEYOND = {("qingpu-ordered-before-sampling", "SQSJ")}
"""Columns that rules read and the document does not have."""


def test_a_rule_about_a_table_reads_columns_that_it_has() -> None:
    found = set()
    for rule in load_rules(data_path("mappings", "quality")):
        read = {rule.options.get(name) for name in ("path", "first", "then")}
        for pattern in rule.records if {*rule.regions} == {"qingpu"} else ():
            kinds = [kind for kind, table in TABLES.items() if fnmatchcase(table, pattern)]
            every = {c for kind in kinds for c in (*KEYS[kind], *columns(CODES, NAMES, SHORT, LONG, kind=kind))}
            found |= {(rule.id, column) for column in read - every if column}
    assert found == BEYOND
