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


def test_a_transform_that_counts_is_not_deterministic(tmp_path: Path) -> None:
    numbers = itertools.count()
    counting = with_transform("participant", lambda value, context: {"individual": {"display": str(next(numbers))}})
    with pytest.raises(AssertionError):
        suite(counting, tmp_path).test_the_same_bytes_give_the_same_draft()


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
