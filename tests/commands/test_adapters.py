"""`hie adapters`: what the maps read, what the samples carry, and what a change of a map would do."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hie.app import load_adapters
from hie.app.packagelint import package_advice, package_problems
from hie.base.data import data_path
from hie.base.errors import HieError
from hie.base.ids import sha256
from hie.cli import app
from hie.cli.terminal import console
from hie.commands.adapters import adapter_of, advised, covered, linted, shown
from hie.commands.adapters_diff import NO_PART, differences
from hie.commands.skeleton import load_package, new_adapter
from hie.mapping.transforms.registry import BUILTIN
from hie.plugin import Adapter, Feed, read_organisations
from hie.testing.adapter_contract import AdapterContract


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A copy of the shipped tables to change."""
    folder = tmp_path / "mappings"
    shutil.copytree(data_path("mappings"), folder)
    return folder


def test_a_package_does_not_take_the_feed_of_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy in which the feed was not renamed got all that Wujiang sent."""
    copy = EntryPoint("a-copy", "adapters.wujiang:adapter", "hie.adapters")
    monkeypatch.setattr("hie.app.adapters.entry_points", lambda group: [copy, *entry_points(group=group)])
    with caplog.at_level("ERROR", "hie"):
        found = [adapter.region for adapter in load_adapters()]
    assert found == ["jiashan", "qingpu", "wujiang"]
    assert "name=a-copy reason=door 'wujiang-hl7v2' is that of region wujiang too" in caplog.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('feed("rows2")', "feed 'x': no dialect 'rows2', only cda, fhir, hl7v2, rows"),
        ('feed("cda", mllp=True)', "feed 'x': 'mllp' is for the dialect hl7v2"),
        ('feed("cda"), bed=3', "the transform 'bed' is no function"),
        ('feed("cda", frist_version=1)', "unexpected keyword argument 'frist_version'"),
        ('feed("cda", mappings=open("/none/such"))', "No such file or directory: '/none/such'"),
        ('feed("cda"', "SyntaxError@adapter_unfit.py:5: "),
    ],
)
def test_an_adapter_that_cannot_be_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change: str, reason: str
) -> None:
    head = "from pathlib import Path\nfrom hie.plugin import Adapter, Feed\n"
    feed = "feed = lambda dialect, **more: Feed('x', dialect, 'x', {'x': 'text/xml'}, **more)\n"
    made = "made = lambda one, **transforms: Adapter('x', 'x', (one,), (), Path(), transforms)\n"
    text = f"{head}{feed}{made}adapter = made({change})\n"
    (tmp_path / "adapter_unfit.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "adapter_unfit", raising=False)
    unfit = EntryPoint("unfit", "adapter_unfit:adapter", "hie.adapters")
    monkeypatch.setattr("hie.app.adapters.entry_points", lambda group: [unfit])
    with caplog.at_level("ERROR", "hie"):
        assert load_adapters() == ()
    assert reason in caplog.text


def test_coverage_of_a_folder_without_items_says_so(tmp_path: Path) -> None:
    with pytest.raises(HieError, match="There are no items in"):
        covered("jiashan", tmp_path)


def test_show_lists_what_a_map_reads_and_ignores() -> None:
    rows = {row.type: row for row in shown("wujiang")}
    assert "OBR/OBX: OBX-11.1" in rows["ORU^R01"].paths
    assert "ORC-*" in rows["ORU^R01"].ignored


def test_coverage_of_the_samples_counts_what_nobody_mentions() -> None:
    found, _, unseen, within = covered("wujiang")
    assert "ADT^A11" in unseen
    assert not any(one.unknown for one in within.values())
    assert {"OBX-5.1", "PID-3[2].5"} <= set(within["ORU^R01"].used)
    assert found["ADT^A01"].records == 1
    assert "PID-5" in found["ADT^A01"].used
    assert found["ORU^R01"].unknown == {"ZLB": 1}
    assert 0.9 < found["ORU^R01"].share < 1


def test_coverage_names_what_the_maps_look_for_and_no_item_has(tmp_path: Path) -> None:
    """A slip in a path reads nothing; a context that is not there is named, and not each path in it."""
    copy = tmp_path / "changed"
    shutil.copytree(data_path("mappings"), copy)
    path = copy / "fields" / "jiashan-cda" / "include" / "patient.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("patient/birthTime", "patientt/birthTime"), encoding="utf-8")
    before, after = (covered("jiashan", shared=folder).never for folder in (None, copy))
    (slip,) = set(map(str, after)) - set(map(str, before))
    assert not any(str(place).endswith("nothing fills 'value'") for place in before)  # 'when' looks in the context
    assert slip.endswith(": nothing fills 'recordTarget/patientRole/patientt/birthTime/@value'")
    assert "jiashan-cda/include/patient.toml:" in slip
    rows = copy / "fields" / "qingpu-xml" / "patient.toml"
    text = rows.read_text(encoding="utf-8")
    changed = text.replace('source = "XM"', 'source = ["XM", "envelope:PCH", "envelope:PHC"]')
    rows.write_text(changed, encoding="utf-8")
    (slip,) = (str(place) for place in covered("qingpu", shared=copy).never if "envelope:" in str(place))
    assert slip.endswith(": nothing fills 'envelope:PHC'")
    hl7 = [str(place) for place in covered("wujiang").never]
    assert any(re.fullmatch(r"wujiang-hl7v2/shared/person.toml:\d+:11: there is no 'AL1'", place) for place in hl7)
    assert not any("'AL1-2" in place for place in hl7)


def test_coverage_names_what_is_refused(tmp_path: Path) -> None:
    """Samples of types that no map covers were left out of the table, and all looked well."""
    text = adapter_of("wujiang").samples.joinpath("01-admit-a01.hl7").read_bytes()
    (tmp_path / "1.hl7").write_bytes(text.replace(b"ADT^A01", b"SIU^S12"))
    (tmp_path / "2.hl7").write_bytes(b"nothing")
    shown = CliRunner().invoke(app, ["adapters", "coverage", "wujiang", str(tmp_path)]).output
    assert "refused: SIU^S12 type-unknown MSH-9 ×1\n" in shown
    assert "refused: - message-malformed MSH ×1\n" in shown


@pytest.mark.parametrize("region", ["jiashan", "qingpu"])
def test_coverage_of_the_other_regions(region: str) -> None:
    found = covered(region)
    assert all(one.share > 0.9 for one in found.types.values())
    assert not any(one.unknown for one in found.within.values())
    assert (region == "jiashan") is bool(found.within), "a column is one value"


def test_coverage_names_what_no_map_reads_within_an_entry(tmp_path: Path) -> None:
    """A translation was lost, and coverage called its entry used and said no more."""
    sample = adapter_of("jiashan").samples.joinpath("02-c0007-nested.xml").read_text(encoding="utf-8")
    flag = 'displayName="偏高"/>'
    text = sample.replace(flag, flag.replace("/>", '><translation code="SECRET"/></value>'), 1)
    (tmp_path / "1.xml").write_text(text, encoding="utf-8")
    shown = CliRunner().invoke(app, ["adapters", "coverage", "jiashan", str(tmp_path)]).output
    assert "never read: C0007 section(检验报告)//obs(DE04.30.017.00)/value/translation/@code ×1\n" in shown
    assert shown.count("never read:") == 1
    assert "SECRET" not in shown


def test_the_same_maps_change_nothing(tables: Path) -> None:
    for region in ("wujiang", "jiashan", "qingpu"):
        assert list(differences(region, adapter_of(region).samples, tables)) == []


def test_a_changed_map_is_seen_part_by_part(tables: Path) -> None:
    path = tables / "fields" / "qingpu-xml" / "patient.toml"
    text = path.read_text(encoding="utf-8")
    assert 'source = "SJHM"' in text
    path.write_text(text.replace('source = "SJHM"', 'source = "DHHM"'), encoding="utf-8")
    changed = list(differences("qingpu", adapter_of("qingpu").samples, tables))
    assert {part.label for part in changed} == {"TB_YL_PATIENT_INFORMATION"}
    assert any("telecom" in line for line in changed[0].lost)
    assert any(line == "unknown SJHM" for line in changed[0].gained)


def test_what_is_told_is_told_of_the_tables_at_work(tables: Path, tmp_path: Path) -> None:
    """The shipped ones were shown, and held against others, where the settings name a folder."""
    path = tables / "fields" / "qingpu-xml" / "patient.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"SJHM"', '"OTHER"'), encoding="utf-8")
    settings, folder = tmp_path / "hie.toml", tmp_path / "samples"
    settings.write_text(f'mappings = "{tables}"\n', encoding="utf-8")
    folder.mkdir()
    shutil.copy(adapter_of("qingpu").samples / "01-patient-visit-lab.xml", folder)
    for words, said in (
        (("show", "qingpu"), "OTHER"),
        (("coverage", "qingpu", str(folder)), "SJHM ×1"),
        (("diff", "qingpu", str(folder), "--against", str(tables)), "0 parts change"),
    ):
        assert said in CliRunner().invoke(app, ["adapters", *words, "--config", str(settings)]).output
    path.write_text(path.read_text(encoding="utf-8").replace('"birthDate"', '"birthdate"'), encoding="utf-8")
    assert (
        "did you mean 'birthDate'?" in CliRunner().invoke(app, ["adapters", "lint", "--config", str(settings)]).output
    )


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            'value = "OBR-3.1" }',
            'value = "OBR-2.1" }',
            "DiagnosticReport[1] key = DiagnosticReport 2.16.156.10011.1.33 ",
        ),
        ('encounter = "encounter"\norder', "order", "DiagnosticReport[1] encounter Encounter/"),
        ('listed = "result[]"', "", "Observation[DiagnosticReport[1] 0] listed result[]"),
    ],
)
def test_a_change_of_what_a_resource_is_called_or_may_do_is_seen(
    tables: Path, before: str, after: str, line: str
) -> None:
    path = tables / "fields" / "wujiang-hl7v2" / "report.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    (tables / "samples").mkdir()
    shutil.copy(adapter_of("wujiang").samples / "07-oru-two-orders.hl7", tables / "samples")
    (changed,) = differences("wujiang", tables / "samples", tables)
    assert any(lost.startswith(line) for lost in changed.lost), changed.lost


def test_a_change_of_the_envelope_is_seen_as_rows_that_are_gone(tables: Path) -> None:
    path = tables / "rows" / "qingpu-xml.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('row = "Row"', 'row = "Record"'), encoding="utf-8")
    samples = tables / "samples"
    samples.mkdir()
    shutil.copy(adapter_of("qingpu").samples / "01-patient-visit-lab.xml", samples)
    whole, *found = differences("qingpu", samples, tables)
    assert (whole.part, whole.gained) == (NO_PART, ("finding reject count-mismatch Header/HS 0 rows found",))
    assert [one.part for one in found] == list(range(1, len(found) + 1))
    assert found
    assert all(one.lost and not one.gained for one in found)


def test_a_resource_that_goes_renames_none_behind_it(tables: Path) -> None:
    """Of a report of thirty results each stood there as changed when the first was left out."""
    report = tables / "fields" / "wujiang-hl7v2" / "report.toml"
    text = report.read_text(encoding="utf-8")
    block = 'context = "OBX"\nlisted = "result[]"\n'
    assert block in text
    left_out = block + 'when = { source = "OBX-3.1", not_in = ["WBC"] }\n'
    report.write_text(text.replace(block, left_out), encoding="utf-8")
    samples = _samples_in(tables, "wujiang", "07-oru-two-orders.hl7")
    (changed,) = differences("wujiang", samples, tables)
    assert not changed.gained
    assert {line.partition("]")[0] for line in changed.lost} == {"Observation[DiagnosticReport 1"}


def _samples_in(tables: Path, region: str, *names: str) -> Path:
    folder = tables / "samples"
    folder.mkdir()
    for name in names:
        shutil.copy(adapter_of(region).samples / name, folder)
    return folder


def test_a_row_that_is_found_in_another_moves_none_behind_it(tables: Path) -> None:
    """Each row behind it was held against the one before it."""
    rows = tables / "rows" / "qingpu-xml.toml"
    inner = '\n[[table]]\nname = "INNER"\nwithin = "TB_YL_PATIENT_INFORMATION"\nat = "inner"\nrank = 1\nkey = ["NO"]\n'
    rows.write_text(rows.read_text(encoding="utf-8") + inner, encoding="utf-8")
    (sample,) = _samples_in(tables, "qingpu", "01-patient-visit-lab.xml").iterdir()
    text = sample.read_text(encoding="utf-8")
    sample.write_text(text.replace("</Row>", "<inner><NO>1</NO></inner></Row>", 1), encoding="utf-8")
    *behind, inner_row = differences("qingpu", sample.parent, tables)
    assert inner_row.gained == ("finding reject type-unknown",)
    assert all(line.split()[1] in ("order", "digest") for one in behind for line in one.gained)


def test_findings_of_rules_and_of_rows_are_told_with_what_they_cost(tables: Path) -> None:
    """Only those of the maps were: a changed rule, or length of a column, changed nothing."""
    rows = tables / "rows" / "qingpu-xml.toml"
    text = rows.read_text(encoding="utf-8")
    assert 'lengths.name = ["XM",' in text
    rows.write_text(text.replace('lengths.name = ["XM",', 'lengths.name = ["JZDZ",'), encoding="utf-8")
    (tables / "quality" / "further.toml").write_text(
        """[defaults]
