"""The tables in force and those on disk: read again while the server runs, linted first, all or nothing.

Tables are files that people edit (`mappings/`, or the folder of the setting `mappings`, and those of installed
adapters). A change counts when it is put in force: what is broken says file, line and column, and nothing changes.
Until then an item can be rehearsed by the tables as they are on disk. What is in force is kept as a copy under its
version (`DATA/tables`): worker processes read that, whatever is edited meanwhile, and what a Provenance names can be
looked up.
"""

import asyncio
import fnmatch
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from hie.app.feeds import BESIDE, Tables, kept_beside, read_tables, tables_version, worker_feeds
from hie.app.rowlint import row_problems
from hie.app.terminology import own_resources
from hie.base.data import data_path
from hie.base.errors import Category, HieError, where
from hie.base.tablefile import HIDDEN
from hie.fhir.definitions import official
from hie.fhir.validate.writing import profile_meant
from hie.fold.placed import ALWAYS, SUBJECT, VISITED
from hie.mapping.described import Described
from hie.mapping.lacking import Given, Profile
from hie.mapping.lint import advice, lint, unfit
from hie.mapping.problem import BrokenTables, Problem, meant
from hie.parse.row_tables import RowTables, load_row_tables
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.worker import Build
from hie.plugin import Adapter

_UNKEPT = shutil.ignore_patterns(HIDDEN)


