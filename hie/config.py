"""Settings: every one once, with name, type, default and a line for the documents.

A setting comes from the command line, else from the environment (`HIE_<NAME>`), else from the TOML file that `--config`
names, else from its default. `docs/generated/settings.md` is built from `SETTINGS`.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.tablefile import NotUtf8, table_text, toml_problem

ANY = "*"
"""Of a list of names: each."""

_MOST_PORT = 65535
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Setting:
    """One setting: `type` is str, int or float; `choices` are its only values, when there are any, written in any case;
    a number is from `least` to `most`."""

    name: str
    type: type
    default: Any
    doc: str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 2**62


SETTINGS: tuple[Setting, ...] = (
    Setting("host", str, "127.0.0.1", "Address of the HTTP server. Anything but loopback needs authentication."),
    Setting("port", int, 8080, "Port of the HTTP server; 0 takes a free one.", most=_MOST_PORT),
    Setting("data", str, "data", "Directory for the database and the drop folders."),
    Setting("store", str, "", "Store: sqlite:///PATH or mongodb://... Default: hie.sqlite in the data directory."),
    Setting("secret_file", str, "", "Key that signs page links; servers on one store share it. Default: in data."),
    Setting("terminology", str, "", "File of large code systems. Default: terminology.sqlite in the data directory."),
    Setting("exports", str, "", "Folder of bulk exports; servers on one store share it. Default: export in data."),
    Setting(
        "export_hours", float, 24.0, "How long files of a bulk export are kept for whoever asked for them.", least=0
    ),
    Setting("cors_origins", str, "", "Web origins whose pages may call the FHIR API, with commas; * is any."),
    Setting("allowed_hosts", str, "", "Names by which the server may be asked beside loopback, with commas; * is any."),
    Setting("mappings", str, "", "Folder of field maps, code maps and rules to work by instead of the shipped ones."),
    Setting(
        "mllp_port",
        int,
        2575,
        "MLLP port of the feed that `mllp_ports` does not name; 0 takes a free one, -1 starts none.",
        least=-1,
        most=_MOST_PORT,
    ),
    Setting("mllp_ports", str, "", "MLLP ports of further feeds: kunshan-hl7v2=2576, with commas."),
    Setting("mllp_connections", int, 256, "Connections at the same time, on each MLLP port.", least=1),
    Setting("mllp_frame_seconds", float, 60.0, "How long one MLLP frame may take to arrive."),
    Setting("max_body", int, 16 * 1024 * 1024, "Largest item or request body in bytes.", least=1),
    Setting("workers", int, 2, "Processes that parse, map and settle items: none can stop the server. 0: none."),
    Setting(
        "processes",
        int,
        0,
        "Processes that answer HTTP. 1: one does all; more: so many read beside the one that writes (SQLite). 0: one a "
        "core, at most 4.",
    ),
    Setting("drop_poll_seconds", float, 1.0, "How often the drop folders are looked at; 0 turns them off."),
    Setting("retry_poll_seconds", float, 5.0, "How often items that failed are looked at."),
    Setting("close_poll_seconds", float, 300.0, "How often quality reports of past days are made; 0: not here."),
    Setting(
        "profiles",
        str,
        "off",
        "Profiles on writes, beside the base rules: off; warn; strict (what breaks one is refused, never from a feed).",
        ("off", "warn", "strict"),
    ),
    Setting("profile_types", str, "", "Types on which the profiles of the exchange apply, with commas. Default: all."),
    Setting(
        "log_level",
        str,
        "INFO",
        "Least level that is logged: DEBUG, INFO, WARNING or ERROR.",
        ("DEBUG", "INFO", "WARNING", "ERROR"),
    ),
)
"""Every setting of the server."""


@dataclass(frozen=True)
class Config:
    """The settings of one server, checked."""

    host: str
    port: int
    data: Path
    store: str
    secret_file: str
    terminology: str
    exports: str
    export_hours: float
    cors_origins: str
    allowed_hosts: str
    mappings: str
    mllp_port: int
    mllp_ports: str
    mllp_connections: int
    mllp_frame_seconds: float
    max_body: int
    workers: int
    processes: int
    drop_poll_seconds: float
    retry_poll_seconds: float
    close_poll_seconds: float
    profiles: str
    profile_types: str
    log_level: str

    @property
    def store_path(self) -> Path | None:
        """The SQLite file that `store` names, None for a MongoDB; raises NOT_SUPPORTED for a URL of another kind."""
        return sqlite_path(self.store) if self.store else self.data / "hie.sqlite"

    @property
    def mllp_feed_ports(self) -> dict[str, int]:
        """Feed -> port, as `mllp_ports` has them; raises INVALID when it is written in another way."""
        found: dict[str, int] = {}
        for part in filter(None, (part.strip() for part in self.mllp_ports.split(","))):
            feed, equals, port = (text.strip() for text in part.partition("="))
            if not (feed and equals and port.isdecimal() and int(port) <= _MOST_PORT) or feed in found:
                raise HieError(Category.INVALID, f"Setting 'mllp_ports' must be FEED=PORT, …, one of each: {part!r}.")
            found[feed] = int(port)
        return found

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The names of `allowed_hosts`, addresses of IPv6 without brackets; raises INVALID for what is neither name nor
        address, such as one with a port."""
        given = tuple(name.strip("[]") for name in self.allowed_hosts.replace(",", " ").split())
        for name in given:
            if name != ANY and not _NAME.fullmatch(name) and not _is_address(name):
                raise HieError(Category.INVALID, f"Setting 'allowed_hosts' must be names without a port: {name!r}.")
        return given

    @property
    def profiled_types(self) -> tuple[str, ...]:
        """The types on which profiles apply, all where there are none."""
        return tuple(filter(None, (name.strip() for name in self.profile_types.split(","))))

    @property
    def mappings_path(self) -> Path | None:
        """The folder of tables, None for the shipped one; raises INVALID where it is none."""
        if not self.mappings:
            return None
        path = Path(self.mappings)
        if not path.is_dir():
            raise HieError(Category.INVALID, f"Setting 'mappings' names {path}, where no folder is.")
        return path

    @property
    def terminology_path(self) -> Path:
        """The file of large code systems (`hie terminology load`)."""
        return Path(self.terminology) if self.terminology else self.data / "terminology.sqlite"

    @property
    def export_folder(self) -> Path:
        """Where bulk exports are written."""
        return Path(self.exports) if self.exports else self.data / "export"