dimension = "规范性"
severity = "score"
scope = "resource"
stage = "quality"
owner = "测试"
source = "§1"

[[rule]]
id = "test-born-late"
finding = "value-implausible"
types = ["Patient"]
regions = ["qingpu"]
zh = "出生晚"
en = "Born late"
expression = "birthDate > @2100-01-01"
path = { qingpu = "CSRQ" }
""",
        encoding="utf-8",
    )
    (sample,) = _samples_in(tables, "qingpu", "01-patient-visit-lab.xml").iterdir()
    text = re.sub("<JZDZ>.*?</JZDZ>", f"<JZDZ>{'路' * 101}</JZDZ>", sample.read_text(encoding="utf-8"), count=1)
    sample.write_text(text, encoding="utf-8")
    (changed,) = differences("qingpu", sample.parent, tables)
    assert changed.lost == ()
    assert changed.gained == (
        "finding quarantine field-too-long JZDZ more than 100 characters",
        "finding score value-implausible CSRQ [test-born-late]",
    )


def test_an_unknown_region_and_a_folder_without_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HieError):
        shown("nowhere")
    with pytest.raises(HieError):
        differences("qingpu", tmp_path, tmp_path)


def test_lint_has_nothing_to_say_to_any_region() -> None:
    assert linted() == []


def test_tables_that_are_not_there_or_not_read_are_named(tables: Path) -> None:
    visit = tables / "fields" / "qingpu-xml" / "visit.toml"
    shutil.copy(visit, visit.with_name("visit.toml.txt"))
    shutil.copy(tables / "codes" / "unit.csv", tables / "codes" / "UNITS.CSV")
    assert [str(problem) for problem in linted("qingpu", tables)] == [
        "codes/UNITS.CSV:1:1: this file is not read: let its name end in .csv",
        "fields/qingpu-xml/visit.toml.txt:1:1: this file is not read: let its name end in .toml",
    ]
    (tables / "rows" / "qingpu-xml.toml").unlink()
    with pytest.raises(HieError, match=r"rows/qingpu-xml\.toml:1:1: there is no such file"):
        linted("qingpu", tables)


Make = Callable[[str], tuple[str, Path]]


@pytest.fixture
def further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Make:
    """Makes the package of a further region and has it found; gives its name and the folder of its tables."""

    def make(kind: str) -> tuple[str, Path]:
        region = f"further{sha256(request.node.name.encode())[:8]}"
        adapter = load_package(new_adapter(region, kind, tmp_path), f"hie_adapter_{region}")
        monkeypatch.setattr("hie.commands.adapters.load_adapters", lambda: (adapter,))
        assert adapter.mappings is not None
        return region, adapter.mappings

    return make


def test_the_time_of_reception_is_no_difference(further: Make) -> None:
    """A submission without a time of its own is put where it is received, which was another time for each side."""
    region, tables = further("fhir")
    sample = tables.parent / "samples" / "01-visit-and-report.fhir"
    text = re.sub(r'"timestamp": "[^"]*",', "", sample.read_text(encoding="utf-8"))
    (tables / "samples").mkdir()
    (tables / "samples" / sample.name).write_text(text, encoding="utf-8")
    assert list(differences(region, tables / "samples", tables)) == []


def test_it_is_said_which_tables_are_broken_and_that_a_folder_has_no_items(further: Make, tmp_path: Path) -> None:
    region, tables = further("hl7v2")
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "message.txt").write_text("MSH|", encoding="utf-8")
    with pytest.raises(HieError, match=r"There are no items in .*; files in \.json, \.jsonl, \.md, \.txt are not"):
        differences(region, tmp_path / "items", tables)
    shutil.copytree(tables, tmp_path / "changed")
    (tables / "codes" / f"{region}-flag.csv").unlink()
    with pytest.raises(HieError, match=r"^The tables at work, not the changed ones: broken tables"):
        differences(region, tables.parent / "samples", tmp_path / "changed")


@pytest.mark.parametrize(
    ("kind", "folder", "text", "said"),
    [
        ("fhir", "fhir", "[kyes]\n", ":1:2: there is no table [kyes]"),
        ("fhir", "fhir", "\nx = [\n", ":2:6: not TOML"),
        ("xml", "rows", "[revoking\n", ":1:10: not TOML"),
        ("xml", "rows", "[[table]]\n", ":1:1: [envelope] is missing"),
    ],
)
def test_lint_reads_every_table_of_a_feed(further: Make, kind: str, folder: str, text: str, said: str) -> None:
    region, tables = further(kind)
    (tables / folder / f"{region}-{kind}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(HieError) as caught:
        linted(region)
    assert f"{region}-{kind}.toml{said}" in caught.value.message


@pytest.mark.parametrize(
    ("dialect", "kind", "problem", "advice"),
    [
        ("cda", "application/xml", "", ""),
        ("cda", "text/xml; charset=utf-8", "nobody sends 'text/xml; charset=utf-8': a content type is compared", ""),
        ("rows", "Application/XML", "without parameters: write application/xml or text/xml", ""),
        ("hl7v2", "hl7", "nobody sends 'hl7'", ""),
        (
            "cda",
            "application/fhir+json",
            "is not for the dialect cda: write application/xml or text",
            "",
        ),
        ("fhir", "application/json", "is not for the dialect fhir: write application/fhir+json", ""),
        ("cda", "application/xlm", "", "no content type of the dialect cda; did you mean 'application/xml'?"),
        ("hl7v2", "text/plain", "", "no content type of the dialect hl7v2: it has application/hl7-v2"),
    ],
)
def test_a_door_at_which_nothing_can_arrive(tmp_path: Path, dialect: str, kind: str, problem: str, advice: str) -> None:
    """Every item got 415, and lint had nothing to say."""
    (tmp_path / "__init__.py").write_text(f'"""Such."""\n\ndoors = {{"x": "{kind}"}}\n', encoding="utf-8")
    adapter = Adapter("x", "x", (Feed("x", dialect, "x", {"x": kind}),), (), tmp_path / "samples")
    for said, found in ((problem, package_problems(adapter)), (advice, package_advice(adapter))):
        lines = list(map(str, found))
        assert [said in line for line in lines] == [True] * bool(said)
        assert all(line.startswith(f"{tmp_path.name}/__init__.py:3:15: feed 'x', door 'x': ") for line in lines)


def test_a_transform_that_hides_one_of_the_exchange(tmp_path: Path) -> None:
    """Lint held what it gives against the one of the exchange, and every map that was copied got another."""
    adapter = Adapter("x", "x", (), (), tmp_path / "samples", {"phone": len, "bed": len, "date": BUILTIN["date"]})
    (said,) = map(str, package_problems(adapter))
    assert said.startswith("x:1:1: the transform 'phone' hides the one of the exchange: call it 'x-phone' here and")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('source = "PID-7.1"', 'source = "PDI-7.1"', "person.toml:53:10: HL7 has no segment 'PDI'"),
        (
            'ignore = ["MSH-*"',
            'ignore = ["MHS-*"',
            "'MHS' and local ones begin with Z; did you mean 'MSH'",
        ),
    ],
)
def test_lint_names_segments_that_hl7_does_not_have(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    copy = tmp_path / "changed"
    shutil.copytree(data_path("mappings"), copy)
    path = copy / "fields" / "wujiang-hl7v2" / "shared" / "person.toml"
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    (found,) = linted("wujiang", copy)
    assert said in str(found)


def test_lint_advises_against_what_the_standard_of_the_source_does_not_have(tmp_path: Path) -> None:
    copy = tmp_path / "changed"
    shutil.copytree(data_path("mappings"), copy)
    for name, right, wrong in (("wujiang-hl7v2", "PID-14", "PID-99"), ("jiashan-cda", "birthTime", "birthtime")):
        for path in (copy / "fields" / name).glob("*/*.toml"):
            path.write_text(path.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    cda, hl7 = sorted({str(said).partition(": ")[2] for said in advised(folder=copy)})
    assert (cda, "no PID-99" in hl7) == ("CDA has no element 'birthtime'; did you mean 'birthTime'?", True)
    assert linted(folder=copy) == []


def test_lint_advises_what_our_profiles_require(further: Make) -> None:
    """Nobody said that a condition without category and code never conforms; it is stored all the same."""
    region, tables = further("hl7v2")
    assert advised(region) == advised() == []
    path = tables / "fields" / f"{region}-hl7v2" / "visit.toml"
    text = path.read_text(encoding="utf-8")
    block = text.index('type = "Condition"')
    path.write_text(text[:block] + text[block:].replace('target = "code"', 'target = "severity"'), encoding="utf-8")
    (said,) = advised(region)
    assert str(said) == (
        f"{region}-hl7v2/visit.toml:141:8: the profile hie-condition requires Condition.code (1..1), and no field "
        "states it: add a [[resource.field]] with target = 'code'"
    )
    shown = CliRunner().invoke(app, ["adapters", "lint", region])
    assert (shown.exit_code, "advice: " in shown.output) == (0, True)


def test_lint_of_a_changed_copy_of_the_tables_of_a_package(further: Make, tmp_path: Path) -> None:
    region, tables = further("xml")
    copy = tmp_path / "changed"
    shutil.copytree(tables, copy)
    assert linted(region, copy) == []
    path = copy / "fields" / f"{region}-xml" / "patient.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"birthDate"', '"birthdate"'), encoding="utf-8")
    assert ["did you mean 'birthDate'?" in str(problem) for problem in linted(region, copy)] == [True]
    assert linted(region) == []
    with pytest.raises(HieError, match="name a folder like mappings/"):
        linted(region, tmp_path)


def test_lint_names_a_feed_without_maps_and_what_is_not_read(further: Make) -> None:
    region, tables = further("xml")
    (tables / "fields" / f"{region}-xml").rename(tables / "fields" / "typo-xml")
    shutil.copy(tables / "rows" / f"{region}-xml.toml", tables / "rows" / "typo-xml.toml")
    (tables / "fhir").mkdir()
    (tables / "fhir" / "typo-fhir.toml").touch()
    assert [str(problem).partition(": ")[2] for problem in linted(region)] == [
        "this file is not read: no feed has dialect 'fhir'",
        f"there is no field map for the feed '{region}-xml' in this folder",
        f"nothing is read here: field maps stand in a folder named after their feed ({region}-xml)",
        f"this file is not read: it is called after its feed ({region}-xml)",
    ]


def test_lint_names_organisations_that_cannot_be_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped social credit code was found by nobody: all that its sender sent was `org-unknown`."""
    path = tmp_path / "organisations.csv"
    rows = ["code,uscc,name", "QPZS,12310118MBHE03010J,一", "QPZJ,12310118MBHE030290,二", "QPZS,12310118MBHE03010J,三"]
    path.write_text("\n".join(rows), encoding="utf-8")
    changed = replace(adapter_of("qingpu"), organisations=read_organisations(path))
    monkeypatch.setattr("hie.commands.adapters.load_adapters", lambda: (changed,))
    assert [str(problem).partition("/")[2] for problem in linted("qingpu")] == [
        "organisations.csv:3:1: '12310118MBHE030290' is no unified social credit code: 18 characters in upper case, "
        "the last is a check digit (here F)",
        "organisations.csv:4:1: '12310118MBHE03010J' stands in line 2 too: each organisation has codes of its own",
        "organisations.csv:4:1: 'QPZS' stands in line 2 too: each organisation has codes of its own",
    ]