class UnfitTables(HieError):
    """Tables that cannot be put in force (UNPROCESSABLE); `problems` are lines `file:line:column: reason`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:5]) + ("; ..." if len(self.problems) > 5 else "")
        super().__init__(Category.UNPROCESSABLE, f"The tables are broken, nothing was changed: {shown}")


Follow = Callable[[Tables, Sequence[FeedRuntime]], Awaitable[None]]
"""Told of the tables that come into force, and of the feeds bound to them."""


class Maps:
    """The tables of one server. `now` are those in force."""

    def __init__(
        self, adapters: Sequence[Adapter], keep: Path, folder: Path | None = None, loaded: Path | None = None
    ) -> None:
        """`folder` and `loaded` as in `read_tables`, which raises for broken tables: such a server does not start.
        `keep` is where copies of what is in force are kept."""
        self.adapters = tuple(adapters)
        self.folder = folder
        self.loaded = loaded
        self._keep = keep
        self.now = self._kept()
        self.finish: Callable[[FeedRuntime], FeedRuntime] = lambda runtime: runtime
        self.follow: list[Follow] = []
        self._turn = asyncio.Lock()

    def feeds(self, tables: Tables | None = None) -> tuple[FeedRuntime, ...]:
        """The feeds bound to tables, those in force unless told otherwise."""
        return tuple(self.finish(runtime) for runtime in (tables or self.now).bind(self.adapters))

    def for_workers(self) -> tuple[Build, str]:
        """What makes the feeds of a worker process by the tables in force, and their version."""
        return partial(worker_feeds, self.now.folder, self.loaded), self.version

    @property
    def version(self) -> str:
        """See `hie.pipeline.operate.TablesAtWork`."""
        return self.now.version

    async def on_disk(self) -> Mapping[str, FeedRuntime]:
        """See `hie.pipeline.operate.TablesAtWork`; raises `UnfitTables`."""
        return {runtime.feed.id: runtime for runtime in self.feeds(await asyncio.to_thread(self.read))}

    async def reload(self, record: Callable[[str, str], Awaitable[None]]) -> str:
        """See `hie.pipeline.operate.TablesAtWork`; raises `UnfitTables`."""
        async with self._turn:
            found = await asyncio.to_thread(self._fit)
            if found is not self.now:
                feeds = self.feeds(found)
                await record(self.now.version, found.version)
                self.now = found
                for told in self.follow:
                    await told(found, feeds)
        return self.version

    def read(self) -> Tables:
        """The tables as they are on disk now, read and linted, those in force when nothing has changed; raises
        `UnfitTables`."""
        if tables_version(self.adapters, self.folder) == self.now.version:
            return self.now
        return self._checked(lambda: read_tables(self.adapters, self.folder, self.loaded))

    def must_fit(self) -> None:
        """Raises `BrokenTables` when the tables in force state what has not the structure of FHIR: item after item
        would fail. What else lint finds costs no item."""
        folders, feeds = _searched(self.now, kept_beside(self.adapters, self.now.folder))
        found = unfit(folders, feeds, self.now.maps.codes, official())
        if found:
            raise BrokenTables(found)

    def _fit(self) -> Tables:
        """The tables as they are on disk now, as a copy that stays as it is; raises `UnfitTables`."""
        return self.now if self.read() is self.now else self._checked(self._kept)

    def _kept(self) -> Tables:
        """A copy of the tables on disk, read."""
        copy = Path(tempfile.mkdtemp(prefix=".reading-", dir=_made(self._keep)))
        try:
            shutil.copytree(self.folder or data_path("mappings"), copy, ignore=_UNKEPT, dirs_exist_ok=True)
            own = {a.region: a.mappings for a in self.adapters if a.mappings is not None}
            for region, folder in own.items():
                shutil.copytree(folder, copy / BESIDE / region, ignore=_UNKEPT)
            kept = self._keep / tables_version(self.adapters, copy)
            if not all((kept / BESIDE / region).is_dir() for region in own):
                shutil.rmtree(kept, ignore_errors=True)  # the tables of adapters are missing there
            if not kept.exists():
                copy.rename(kept)
        except shutil.Error as error:  # one line for each file
            raise OSError(f"The tables cannot be kept in {self._keep}: {error.args[0][0][2]}") from None
        finally:
            shutil.rmtree(copy, ignore_errors=True)
        return read_tables(self.adapters, kept, self.loaded)

    def _checked(self, read: Callable[[], Tables]) -> Tables:
        try:
            found = read()
            found.bind(self.adapters)
        except BrokenTables as error:
            raise UnfitTables([str(problem) for problem in error.problems]) from None
        except HieError as error:
            raise UnfitTables(error.message.splitlines()) from None
        except (OSError, UnicodeDecodeError) as error:
            raise UnfitTables([f"a table cannot be read: {type(error).__name__}"]) from None
        except Exception as error:
            raise UnfitTables([f"a table cannot be read: {where(error)}"]) from None
        problems = lint_tables(found, self.adapters)
        if problems:
            raise UnfitTables([str(problem) for problem in problems])
        return found


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lint_tables(tables: Tables, adapters: Sequence[Adapter]) -> list[Problem]:
    """What lint finds in the tables of adapters; codes are held against every code system that ships or is loaded."""

    def judge(system: str, code: str) -> str | None:
        return f"is not in {system}" if tables.terms.has(system, code) is False else None

    adapters = kept_beside(adapters, tables.folder)
    folders, feeds = _searched(tables, adapters)
    doubts = (doubt for (feed, _), program in tables.maps.programs.items() if feed in feeds for doubt in program.doubts)
    beside = (
        *_lacking(tables, adapters),
        *_unread(folders, feeds),
        *_rows(tables, adapters),
        *_rules(tables, adapters),
    )
    urls = frozenset(str(row["url"]) for row in own_resources() if "url" in row)
    described = Described(urls, tuple(a.region for a in adapters if a.mappings is not None))
    given = _given(tables, adapters)
    return sorted({*lint(folders, feeds, tables.maps.codes, official(), judge, described, given), *doubts, *beside})


def advise(tables: Tables, adapters: Sequence[Adapter]) -> list[Problem]:
    """What need not be wrong: paths that name what the standard of the source does not have, and what field maps of
    adapters do not state and our profiles require: without it resources are stored all the same, and do not say that
    they conform."""
    adapters = kept_beside(adapters, tables.folder)
    folders, feeds = _searched(tables, adapters)
    beyond = (one for (feed, _), program in tables.maps.programs.items() if feed in feeds for one in program.beyond)
    given = _given(tables, adapters)
    return sorted({*advice(folders, feeds, tables.maps.codes, official(), given, _profile_for), *beyond})


def _searched(tables: Tables, adapters: Sequence[Adapter]) -> tuple[list[Path], list[str]]:
    """The folders in which tables of adapters stand, and their feeds."""
    folders = [tables.folder, *(a.mappings for a in adapters if a.mappings is not None)]
    return folders, [feed.id for adapter in adapters for feed in adapter.feeds]


def _given(tables: Tables, adapters: Sequence[Adapter]) -> Given:
    return Given(SUBJECT, VISITED, ALWAYS, partial(_filled, tables, dict(_row_tables(tables, adapters))))


def _profile_for(constants: Mapping[str, Any], undecided: Collection[str]) -> Profile | None:
    return _profiles().get(profile_meant(constants, undecided) or "")


@cache
def _profiles() -> Mapping[str, Profile]:
    """Our profiles by URL, with the elements of resources that they require."""
    found = {}
    for row in (row for row in own_resources() if row["resourceType"] == "StructureDefinition"):
        elements = (one for one in row["snapshot"]["element"] if one["min"] and "sliceName" not in one)
        names = {path[1]: f"{one['min']}..{one['max']}" for one in elements if len(path := one["path"].split(".")) == 2}
        found[row["url"]] = Profile(row["url"].rpartition("/")[2], {n.removesuffix("[x]"): c for n, c in names.items()})
    return found


def _rows(tables: Tables, adapters: Sequence[Adapter]) -> Iterator[Problem]:
    """What does not fit together in row tables and field maps."""
    for feed, rows in _row_tables(tables, adapters):
        yield from row_problems(feed, rows, tables.maps.programs)


def _rules(tables: Tables, adapters: Sequence[Adapter]) -> Iterator[Problem]:
    """Quality rules of packages that no part is asked about: none of their records has a map."""
    for adapter in (one for one in adapters if one.mappings is not None):
        feeds = {feed.id for feed in adapter.feeds}
        types = sorted({type for feed, type in tables.maps.programs if feed in feeds})
        for rule in tables.quality.own(adapter.region) if types else ():
            for kind in (kind for kind in rule.records if not fnmatch.filter(types, kind)):
                file, _, line = rule.place.rpartition(":")
                yield Problem(f"quality/{file}", int(line), f"no map is for {kind!r}{meant(kind, types)}")


def _row_tables(tables: Tables, adapters: Sequence[Adapter]) -> Iterator[tuple[str, RowTables]]:
    """The row tables of each feed of rows."""
    for adapter in adapters:
        for feed in (feed for feed in adapter.feeds if feed.dialect == "rows"):
            yield feed.id, load_row_tables((adapter.mappings or tables.folder) / "rows" / f"{feed.id}.toml")


def _filled(tables: Tables, rows: Mapping[str, RowTables], feed: str, type: str) -> frozenset[str]:
    """The source paths that no record of a feed and type lacks: by its dialect, or as columns that a row must have."""
    program = tables.maps.programs.get((feed, type))
    row = rows[feed].tables.get(type) if feed in rows else None
    columns = (*row.key, *row.required) if row is not None else ()
    return frozenset({*(program.dialect.filled if program is not None else ()), *columns})


_MISNAMED = re.compile(r".*\.(toml|csv)(?:\.txt)?", re.IGNORECASE)


def _unread(folders: Sequence[Path], feeds: Sequence[str]) -> Iterator[Problem]:
    """Files meant to be tables that are not read, for the end of their names: `VISIT.TOML`, `visit.toml.txt`."""
    for folder in folders:
        patterns = [*(f"fields/{feed}/**/*" for feed in feeds), *(f"rows/{feed}.*" for feed in feeds), "codes/*"]
        for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
            found = _MISNAMED.fullmatch(path.name)
            if found is not None and path.suffix not in (".toml", ".csv") and not fnmatch.fnmatch(path.name, HIDDEN):
                name = path.relative_to(folder).as_posix()
                yield Problem(name, 1, f"this file is not read: let its name end in .{found[1].lower()}")


def _lacking(tables: Tables, adapters: Sequence[Adapter]) -> Iterator[Problem]:
    """Feeds that no field map is for, and what lies beside the field maps of adapters that bring their own."""
    mapped = {feed for feed, _ in tables.maps.programs}
    for adapter in adapters:
        feeds = [feed.id for feed in adapter.feeds if feed.dialect != "fhir"]
        yield from (
            Problem(f"fields/{feed}", 1, f"there is no field map for the feed {feed!r} in this folder")
            for feed in feeds
            if feed not in mapped
        )
        for path in sorted(adapter.mappings.glob("fields/*")) if adapter.mappings is not None else ():
            if path.name not in feeds and not fnmatch.fnmatch(path.name, HIDDEN):
                reason = (
                    f"nothing is read here: field maps stand in a folder named after their feed ({', '.join(feeds)})"
                )
                yield Problem(f"fields/{path.name}", 1, reason)
        yield from _of_no_feed(adapter)


def _of_no_feed(adapter: Adapter) -> Iterator[Problem]:
    """Files about how rows are wrapped, or about what is agreed with a FHIR sender, that no feed is called after."""
    for kind in ("rows", "fhir"):
        feeds = [feed.id for feed in adapter.feeds if feed.dialect == kind]
        files = adapter.mappings.glob(f"{kind}/*.toml") if adapter.mappings is not None else ()
        for path in sorted(path for path in files if path.stem not in feeds):
            if not fnmatch.fnmatch(path.name, HIDDEN):
                known = (
                    f"it is called after its feed ({', '.join(feeds)})" if feeds else f"no feed has dialect {kind!r}"
                )
                yield Problem(f"{kind}/{path.name}", 1, f"this file is not read: {known}")