def sqlite_path(store: str) -> Path | None:
    """The SQLite file that a store's URL names, None for a MongoDB; raises NOT_SUPPORTED for a URL of another kind."""
    if store.startswith(("mongodb://", "mongodb+srv://")):
        return None
    if store.startswith("sqlite:///"):
        return Path(store.removeprefix("sqlite:///"))
    scheme = store.partition("://")[0]
    raise HieError(Category.NOT_SUPPORTED, f"Stores of kind {scheme!r} are not known: sqlite:///PATH or mongodb://...")


def load_config(
    given: Mapping[str, Any], environment: Mapping[str, str] | None = None, file: Path | None = None
) -> Config:
    """Settings from the command line (`given`, None meaning not given), the environment and a TOML file.

    Raises INVALID for an unknown setting, a value of the wrong type, or a host that is not loopback.
    """
    environment = os.environ if environment is None else environment
    from_file = _read(file) if file is not None else {}
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        value: Any = setting.default
        if setting.name in from_file:
            value = from_file[setting.name]
        if (text := environment.get(f"HIE_{setting.name.upper()}")) is not None:
            value = text
        if given.get(setting.name) is not None:
            value = given[setting.name]
        values[setting.name] = _typed(setting, value)
    values["data"] = Path(values["data"])
    _check_host(values["host"])
    config = Config(**{f.name: values[f.name] for f in fields(Config)})
    _ = config.mllp_feed_ports, config.known_hosts
    return config


def strange_names(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none: mistyped, most likely."""
    known = {f"HIE_{setting.name.upper()}" for setting in SETTINGS}
    return sorted(name for name in environment if name.startswith("HIE_") and name not in known)


def _read(file: Path) -> dict[str, Any]:
    text = ""
    try:
        text = table_text(file)
        table = tomllib.loads(text)
    except (OSError, NotUtf8) as error:
        place = f"{error.line}:{error.column}: " if isinstance(error, NotUtf8) else ""
        raise HieError(Category.INVALID, f"The configuration file {file} cannot be read: {place}{error}") from error
    except tomllib.TOMLDecodeError as error:
        line, column, reason = toml_problem(error, text)
        raise HieError(
            Category.INVALID, f"The configuration file {file} cannot be read: {line}:{column}: {reason}"
        ) from error
    unknown = set(table) - {setting.name for setting in SETTINGS}
    if unknown:
        known = ", ".join(sorted(setting.name for setting in SETTINGS))
        raise HieError(Category.INVALID, f"{file}: there is no setting {min(unknown)!r}. Choose one of: {known}.")
    return table


_KINDS: Mapping[type, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (str, int)),
    float: ("a number", (str, int, float)),
    str: ("text", (str, Path)),
}
"""Type of a setting -> what it is called, and what its value may be given as: a list of a TOML file is no text."""


def _typed(setting: Setting, value: Any) -> Any:
    kind, given = _KINDS[setting.type]
    try:
        if isinstance(value, bool) or not isinstance(value, given):
            raise ValueError
        typed = setting.type(value)
    except ValueError:
        raise HieError(Category.INVALID, f"Setting {setting.name!r} must be {kind}.") from None
    if setting.type is not str and not setting.least <= typed <= setting.most:
        upper = f" to {setting.most}" if setting.most < 2**62 else " on"
        raise HieError(Category.INVALID, f"Setting {setting.name!r} must be from {setting.least}{upper}.")
    if setting.choices:
        found = next((choice for choice in setting.choices if choice.lower() == typed.lower()), None)
        if found is None:
            raise HieError(Category.INVALID, f"Setting {setting.name!r} is one of {', '.join(setting.choices)}.")
        return found
    return typed


def _check_host(host: str) -> None:
    """Without authentication only this machine may reach the server (design §4)."""
    if host != "localhost" and not (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        raise HieError(
            Category.INVALID,
            f"Host {host!r} is not loopback, and authentication is off: use 127.0.0.1, ::1 or localhost.",
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
