"""`hie adapters`: what the maps read, what the samples carry, and what a change of a map would do."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hie.base.data import data_path
from hie.base.errors import HieError
from hie.cli import app
from hie.commands.adapters import adapter_of, covered, differences, linted, shown


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A copy of the shipped tables to change."""
    folder = tmp_path / "mappings"
    shutil.copytree(data_path("mappings"), folder)
    return folder


def test_show_lists_what_a_map_reads_and_ignores() -> None:
    rows = {row.type: row for row in shown("wujiang")}
    assert "OBR/OBX: OBX-11.1" in rows["ORU^R01"].paths
    assert "ORC-*" in rows["ORU^R01"].ignored


def test_coverage_of_the_samples_counts_what_nobody_mentions() -> None:
    found = covered("wujiang")
    assert found["ADT^A01"].records == 1
    assert "PID-5" in found["ADT^A01"].used
    assert found["ORU^R01"].unknown == {"ZLB": 1}
    assert 0.9 < found["ORU^R01"].share < 1


@pytest.mark.parametrize("region", ["jiashan", "qingpu"])
def test_coverage_of_the_other_regions(region: str) -> None:
    found = covered(region)
    assert all(one.share > 0.9 for one in found.values())


def test_the_same_maps_change_nothing(tables: Path) -> None:
    for region in ("wujiang", "jiashan", "qingpu"):
        assert differences(region, adapter_of(region).samples, tables) == []


def test_a_changed_map_is_seen_part_by_part(tables: Path) -> None:
    path = tables / "fields" / "qingpu-xml" / "patient.toml"
    text = path.read_text(encoding="utf-8")
    assert 'source = "SJHM"' in text
    path.write_text(text.replace('source = "SJHM"', 'source = "DHHM"'), encoding="utf-8")
    changed = differences("qingpu", adapter_of("qingpu").samples, tables)
    assert {part.label for part in changed} == {"TB_YL_PATIENT_INFORMATION"}
    assert any("telecom" in line for line in changed[0].lost)
    assert any(line == "unknown SJHM" for line in changed[0].gained)


def test_an_unknown_region_and_a_folder_without_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HieError):
        shown("nowhere")
    with pytest.raises(HieError):
        differences("qingpu", tmp_path, tmp_path)


def test_lint_has_nothing_to_say_to_any_region() -> None:
    assert linted() == []


def test_the_command_line_shows_them(tables: Path) -> None:
    run = CliRunner().invoke
    assert "TB_LIS_REPORT" in run(app, ["adapters", "coverage", "qingpu"]).output
    assert "OBX-11.1" in run(app, ["adapters", "show", "wujiang"]).output
    assert run(app, ["adapters", "lint", "wujiang"]).exit_code == 0
    same = run(app, ["adapters", "diff", "qingpu", str(adapter_of("qingpu").samples), "--against", str(tables)])
    assert (same.exit_code, "0 parts change" in same.output) == (0, True)
    assert run(app, ["adapters", "show", "nowhere"]).exit_code == 2
