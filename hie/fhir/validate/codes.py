"""What the validator asks about codes: one source, the terminology service; without one the official codes alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hie.base.resource import JsonView
from hie.fhir.definitions import Definitions


class Judged(Protocol):
    """What is told of a code in a code system."""

    @property
    def result(self) -> bool:
        """Whether the code is right, and the display a name of it."""
        ...

    @property
    def known(self) -> bool:
        """Whether the code system has the code."""
        ...


class Terms(Protocol):
    """Value sets and code systems, by canonical URL; `hie.terminology.service.Terminology` and `OfficialCodes`."""

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """Whether a code is in a value set (of any system when None); None when that cannot be told."""
        ...

    def is_value_set(self, url: str) -> bool:
        """Whether the URL names a value set."""
        ...

    def check(self, system: str, code: str, display: str | None = None) -> Judged | None:
        """Whether a code system has a code of that name; None when the code system is not known in full."""
        ...

    def member_of(self, value: Any, url: str) -> bool | None:
        """The `memberOf()` of FHIRPath; None when that cannot be told."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """See `Judged`."""

    result: bool
    known: bool


class OfficialCodes:
    """The codes of FHIR R4 itself: a `Terms` for validation without the terminology service."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._names: dict[str, Mapping[str, frozenset[str]] | None] = {}

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """See `Terms`."""
        return in_official_set(self._definitions, url, system, code)

    def is_value_set(self, url: str) -> bool:
        """See `Terms`."""
        return self._definitions.value_set(url) is not None

    def check(self, system: str, code: str, display: str | None = None) -> Verdict | None:
        """See `Terms`."""
        if system not in self._names:
            self._names[system] = names_of(self._definitions.code_system(system))
        known = self._names[system]
        if known is None:
            return None
        names = known.get(code)
        fits = not display or not names or folded(display) in map(folded, names)
        return Verdict(names is not None and fits, names is not None)

    def member_of(self, value: Any, url: str) -> bool | None:
        """See `Terms`: FHIRPath knows the official sets by itself."""
        return None


def in_official_set(definitions: Definitions, url: str, system: str | None, code: str) -> bool | None:
    """Whether a code is in a value set that R4 enumerates; None when it does not enumerate it."""
    if system is None:
        codes = definitions.codes(url)
        return None if codes is None else code in codes
    codings = definitions.codings(url)
    return None if codings is None else (system, code) in codings


def names_of(system: JsonView | None) -> Mapping[str, frozenset[str]] | None:
    """Code -> names of a CodeSystem resource; None when it does not hold all its codes."""
    if system is None or system.get("content") != "complete" or "concept" not in system:
        return None
    return dict(_concepts(system["concept"]))


def _concepts(rows: list[JsonView]) -> Iterator[tuple[str, frozenset[str]]]:
    for row in rows:
        names = [row.get("display", ""), *(one["value"] for one in row.get("designation", ()))]
        yield row["code"], frozenset(name for name in names if name)
        yield from _concepts(row.get("concept", []))


def folded(text: str) -> str:
    """A name as names are compared: without regard to case and blanks."""
    return "".join(text.lower().split())
