"""Loading code lists: formats, hierarchy, repetition, interruption, and memory that does not grow with the size."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

from hie.base.errors import HieError
from hie.terminology import codeschema
from hie.terminology.codefile import CodeFile, StoredSystem
from hie.terminology.codeschema import Connections, open_for_loading
from hie.terminology.concept import Concept, Designation, Property, Selection
from hie.terminology.loading import Report, Source, load, remove
from tests.terminology.made import write

URL = "http://example.org/codes"
NOW = datetime(2026, 1, 18, tzinfo=UTC)
Load = Callable[..., StoredSystem]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    def make(text: str | bytes, form: str = "csv", **more: object) -> StoredSystem:
        path = tmp_path / "codes.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        load(tmp_path / "t.sqlite", Source(path, URL, form, **more), NOW)  # type: ignore[arg-type]
        found = CodeFile(tmp_path / "t.sqlite").find(URL)
        assert found is not None
        return found

    return make


def codes(system: StoredSystem, wanted: Selection = Selection()) -> list[str]:
    return [concept.code for concept in system.select(wanted)]


def test_columns_are_found_by_their_usual_names_and_the_rest_are_properties(loaded: Load) -> None:
    system = loaded("编码,名称,display_en,停用,备注\nA,甲,First,,旧\nB,乙,,是,\n")
    assert system.get("A") == Concept("A", "甲", "", (Designation("First", "en"),), (Property("备注", "String", "旧"),))
    assert system.get("B") == Concept("B", "乙", inactive=True)
    assert dict(system.info.properties) == {"备注": "string"}
    assert (system.info.count, system.info.hierarchical, system.info.language) == (2, False, "zh-CN")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(loaded: Load, encoding: str, separator: str) -> None:
    text = f"代码{separator}名称\r\nA{separator}霍乱\r\n"
    concept = loaded(text.encode(encoding)).get("A")
    assert concept is not None
    assert concept.display == "霍乱"


def test_columns_may_be_named(loaded: Load) -> None:
    system = loaded("x,y,up\nA,a,\nB,b,A\n", columns=(("code", "x"), ("display", "y"), ("parent", "up")))
    assert (system.parents("B"), system.children("A")) == (["A"], ["B"])


def test_a_file_without_the_columns_is_refused(loaded: Load) -> None:
    with pytest.raises(HieError, match="no column for code or display among a, b"):
        loaded("a,b\n1,2\n")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Source(Path("a"), URL, language=""), "'' is no language tag"),
        (Source(Path("a"), URL, language="zh CN"), "'zh CN' is no language tag"),
        (Source(Path("a"), " "), "is known by its URL"),
        (Source(Path("a"), URL, "excel"), "There is no format 'excel'"),
    ],
)
def test_options_that_cannot_be_are_refused(source: Source, reason: str) -> None:
    with pytest.raises(HieError, match=reason):
        _ = source.how


def test_a_parent_may_come_later_and_there_may_be_several(loaded: Load) -> None:
    system = loaded("code,display,parent\nC,c,A|B\nD,d,C\nA,a,\nB,b,\nE,e,nowhere\n")
    assert system.parents("C") == ["A", "B"]
    assert system.subsumes("A", "D")
    assert system.subsumes("B", "D")
    assert not system.subsumes("D", "A")
    assert system.subsumes("E", "E")


def test_a_ring_is_refused_and_leaves_what_was_there(loaded: Load, tmp_path: Path) -> None:
    loaded("code,display,parent\nA,a,\n")
    with pytest.raises(HieError, match="ring"):
        loaded("code,display,parent\nA,a,B\nB,b,A\n")
    found = CodeFile(tmp_path / "t.sqlite").find(URL)
    assert found is not None
    assert codes(found) == ["A"]


def test_icd_10_gets_its_hierarchy_from_the_codes(loaded: Load) -> None:
    rows = ["A00-B99,传染病", "E00-E90,内分泌", "E10-E14,糖尿病", "E11,2型糖尿病"]
    rows += ["E11.9,无并发症", "E11.900x001,某", "Z99,其他"]
    system = loaded("疾病编码,疾病名称\n" + "\n".join(rows), "icd10")
    assert system.parents("E11.900x001") == ["E11.9"]
    assert system.parents("E11") == ["E10-E14"]
    assert system.parents("E10-E14") == ["E00-E90"]
    assert system.parents("Z99") == []
    assert system.subsumes("E00-E90", "e11.900X001")
    assert not system.subsumes("A00-B99", "E11")


def test_loinc_properties_synonyms_and_status(loaded: Load) -> None:
    text = (
        '"LOINC_NUM","COMPONENT","SCALE_TYP","STATUS","SHORTNAME","LONG_COMMON_NAME","EXTERNAL_COPYRIGHT"\n'
        '"718-7","Hemoglobin","Qn","ACTIVE","Hgb Bld-mCnc","Hemoglobin [Mass/volume] in Blood","x"\n'
        '"1-8","Old","Qn","DEPRECATED","Old","Old one",""\n'
    )
    system = loaded(text, "loinc", language="en")
    found = system.get("718-7")
    assert found is not None
    assert (found.display, found.designations[0].value) == ("Hemoglobin [Mass/volume] in Blood", "Hgb Bld-mCnc")
    assert {row.code: row.value for row in found.properties} == {
        "COMPONENT": "Hemoglobin", "SCALE_TYP": "Qn", "STATUS": "ACTIVE",
    }  # fmt: skip
    assert codes(system, Selection(active_only=True)) == ["718-7"]


def test_the_same_again_changes_nothing_and_a_new_file_takes_the_place(tmp_path: Path) -> None:
    path, file = tmp_path / "a.csv", tmp_path / "t.sqlite"
    path.write_text("code,display\nA,a\nA,again\n,none\nB,b\n")
    source = Source(path, URL)
    assert load(file, source, NOW) == Report(2, repeated=1, without_code=1)
    assert load(file, source, NOW) == Report(2, unchanged=True)
    stored = CodeFile(file)
    before = stored.revision
    path.write_text("code,display\nC,c\n")
    assert load(file, source, NOW).concepts == 1
    assert [codes(system) for system in stored.systems()] == [["C"]]
    assert stored.revision != before
    assert load(file, Source(path, URL, version="2"), NOW).concepts == 1
    assert [system.info.version for system in stored.systems()] == ["2", ""]
    assert (remove(file, URL, "2"), remove(file, URL), remove(file, URL)) == (1, 1, 0)
    assert stored.systems() == ()


def test_an_interrupted_load_leaves_nothing(tmp_path: Path) -> None:
    path, file = write(tmp_path / "a.csv", 3000, latin=True), tmp_path / "t.sqlite"

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "hierarchy":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(file, Source(path, URL, "icd10"), NOW, stop)
    assert CodeFile(file).systems() == ()
    assert load(file, Source(path, URL, "icd10"), NOW).concepts == 3000


def test_no_file_means_no_systems(tmp_path: Path) -> None:
    stored = CodeFile(tmp_path / "t.sqlite")
    assert (stored.systems(), stored.find(URL)) == ((), None)


MEASURE = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from hie.terminology.loading import Source, load
folder, peaks = Path(sys.argv[1]), []
for name in sys.argv[2:]:
    report = load(folder / f"{name}.sqlite", Source(folder / name, "u", "icd10"), datetime.now(UTC))
    peaks.append((report.concepts, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
print(peaks)
"""


