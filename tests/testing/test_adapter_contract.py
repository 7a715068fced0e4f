"""The contract suite notices what it is for: each test fails on an adapter that breaks it."""

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.qingpu import adapter as qingpu
from hie.base.data import data_path
from hie.plugin import Adapter
from hie.testing.adapter_contract import AdapterContract, write_golden
from hie.testing.material import deliver


def suite(adapter: Adapter, golden: Path) -> AdapterContract:
    return type("Suite", (AdapterContract,), {"adapter": adapter, "golden": golden, "orders": 1})()


def with_transform(name: str, change: Any) -> Adapter:
    return replace(qingpu, transforms={**qingpu.transforms, name: change})


def test_a_changed_map_no_longer_gives_the_golden_files(tmp_path: Path) -> None:
    write_golden(qingpu, tmp_path / "golden")
    tables = tmp_path / "mappings"
    for part in ("fields/qingpu-xml", "rows"):
        shutil.copytree(data_path("mappings", part), tables / part)
    path = tables / "fields" / "qingpu-xml" / "patient.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('source = "SJHM"', 'source = "DHHM"'), encoding="utf-8")
    suite(qingpu, tmp_path / "golden").test_drafts_are_those_of_the_golden_files()
    with pytest.raises(AssertionError, match="write_golden"):
        suite(replace(qingpu, mappings=tables), tmp_path / "golden").test_drafts_are_those_of_the_golden_files()
    changed = suite(replace(qingpu, mappings=tables), tmp_path / "golden")
    changed.least_share = 1.0  # type: ignore[misc]
    with pytest.raises(AssertionError, match="SJHM"):
        changed.test_the_maps_use_most_of_what_is_sent()


def test_golden_files_are_those_of_the_samples_that_there_are(tmp_path: Path) -> None:
    """Golden files of samples that are gone stayed; of two samples of one name one had the file of the other."""
    (tmp_path / "samples" / "more").mkdir(parents=True)
    first = next(path for path in sorted(qingpu.samples.iterdir()) if path.suffix == ".xml")
    shutil.copy(first, tmp_path / "samples" / "a.xml")
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "old.json").write_text("[]")
    one = replace(qingpu, samples=tmp_path / "samples")
    write_golden(one, tmp_path / "golden")
    assert [path.name for path in (tmp_path / "golden").iterdir()] == ["a.json"]
    shutil.copy(first, tmp_path / "samples" / "more" / "a.xml")
    with pytest.raises(ValueError, match="two samples are called 'a'"):
        write_golden(one, tmp_path / "golden")


def test_a_transform_that_counts_is_not_deterministic(tmp_path: Path) -> None:
    numbers = itertools.count()
    counting = with_transform("participant", lambda value, context: {"individual": {"display": str(next(numbers))}})
    with pytest.raises(AssertionError):
        suite(counting, tmp_path).test_the_same_bytes_give_the_same_draft()


def test_a_transform_that_counts_is_not_idempotent(tmp_path: Path) -> None:
    numbers = itertools.count()
    counting = with_transform("participant", lambda value, context: {"individual": {"display": str(next(numbers))}})
    with pytest.raises(AssertionError):
        suite(counting, tmp_path).test_sending_everything_twice_changes_nothing(tmp_path)


def test_resources_that_are_no_valid_fhir_are_found(tmp_path: Path) -> None:
    shutil.copytree(qingpu.samples, tmp_path / "samples", ignore=lambda _, names: [n for n in names if n[:2] > "02"])
    broken = with_transform("participant", lambda value, context: {"individual": {"display": value}, "period": "soon"})
    one = suite(replace(broken, samples=tmp_path / "samples"), tmp_path)
    with pytest.raises(AssertionError, match=r"02.*xml stores a Encounter .*Encounter\.participant\[0\]\.period: "):
        one.test_what_the_samples_store_is_valid_fhir(tmp_path)


@pytest.mark.parametrize("change", [{"api_version": 0}, {"feeds": ()}, {"organisations": ()}, {"samples": "nowhere"}])
def test_an_adapter_that_lacks_a_part_is_found(tmp_path: Path, change: dict[str, Any]) -> None:
    change = {name: tmp_path / value if name == "samples" else value for name, value in change.items()}
    with pytest.raises(AssertionError):
        suite(replace(qingpu, **change), tmp_path).test_it_is_made_for_this_interface()


def test_a_field_that_is_dropped_in_silence_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(runtime: Any, door: str, body: bytes) -> list[Any]:
        made = deliver(runtime, door, body)
        return [replace(p, draft=replace(p.draft, used=without(p.draft.used))) if p.draft else p for p in made]

    def without(used: Any) -> Any:
        return type(used)(path for path in used if path != "XM")

    monkeypatch.setattr("hie.testing.adapter_contract.deliver", forgetful)
    with pytest.raises(AssertionError, match="XM"):
        suite(qingpu, tmp_path).test_every_populated_field_is_used_ignored_or_reported()


def test_a_transform_that_raises_on_noise_is_found(tmp_path: Path) -> None:
    def strict(value: str, context: Any) -> dict[str, Any]:
        assert "x" not in value
        return {}

    with pytest.raises(AssertionError):
        suite(with_transform("report-day", strict), tmp_path).test_broken_bytes_give_findings_and_never_an_exception()


def test_a_transform_that_remembers_depends_on_the_order(tmp_path: Path) -> None:
    seen: list[str] = []

    def remembering(value: str, context: Any) -> dict[str, Any]:
        seen.append(value)
        return {"individual": {"display": seen[-2] if len(seen) > 1 else value}}

    forgetful = suite(with_transform("participant", remembering), tmp_path)
    with pytest.raises(AssertionError):
        forgetful.test_any_order_of_arrival_gives_the_same_store(tmp_path)
