"""Which entries of a CDA body a map reads, by section and data element code, by tag, or by what an XPath finds."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hie.mapping.dialect import Coverage
from hie.mapping.dialects.cda_xpath import ANY, BODY, OBSERVATION, QUOTED, SECTION, xpath
from hie.wire.clinical_document import ENTRIES, entry_code, section_names, speaks

_TAGS = "|".join(tag for tag in ENTRIES if tag != "observation")
_ENTRY = re.compile(rf"(?<![\w:-])({_TAGS})\b")
_STEP = re.compile(r"(?:^|(?<=/)|(?<=::))observation(?=$|[\s/\0])")
"""A step to observations whatever their code; predicates may follow."""


class Named:
    """The entries that paths name: `section(…)//obs(…)` by the code, other entries by their tag; observations without
    a code (`section(…)//observation[templateId/@root='…']`) are those that the path finds."""

    def __init__(self, paths: Iterable[str]) -> None:
        parts = [one for path in paths for one in alternatives(path)]
        self.pairs = {pair for path in parts for pair in _pairs(path)}
        steps = dict.fromkeys(step for path in parts if SECTION.search(path) for step in _steps(path))
        self._finds = [xpath(step) for step in steps]

    def __bool__(self) -> bool:
        return bool(self.pairs or self._finds)

    def among(self, root: Any) -> Callable[[Any, Iterable[str], str], bool]:
        """Whether an entry of this document, in sections of these names, with this code or tag, is named."""
        found = {entry for find in self._finds for entry in find(root)}
        pairs = self.pairs

        def is_named(entry: Any, names: Iterable[str], code: str) -> bool:
            for name in names:
                if (name, code) in pairs:
                    return True
            return (ANY, code) in pairs or entry in found

        return is_named


def coverage(used: Named, ignored: Named) -> Callable[[Any], Coverage]:
    """What tells the coverage of a document."""

    def cover(root: Any) -> Coverage:
        is_used, is_ignored = used.among(root), ignored.among(root)
        seen: dict[str, None] = {}
        skipped: dict[str, None] = {}
        missed: dict[str, None] = {}
        for entry, own, names in _speaking(root):
            code = entry_code(entry)
            kind = seen if is_used(entry, names, code) else skipped if is_ignored(entry, names, code) else missed
            kind[f"section({own})/{code}"] = None
        return Coverage(tuple(seen), tuple((path, "field-unmapped") for path in missed), tuple(skipped))

    return cover


def _speaking(root: Any) -> Iterator[tuple[Any, str, list[str]]]:
    """Entries of the body that say something, each with the first name of its section and the names of all sections
    around it."""
    known: dict[Any, tuple[str, list[str]]] = {}
    body = root.find(BODY)
    for entry in body.iter(*ENTRIES) if body is not None else ():
        around = list(entry.iterancestors("section"))
        if around and speaks(entry):
            nearest = around[0]
            if nearest not in known:
                names = [section_names(section) for section in around]
                known[nearest] = next(iter(names[0]), ""), [name for some in names for name in some]
            yield entry, *known[nearest]


def alternatives(path: str) -> Iterator[str]:
    """The parts of a union; one in brackets or predicates stays whole."""
    bare = _without_predicates(path)
    start = 0
    for place, character in enumerate(f"{bare}|"):
        if character == "|":
            yield path[start:place].strip()
            start = place + 1


def _pairs(path: str) -> Iterator[tuple[str, str]]:
    """Every pair of section and entry that stands together in one path."""
    entries = [*OBSERVATION.findall(path), *_ENTRY.findall(path)]
    yield from ((section.strip(), entry.strip()) for section in SECTION.findall(path) for entry in entries)


def _steps(path: str) -> Iterator[str]:
    """The path up to each step to observations whatever their code, with the predicates of the step."""
    bare = _without_predicates(path)
    for step in _STEP.finditer(bare):
        rest = bare[step.end() :]
        yield path[: step.end() + len(rest) - len(rest.lstrip(" \0"))]


def _without_predicates(path: str) -> str:
    """The path with zeros for texts, and for predicates and brackets with what is in them."""
    bare, depth = [], 0
    for character in QUOTED.sub(lambda quoted: "\0" * len(quoted[0]), path):
        depth += character in "[("
        bare.append("\0" if depth else character)
        depth -= character in "])"
    return "".join(bare)
