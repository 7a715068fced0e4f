"""Settings: where one comes from, and what none can be."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hie.app import open_exchange
from hie.app.store import _secret_of, follow_store
from hie.base.errors import HieError
from hie.config import load_config, strange_names


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hie.toml"
    file.write_text('port = 1\nmax_body = 2\nworkers = 3\nprofile_types = "Patient, Observation,"\nexport_hours = 2\n')
    found = load_config({"port": 7, "max_body": None}, {"HIE_PORT": "5", "HIE_MAX_BODY": "6"}, file)
    assert (found.port, found.max_body, found.workers, found.processes) == (7, 6, 3, 0)
    assert found.profiled_types == ("Patient", "Observation")
    assert found.export_hours == 2.0


def test_files_lie_in_the_data_directory_unless_they_are_named(tmp_path: Path) -> None:
    found = load_config({"data": tmp_path}, {})
    assert (found.terminology_path, found.export_folder) == (tmp_path / "terminology.sqlite", tmp_path / "export")
    assert (found.store_path, found.mappings_path) == (tmp_path / "hie.sqlite", None)
    named = {
        "HIE_TERMINOLOGY": "t.sqlite",
        "HIE_EXPORTS": "e",
        "HIE_MAPPINGS": str(tmp_path),
        "HIE_STORE": "sqlite:///s.sqlite",
    }
    found = load_config({}, named)
    assert [found.terminology_path, found.export_folder, found.mappings_path, found.store_path] == [
        Path(name) for name in ("t.sqlite", "e", tmp_path, "s.sqlite")
    ]
    for url in ("mongodb://a/b", "mongodb+srv://a/b"):
        assert load_config({"store": url}, {}).store_path is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('profile_types = ["Patient"]', "'profile_types' must be text"),
        ('data = ["a"]', "'data' must be text"),
        ("store = false", "'store' must be text"),
        ("export_hours = true", "'export_hours' must be a number"),
        ("export_hours = nan", "'export_hours' must be from 0 on"),
        ("port = 80.0", "'port' must be a whole number"),
        ("port = true", "'port' must be a whole number"),
        ('port = "http"', "'port' must be a whole number"),
        ("port = 65536", "'port' must be from 0 to 65535"),
        ("mllp_port = -2", "'mllp_port' must be from -1 to 65535"),
        ("max_body = 0", "'max_body' must be from 1 on"),
        ('profiles = "stric"', "'profiles' is one of off, warn, strict"),
        ('allowed_hosts = "a, b:80"', "'allowed_hosts' must be names without a port: 'b:80'"),
        ('allowed_hosts = "http://a"', "'allowed_hosts' must be names without a port: 'http://a'"),
        ('mllp_ports = "=2576"', "'mllp_ports' must be FEED=PORT"),
        ('mllp_ports = "a=1,a=2"', "'mllp_ports' must be FEED=PORT"),
        ('mllp_ports = "a2576"', "'mllp_ports' must be FEED=PORT"),
        ('mllp_ports = "a=65536"', "'mllp_ports' must be FEED=PORT"),
        ("prot = 1", "there is no setting 'prot'. Choose one of: allowed_hosts"),
        ("port = ", "cannot be read"),
        ('host = "0.0.0.0"', "'0.0.0.0' is not loopback"),
        ('host = "hie.example"', "'hie.example' is not loopback"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    """A list in the file was taken as its text: no type is called that, and no profile applied to any."""
    file = tmp_path / "hie.toml"
    file.write_text(text)
    with pytest.raises(HieError, match=said):
        load_config({}, {}, file)


def test_a_variable_that_is_nearly_a_setting_is_named() -> None:
    """`HIE_STROE` counted for nothing, without a word."""
    assert strange_names({"HIE_STROE": "x", "HIE_STORE": "y", "HOME": "z"}) == ["HIE_STROE"]


def test_a_folder_of_tables_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(HieError, match="'mappings' names"):
        _ = load_config({}, {"HIE_MAPPINGS": str(tmp_path / "none")}).mappings_path


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_the_server_listens_on_loopback(host: str) -> None:
    assert load_config({"host": host}, {}).host == host


def test_a_file_of_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """As editors on Windows save it."""
    file = tmp_path / "hie.toml"
    file.write_bytes(b"\xef\xbb\xbfport = 8099\r\n")
    assert load_config({}, {}, file).port == 8099
    file.write_text("port = 8099\nhost ＝ 1\n", encoding="utf-8")
    with pytest.raises(HieError, match=r"2:6: .*fullwidth equals sign"):
        load_config({}, {}, file)


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "hie.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(HieError, match="cannot be read"):
        load_config({}, {}, file)


async def test_profiles_for_a_type_that_there_is_not_are_no_profiles(tmp_path: Path) -> None:
    given: dict[str, Any] = {"data": tmp_path, "profiles": "strict", "profile_types": "Patient,Observations"}
    with pytest.raises(HieError, match="'Observations', which is no type"):
        await open_exchange(load_config(given, {}), adapters=())
    assert not (tmp_path / "hie.sqlite").exists()


def test_an_empty_key_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    with pytest.raises(HieError, match="secret is empty: remove it"):
        follow_store(load_config({"data": tmp_path}, {}))


def test_servers_that_share_a_key_file_find_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came while another was writing it took it for empty and did not start."""
    found: list[bytes] = []

    def writing(handle: int, key: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
        monkeypatch.undo()
        found.append(_secret_of(config))
        return write(handle, key)

    config = load_config({"data": tmp_path}, {})
    monkeypatch.setattr(os, "write", writing)
    found.append(_secret_of(config))
    assert [len(key) for key in found] == [32, 32]
    assert (found[0], [file.name for file in tmp_path.iterdir()]) == (found[1], ["secret"])
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
