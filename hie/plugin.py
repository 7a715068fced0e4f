"""The one module that adapters import: what a region declares about itself.

An adapter is a value, found through the entry-point group `hie.adapters`. Field maps (`mappings/fields/<feed>/*.toml`)
and code maps (`mappings/codes/*.csv`) carry most of a region; the adapter names its feeds, its organisations, its
samples, and the few local transforms that its maps call.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hie.base.draft import Alias, Claim, Contribution, Draft, Event, Key, Member
from hie.base.errors import Category, HieError
from hie.base.finding import Finding, finding
from hie.base.record import Delivery, Parsed, Record
from hie.base.tablefile import NotUtf8, table_text
from hie.base.text import LENGTHS, half_width, is_null_text

__all__ = [
    "API_VERSION",
    "LENGTHS",
    "Adapter",
    "Alias",
    "Claim",
    "Contribution",
    "Delivery",
    "Draft",
    "Event",
    "Feed",
    "Finding",
    "Key",
    "Member",
    "Organisation",
    "Parsed",
    "Record",
    "finding",
    "half_width",
    "is_null_text",
    "read_organisations",
]

API_VERSION = 1
"""Version of this interface; an adapter made for another one is disabled with a reason."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """An institution registered for a feed (common rules §3): short code, unified social credit code, name; and the
    file and line that say so, for what is to be said of them."""

    code: str
    uscc: str
    name: str
    file: str = field(default="", compare=False)
    line: int = field(default=1, compare=False)


def read_organisations(path: Path) -> tuple[Organisation, ...]:
    """The organisations of a CSV file with the columns `code`, `uscc` and `name`, in UTF-8; blanks around them do not
    count, nor do lines without anything.

    Raises `HieError` with file, line and column for a file that cannot be used.
    """
    try:
        reader = csv.reader(table_text(path).splitlines())
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except NotUtf8 as error:
        raise _broken(path, error.line, error.column, str(error)) from None
    behind = [""] * (len(rows[0][1]) - len(_COLUMNS)) if rows else []  # as a spreadsheet program puts them there
    if not rows or rows[0][1] != [*_COLUMNS, *behind]:
        raise _broken(path, 1, 1, f"the columns must be {','.join(_COLUMNS)}, with commas between them")
    filled = [(line, row) for line, row in rows[1:] if any(row)]
    for line, row in filled:
        if len(row) != len(rows[0][1]) or row[len(_COLUMNS) :] != behind or not all(row[: len(_COLUMNS)]):
            raise _broken(path, line, 1, f"an organisation has {', '.join(_COLUMNS)}")
    file = f"{path.parent.name}/{path.name}"
    return tuple(Organisation(code, uscc, name, file, line) for line, (code, uscc, name, *_) in filled)


_COLUMNS = ["code", "uscc", "name"]


def _broken(path: Path, line: int, column: int, reason: str) -> HieError:
    return HieError(Category.INVALID, f"{path.name}:{line}:{column}: {reason}")


@dataclass(frozen=True)
class Feed:
    """One stream of items with one set of keys (common rules §1).

    `id` names it everywhere; `dialect` selects parser and answer (`hl7v2`, `cda`, `rows`, `fhir`); `doors` maps each
    HTTP path name `POST /feeds/<door>` to its content type, one of them with the name of the feed; `mllp` and `drop`
    say whether those transports serve it too (over MLLP on a port of its own: setting `mllp_ports`); `orphans` that
    parts may come before the parents they hang on, and then wait for them; `first_version` is the `versionNumber` of a
    new document (dialect `cda`). Raises INVALID without that door.
    """

    id: str
    dialect: str
    title: str
    doors: Mapping[str, str]
    mllp: bool = False
    drop: bool = False
    orphans: bool = False
    first_version: int = 0

    def __post_init__(self) -> None:
        if self.id not in self.doors:
            raise HieError(
                Category.INVALID, f"feed {self.id!r} needs a door of its own name in 'doors', which has none"
            )


@dataclass(frozen=True)
class Adapter:
    """A region: its feeds, organisations, samples, and local transforms by the name that field maps use.

    `mappings` is the folder of its own tables (`fields/<feed>/*.toml`, `codes/*.csv`, `rows/<feed>.toml`), which come
    beside those of the exchange; None when the exchange ships them.
    """

    region: str
    title: str
    feeds: tuple[Feed, ...]
    organisations: tuple[Organisation, ...]
    samples: Path
    transforms: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    mappings: Path | None = None
    api_version: int = API_VERSION
