"""URIs that tables write for code systems, identifier systems and extensions: mistyped ones are read by nobody."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from hie.base.systems import CODE_SYSTEM, EXTENSION
from hie.mapping.codes import CodeTable
from hie.mapping.codeshape import SHAPES
from hie.mapping.described import systems_of
from hie.mapping.fieldmap import FieldMap, written
from hie.mapping.problem import Problem

_URI = re.compile(r"https?://[^\s/\\]+(?:/[^\s\\]*)?|(?!https?:)[a-z][a-z0-9+.-]*:[^\s\\]+")
_OID = re.compile(r"\d+(?:\.\d+)+")
_ALIKE = 0.9
"""How alike two URIs are of which one is probably the other."""


def misnamed(fieldmaps: Iterable[FieldMap], codes: Iterable[CodeTable], official: Collection[str]) -> Iterator[Problem]:
    """What is no absolute URI, and code systems that are known by another form of theirs (`http://loinc.org/`)."""
    known = {_folded(url): url for url in (*official, *SHAPES)}
    for uri, at in _written(fieldmaps, codes):
        right = known.get(_folded(uri), uri)
        if not _URI.fullmatch(uri):
            known_as = f"an OID is written urn:oid:{uri}" if _OID.fullmatch(uri) else "urn:oid:… or https://…"
            yield at(f"{uri!r} is no URI: {known_as}")
        elif right != uri:
            yield at(f"{uri!r} is written {right!r}")


def resembling(fieldmaps: Iterable[FieldMap], codes: Iterable[CodeTable], known: Collection[str]) -> Iterator[Problem]:
    """Code systems that nobody here knows and whose names are nearly those of known ones: perhaps mistyped."""
    of_hl7 = [url for url in (*known, *SHAPES) if url.startswith("http://")]
    folded = {_folded(url) for url in of_hl7}
    for uri, at in _written(fieldmaps, codes):
        if _folded(uri) in folded or not uri.startswith("http") or not _URI.fullmatch(uri):
            continue
        near = (one for one in get_close_matches(uri, of_hl7, cutoff=_ALIKE) if _digits(one) == _digits(uri))
        if found := next(near, None):
            yield at(f"no code system {uri!r} is known here; did you mean {found!r}?")


def _folded(url: str) -> str:
    return url.casefold().rstrip("/").replace("https://", "http://")


def _digits(url: str) -> list[str]:
    return re.findall(r"\d+", url)


At = Callable[[str], Problem]
"""Makes the problem at a place."""


def _written(fieldmaps: Iterable[FieldMap], codes: Iterable[CodeTable]) -> Iterator[tuple[str, At]]:
    """Every URI of a code system, an identifier system or an extension, with its place; ours are described."""
    for uri, at in (*_in_maps(fieldmaps), *_in_codes(codes)):
        if not uri.startswith((f"{CODE_SYSTEM}/", f"{EXTENSION}/")):
            yield uri, at


def _in_maps(fieldmaps: Iterable[FieldMap]) -> Iterator[tuple[str, At]]:
    for table, key, value in written(fieldmaps):
        for uri in _uris({key: value}):
            yield uri, partial(table.problem, key=key)


def _uris(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (uri for name, uri in value.items() if name in ("system", "url") and isinstance(uri, str))
        value = [*value.values()]
    for inner in value if isinstance(value, list) else ():
        yield from _uris(inner)


def _in_codes(codes: Iterable[CodeTable]) -> Iterator[tuple[str, At]]:
    for table in codes:
        for uri, (line, column) in systems_of(table).items():
            if uri:
                yield uri, partial(Problem, f"codes/{table.file}", line, column=column)