def test_lint_holds_row_tables_against_field_maps(further: Make) -> None:
    region, tables = further("xml")
    path = tables / "rows" / f"{region}-xml.toml"
    text = path.read_text(encoding="utf-8").replace('"TB_LIS_REPORT"', '"TB_LIS_REPROT"').replace('"ZDLB"', '"ZDBL"')
    path.write_text(text, encoding="utf-8")
    folder = f"{region}-xml"
    assert [str(problem).partition(": ")[2] for problem in linted(region)] == [
        f"there is no table 'TB_LIS_REPORT', which {folder}/lab-report.toml maps; did you mean 'TB_LIS_REPROT'?",
        "there is no field map for the table 'TB_LIS_REPROT'; did you mean 'TB_LIS_REPORT'?",
        f"{folder}/diagnosis.toml neither reads nor ignores the column 'ZDBL'; did you mean 'ZDLB'?",
    ]


def test_the_flag_of_revoking_may_be_taken_over_and_asked_for_as_such(further: Make) -> None:
    """The chapter says so, and lint said that a column `takes` has was never read."""
    region, tables = further("xml")
    rows = tables / "rows" / f"{region}-xml.toml"
    inner = (
        '\n[[table]]\nname = "INNER"\nwithin = "TB_LIS_REPORT"\nat = "I"\ntakes = ["XGBZ"]\nrank = 3\nkey = ["NO"]\n'
    )
    rows.write_text(rows.read_text(encoding="utf-8") + inner, encoding="utf-8")
    (tables / "fields" / f"{region}-xml" / "inner.toml").write_text(
        f"""[map]
feed = "{region}-xml"
dialect = "rows"
types = ["INNER"]
order = ["@order"]

[[resource]]
type = "Basic"
key = {{ kind = "inner", value = "NO" }}
when = {{ absent = "@revoking" }}

[[resource.field]]
constant = {{ text = "inner" }}
target = "code"
""",
        encoding="utf-8",
    )
    assert linted(region) == []


