"""Names in another language for a loaded code system, from a file: such as the Chinese variant of LOINC.

What a supplement is for a posted code system. The names are kept with the concepts, so a filter finds them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import orjson

from hie.base.errors import Category, HieError
from hie.terminology.codeschema import fetched, open_for_loading
from hie.terminology.formats import CodeRow, Reading, rows_of
from hie.terminology.loading import Progress, Source
from hie.terminology.text import search_text


@dataclass(frozen=True, slots=True)
class Named:
    """How many concepts got a name, and how many codes of the file the code system does not have."""

    concepts: int
    unknown: int


def add_names(file: Path, source: Source, progress: Progress = lambda phase, done, total: None) -> Named:
    """Give concepts of a loaded code system the names of a file in `source.language`, in place of earlier ones in it.

    Without `source.version` the version that was loaded last is meant. Raises NOT_FOUND when it is not loaded, INVALID
    for a file that cannot be read, CONFLICT when a load is running.
    """
    how, reading = source.how, Reading(source.path.stat().st_size)
    connection = open_for_loading(file)
    try:
        system, folds = _system(connection, source)
        with connection:
            named = unknown = 0
            for row in rows_of(source.path, how, reading):
                if _name(connection, system, row.code.casefold() if folds else row.code, row, source.language):
                    named += 1
                else:
                    unknown += 1
                if (named + unknown) % 1000 == 0:
                    progress("reading", reading.done, reading.total)
        return Named(named, unknown)
    except apsw.BusyError:
        raise HieError(Category.CONFLICT, "Another load into this file is running") from None
    finally:
        connection.close()


def _system(connection: apsw.Connection, source: Source) -> tuple[int, bool]:
    rows = fetched(
        connection,
        "SELECT id, version, case_sensitive FROM system WHERE url = ? ORDER BY loaded DESC, id DESC",
        source.url,
    )
    found = next((row for row in rows if source.version in ("", row[1])), None)
    if found is None:
        raise HieError(Category.NOT_FOUND, f"The code system {source.url} is not loaded; load it before its names")
    return int(found[0]), not found[2]


def _name(connection: apsw.Connection, system: int, key: str, row: CodeRow, language: str) -> bool:
    """Add one name; False when there is no such concept."""
    sql = "SELECT id, search, extra FROM concept WHERE system = ? AND key = ?"
    for number, search, extra in fetched(connection, sql, system, key):
        told: dict[str, Any] = orjson.loads(extra) if extra else {}
        others = [name for name in told.get("names", ()) if name[0] != language]
        told["names"] = [*others, *([[language, row.display]] if row.display else [])]
        lines = dict.fromkeys((*search.split("\n"), *_lines(row)))
        connection.execute(
            "UPDATE concept SET search = ?, extra = ? WHERE id = ?",
            ("\n".join(lines), orjson.dumps(told).decode(), number),
        )
        return True
    return False


def _lines(row: CodeRow) -> Iterator[str]:
    return iter(search_text(row.code, (row.display,)).split("\n"))