def test_memory_does_not_grow_with_the_size(tmp_path: Path) -> None:
    """After 60,000 codes every bounded cache is full; 200,000 more take no more than a few megabytes beyond."""
    for name, count in (("small.csv", 60_000), ("large.csv", 200_000)):
        write(tmp_path / name, count, latin=True)
    command = [sys.executable, "-c", MEASURE, str(tmp_path), "small.csv", "large.csv"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240, cwd=root)
    (small, before), (large, after) = eval(done.stdout)
    assert (small, large) == (60_000, 200_000)
    assert after - before < 16_000, f"{(after - before) / 1024:.1f} MB more"


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "terminology.sqlite"
    path.write_text("no database, but longer than the header of one would be: " + "x" * 100)
    with pytest.raises(HieError, match="is no file of code systems"), Connections(path).use():
        pass
    with pytest.raises(HieError, match="is no file of code systems"):
        open_for_loading(path)
    with pytest.raises(HieError, match="cannot be opened: "), Connections(tmp_path).use():
        pass
    with pytest.raises(HieError, match="cannot be opened: "):
        open_for_loading(tmp_path)


def test_a_server_that_looks_while_the_file_is_made_finds_it_whole(tmp_path: Path) -> None:
    """It found one without tables, "written by another version", and each item of that moment failed."""
    path, seen = tmp_path / "t.sqlite", CodeFile(tmp_path / "t.sqlite")
    (tmp_path / "codes.csv").write_text("code,display\nA,a\n")

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "c_call" and frame.f_globals.get("__name__") == codeschema.__name__:
            seen.systems()

    sys.setprofile(look)
    try:
        load(path, Source(tmp_path / "codes.csv", URL), NOW)
    finally:
        sys.setprofile(None)
    assert [system.info.url for system in seen.systems()] == [URL]
    assert sorted(one.name for one in tmp_path.iterdir() if "new" in one.name) == []