RULE = """[[rule]]
id = "{region}-card"
finding = "value-missing"
dimension = "规范性"
severity = "score"
scope = "resource"
stage = "quality"
zh = "有卡号"
en = "There is a card"
owner = "数据质控组"
source = "接口 §3"
types = ["Patient"]
records = ["ADT^A0*"]
expression = "identifier.exists()"
"""


def test_the_quality_rules_of_a_package(further: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are listed, refused with file and line, held to have parts, and held by the contract."""
    monkeypatch.setattr(console, "width", 200)
    region, tables = further("hl7v2")
    path = tables / "quality" / "rules.toml"
    path.parent.mkdir()
    path.write_text(RULE.format(region=region), encoding="utf-8")
    assert linted(region) == []
    assert f"{region}-card" in CliRunner().invoke(app, ["adapters", "show", region]).output
    suite = type("Suite", (AdapterContract,), {"adapter": adapter_of(region)})()
    suite.test_its_quality_rules_tell_parts_apart()
    path.write_text(RULE.format(region=region).replace("identifier.", "photo."), encoding="utf-8")
    with pytest.raises(AssertionError, match=rf"rules\.toml:1: {region}-card: no sample keeps it"):
        suite.test_its_quality_rules_tell_parts_apart()
    path.write_text(RULE.format(region=region).replace("A0*", "A99"), encoding="utf-8")
    assert [str(problem) for problem in linted(region)] == [
        "quality/rules.toml:1:1: no map is for 'ADT^A99'; did you mean 'ADT^A40'?"
    ]
    path.write_text(RULE.format(region=region).replace("identifier.", "identifyer."), encoding="utf-8")
    with pytest.raises(HieError, match=r"rules\.toml:1: .*identifyer"):
        linted(region)


def test_what_is_wrong_with_a_table_is_printed_as_it_is(tables: Path) -> None:
    path = tables / "fields" / "wujiang-hl7v2" / "person.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n[[resourse]]\nname = 'x'\n", encoding="utf-8")
    found = CliRunner().invoke(app, ["adapters", "lint", "--tables", str(tables)])
    assert found.exit_code == 2
    assert "unknown table [resourse]" in found.output


def test_what_goes_to_another_program_is_not_folded() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "hie.cli", "adapters", "list"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "drop/qingpu-xml/incoming" in found
    assert "POST /feeds/wujiang-hl7v2" in found


def test_the_command_line_shows_them(tables: Path) -> None:
    run = CliRunner().invoke
    assert "TB_LIS_REPORT" in run(app, ["adapters", "coverage", "qingpu"]).output
    assert "OBX-11.1" in run(app, ["adapters", "show", "wujiang"]).output
    assert "patientRole/id[@root='2.16.156.10011.1.2']/@extension" in run(app, ["adapters", "show", "jiashan"]).output
    assert run(app, ["adapters", "lint", "wujiang"]).exit_code == 0
    same = run(app, ["adapters", "diff", "qingpu", str(adapter_of("qingpu").samples), "--against", str(tables)])
    assert (same.exit_code, "0 parts change" in same.output) == (0, True)
    assert run(app, ["adapters", "show", "nowhere"]).exit_code == 2


def test_coverage_of_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["adapters", "coverage", "wujiang", "--data", str(tmp_path / "none")])
    assert (found.exit_code, (tmp_path / "none").exists()) == (2, False)
