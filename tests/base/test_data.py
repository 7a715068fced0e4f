"""Shipped data is found in a checkout."""

import pytest

from hie.base.data import data_path


def test_finds_the_official_definitions() -> None:
    assert data_path("profiles", "r4", "types.jsonl").is_file()


def test_says_what_is_missing() -> None:
    with pytest.raises(FileNotFoundError, match="profiles/nowhere"):
        data_path("profiles", "nowhere")
