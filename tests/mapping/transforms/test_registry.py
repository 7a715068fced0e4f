"""The transforms that come with the exchange."""

import inspect
import re
import shutil
import types
from pathlib import Path
from typing import Any

import pytest

from adapters.wujiang import adapter
from hie.base.data import data_path
from hie.mapping import transforms
from hie.mapping.apply import MapSet
from hie.mapping.problem import BrokenTables
from hie.mapping.transforms.registry import BUILTIN, READS

NAMED = re.compile(r'\bcodes\["([a-z-]+)"\]')


def read_by(value: Any, seen: set[Any]) -> set[str]:
    """The code maps that a function of the transforms reads by name, itself or through others."""
    known = isinstance(value, types.FunctionType) and value.__module__.startswith(transforms.__name__)
    if not known or value in seen:
        return set()
    seen.add(value)
    found = set(NAMED.findall(inspect.getsource(value)))
    names = value.__code__.co_names
    for name in names:
        used = value.__globals__.get(name)
        members = [getattr(used, member, None) for member in names] if isinstance(used, types.ModuleType) else [used]
        for member in members:
            found |= read_by(member, seen)
    return found


def test_every_code_map_that_a_transform_reads_by_name_is_listed() -> None:
    found = {name: tuple(sorted(read_by(function, set()))) for name, function in BUILTIN.items()}
    assert {name: maps for name, maps in found.items() if maps} == READS


def test_a_map_with_a_transform_whose_code_map_is_missing_is_refused_where_it_stands(tmp_path: Path) -> None:
    shutil.copytree(data_path("mappings"), tmp_path / "mappings")
    (tmp_path / "mappings" / "codes" / "unit.csv").unlink()
    with pytest.raises(BrokenTables, match=r"report\.toml:\d+:\d+: no code map 'unit'"):
        MapSet.load(tmp_path / "mappings", [adapter])
