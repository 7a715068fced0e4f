"""Code maps: loading with file and line, translation with findings (common rules §5.6)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.base.data import data_path
from hie.mapping.codefile import load_codes, read_table
from hie.mapping.codes import SOURCE_CODING, CodeTable
from hie.mapping.context import Context
from hie.mapping.problem import BrokenTables

COLUMNS = "source_system,code,display,target_system,target_code,target_display,equivalence,note"
HEAD = f"# table: t\n# kind: closed\n# system: urn:s\n# target: urn:t\n{COLUMNS}\n"


def context() -> Context:
    return Context(region="r", organisation="o", feed="f", received=datetime(2026, 1, 1, tzinfo=UTC))


def table(text: str) -> CodeTable:
    found, problems = read_table("t.csv", text)
    assert problems == []
    return found


def test_the_source_coding_comes_first() -> None:
    found = table(HEAD + ",20,已婚|结婚,,M,Married,,\n").translate("20", "结婚", context())
    assert found.concept == {
        "coding": [
            {"system": "urn:s", "code": "20", "display": "已婚", "userSelected": True},
            {"system": "urn:t", "code": "M", "display": "Married"},
        ],
        "text": "结婚",
    }
    assert found.code == "M"
    assert found.extension[0]["valueCoding"]["code"] == "20"
    assert found.coding is not None
    assert found.coding["extension"] == found.extension


def test_a_code_that_is_its_own_target_stands_once() -> None:
    assert len(table(HEAD + "urn:t,M,,,M,,,\n").translate("M", "", context()).concept["coding"]) == 1


@pytest.mark.parametrize(
    ("head", "finding"),
    [
        (HEAD, ["code-unknown"]),
        (HEAD.replace("closed", "open"), ["code-unmapped"]),
        (HEAD.replace("# kind: closed", "# kind: open\n# unmapped: unit-unmapped"), ["unit-unmapped"]),
        (HEAD.replace("closed", "open").replace("# target: urn:t\n", ""), []),
    ],
)
def test_a_code_that_is_not_there(head: str, finding: list[str]) -> None:
    at = context()
    found = table(head).translate("9", "九", at)
    assert [f.code for f in at.findings] == finding
    assert (found.target, found.text) == (None, "九")
    coding = {"system": "urn:s", "code": "9", "display": "九"}
    closed = {"extension": [{"url": SOURCE_CODING, "valueCoding": coding}], "text": "九"}
    assert found.concept == (
        closed if "closed" in head else {"coding": [{**coding, "userSelected": True}], "text": "九"}
    )


def test_a_code_keeps_no_double_blanks() -> None:
    assert table(HEAD).translate("a \n b", "", context()).source["code"] == "a b"


def test_the_unknown_target() -> None:
    found = table(HEAD.replace("# kind", "# unknown: unk\n# unknown-display: Unknown\n# kind")).translate(
        "9", "", context()
    )
    assert found.target == {"system": "urn:t", "code": "unk", "display": "Unknown"}


def test_a_known_code_without_translation() -> None:
    at = context()
    table(HEAD.replace("closed", "open") + ",HBSAG,乙肝表面抗原,,,,,\n").translate("HBSAG", "", at)
    assert [f.code for f in at.findings] == ["code-unmapped"]


@pytest.mark.parametrize(
    ("head", "name", "conflict"),
    [
        (HEAD, "女性", True),
        (HEAD, "男", False),
        (HEAD, "", False),
        (HEAD.replace("# kind", "# names: strict\n# kind"), "男", True),
        (HEAD.replace("# kind", "# names: strict\n# kind"), "男性", False),
    ],
)
def test_names_that_contradict_the_code(head: str, name: str, conflict: bool) -> None:
    at = context()
    found = table(head + ",1,男性,,male,,,\n,2,女性,,female,,,\n").translate("1", name, at)
    assert [f.code for f in at.findings] == (["code-name-conflict"] if conflict else [])
    assert (found.code, found.text) == ("male", name or "男性")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD.replace("table: t", "table: u"), "t.csv:1:1: header line '# table:' is missing or wrong"),
        (HEAD.replace("closed", "ajar"), "t.csv:2:1: header line '# kind:' is missing or wrong: write closed or open"),
        (HEAD.replace("# kind", "# names: loose\n# kind"), "t.csv:2:1: header line '# names:'"),
        (HEAD.replace("# kind", "# unmapped: oops\n# kind"), "t.csv:2:1: header line '# unmapped:'"),
        (HEAD.replace("code,display", "display,code"), "t.csv:5:1: the columns must be"),
        (HEAD + ",1,a,,b,c\n", "t.csv:6:1: 6 cells instead of 8"),
        (
            HEAD.replace("# kind", "# kind: open\n# kind"),
            "t.csv:3:1: header line '# kind:' stands twice: it is in line 2",
        ),
        (HEAD + ',1,"a,,b,,,\n,2,c,,d,,,\n', "t.csv:6:1: a cell that begins with a quotation mark does not end on"),
        (HEAD + ",,a,,b,,,\n", "t.csv:6:2: the code is empty"),
        (HEAD + ",1，a,,b,,,\n", "t.csv:6:1: 7 cells instead of 8: a full-width comma"),
        (HEAD + ",1,a,,b,,,\n,1,a,,b,,,\n", "t.csv:7:2: code '1' stands twice: it is in line 6 already"),
        (HEAD + ",1,a,,b,,same,\n", "t.csv:6:10: unknown equivalence 'same': disjoint, equal, "),
        (HEAD.replace("# system: urn:s\n", "") + ",1,a,,b,,,\n", "t.csv:5:1: no source system"),
        (HEAD.replace("# target: urn:t\n", "") + ",1,a,,b,,,\n", "t.csv:5:6: a target code without target system"),
        (HEAD.replace("# target: urn:t", "# unknown: u"), "t.csv:1:1: '# unknown:' needs '# target:'"),
        (
            HEAD.replace("# kind", "# unknwon: u\n# kind"),
            "t.csv:2:1: there is no header line '# unknwon:'; did you mean",
        ),
        (HEAD.replace("# kind", "# names:\n# kind"), "t.csv:2:1: header line '# names:' says nothing"),
        (HEAD + ",1,a,b,,c,,,\n", "t.csv:6:1: 9 cells instead of 8: a name with a comma"),
    ],
)
def test_a_broken_table_names_file_and_line(text: str, expected: str) -> None:
    _, problems = read_table("t.csv", text)
    assert any(str(problem).startswith(expected) for problem in problems), problems


def test_all_broken_tables_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD.replace("table: t", "table: a") + ",1,x\n")
    (tmp_path / "b.csv").write_text(HEAD.replace("table: t", "table: b") + ",,x,,,,,\n")
    with pytest.raises(BrokenTables) as caught:
        load_codes(tmp_path)
    assert [(p.file, p.line) for p in caught.value.problems] == [("a.csv", 6), ("b.csv", 6)]


def test_a_table_as_a_spreadsheet_program_saves_it(tmp_path: Path) -> None:
    """A byte order mark and line ends of two characters change nothing; another encoding is named with its place."""
    text = HEAD + ",1,汉,,b,,,\n"
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_codes(tmp_path)["t"].rows["1"].names == ("汉",)
    wide = (
        text.replace("# table: t", "# table: t,,,,,,,").replace("# system: urn:s", '"# system: urn:s",,,,,,,')
        + ",,,,,,,\n"
    )
    (tmp_path / "t.csv").write_text(wide, encoding="utf-8")
    assert load_codes(tmp_path)["t"].rows["1"].source_system == "urn:s"
    (tmp_path / "t.csv").write_text("\n".join(f"{line},," for line in text.splitlines()), encoding="utf-8")
    assert load_codes(tmp_path)["t"].rows["1"].target_code == "b"
    (tmp_path / "t.csv").write_bytes(text.encode("gb18030"))
    with pytest.raises(BrokenTables) as caught:
        load_codes(tmp_path)
    assert [str(p) for p in caught.value.problems] == ["t.csv:6:4: not UTF-8: save the file as UTF-8"]


def test_columns_that_are_missing_are_named() -> None:
    _, problems = read_table("t.csv", HEAD.replace(",note", ""))
    assert next(str(p) for p in problems if "columns" in str(p)).endswith("; missing: note")


def test_the_shipped_tables_are_sound() -> None:
    tables = load_codes(data_path("mappings", "codes"))
    assert tables["wujiang-gender"].rows["男"].target_code == "male"
    assert tables["wujiang-lab-number"].rows["05051104"].target_code == "777-3"
    assert tables["wujiang-lab-item"].rows["WBC"].target_code == tables["lab-item"].rows["WBC"].target_code
