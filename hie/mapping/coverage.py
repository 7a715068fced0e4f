"""Coverage from the tables: which source paths each map reads, and where they go."""

from collections.abc import Mapping
from dataclasses import dataclass

from hie.mapping.fieldmap import Program


@dataclass(frozen=True, slots=True)
class MapCoverage:
    """One map: the record types it serves share a file; `paths` are read, `ignored` left out on purpose."""

    feed: str
    type: str
    file: str
    clause: str
    paths: tuple[str, ...]
    ignored: tuple[str, ...]


def coverage(programs: Mapping[tuple[str, str], Program]) -> list[MapCoverage]:
    """One row per feed and record type, sorted; a path inside contexts is written `OBR/OBX: OBX-5`."""
    return [
        MapCoverage(
            feed,
            type,
            program.file,
            program.clause,
            tuple(sorted(_written(contexts, path) for contexts, path in program.source_paths)),
            tuple(sorted(program.ignored)),
        )
        for (feed, type), program in sorted(programs.items())
    ]


def _written(contexts: tuple[str, ...], path: str) -> str:
    return f"{'/'.join(contexts)}: {path}" if contexts else path
