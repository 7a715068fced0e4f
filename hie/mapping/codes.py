"""Code maps: tables of codes, and translation by them with findings (common rules §5.6); `codefile.py` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hie.base.systems import EXTENSION

if TYPE_CHECKING:
    from hie.mapping.context import Context

COLUMNS = (
    "source_system",
    "code",
    "display",
    "target_system",
    "target_code",
    "target_display",
    "equivalence",
    "note",
)
"""The columns of a code map, in order."""

SOURCE_CODING = f"{EXTENSION}/source-coding"
"""Extension that keeps the source code on a plain `code` element (common rules §5.6)."""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code: its names (the first is the display), systems and target; `line` is where it stands, `columns` where
    its cells begin, in the order of `COLUMNS`."""

    source_system: str
    code: str
    names: tuple[str, ...]
    target_system: str
    target_code: str
    target_display: str
    equivalence: str = "equivalent"
    note: str = ""
    line: int = 0
    columns: tuple[int, ...] = ()

    def column(self, name: str) -> int:
        """Where a cell begins, counted from 1."""
        return self.columns[COLUMNS.index(name)] if self.columns else 1

    @property
    def display(self) -> str:
        """The first name; empty when the row has none."""
        return self.names[0] if self.names else ""

    @property
    def target(self) -> dict[str, str] | None:
        """The target Coding, `None` when the row has no translation."""
        return _coding(self.target_system, self.target_code, self.target_display) if self.target_code else None


@dataclass(frozen=True)
class CodeTable:
    """One code map. `rows` by source code; `names` are all names of all rows; `translates` is False
    for a table without any target, which only names codes: there a missing translation is no finding."""

    name: str
    closed: bool
    rows: Mapping[str, CodeRow]
    system: str = ""
    target_system: str = ""
    unknown: str = ""
    unknown_display: str = ""
    strict_names: bool = False
    unmapped: str = "code-unmapped"
    file: str = ""
    names: frozenset[str] = field(default=frozenset())
    translates: bool = True

    def translate(self, code: str, name: str, context: "Context") -> "Translation":
        """Look a code up and note `code-unknown`, `code-unmapped` or `code-name-conflict` at the current path.

        What the table leaves open is asked of `context.terms`: a name that neither sender nor table gives, and whether
        an open table's code system has the code at all.
        """
        row = self.rows.get(code)
        if row is None:
            return self._beyond(code, name, context)
        if name and self.conflicts(row, name):
            context.note("code-name-conflict")
        if not row.target_code and not self.closed and self.translates:
            context.note(self.unmapped)
        display = row.names[0] if row.names else name or context.terms.display(row.source_system, code) or ""
        target = _named(row.target, context) if row.target_code else None
        return Translation(_coding(row.source_system, code, display), target, name or display)

    def _beyond(self, code: str, name: str, context: "Context") -> "Translation":
        """A code that the table does not have."""
        code = " ".join(code.split())
        if self.closed:
            context.note("code-unknown")
        elif self.translates:
            context.note(self.unmapped)
        display = name if self.closed else context.called(self.system, code, name)
        target = _coding(self.target_system, self.unknown, self.unknown_display) if self.unknown else None
        return Translation(_coding(self.system, code, display), target, display or code, not self.closed)

    def conflicts(self, row: CodeRow, name: str) -> bool:
        """Whether the name sent with the code of `row` contradicts it."""
        if name in row.names or not row.names:
            return False
        return self.strict_names or name in self.names


@dataclass(frozen=True, slots=True)
class Translation:
    """What a code map makes of one code: the source Coding, the target Coding if any, and the text. `known` False: a
    closed table does not have the code."""

    source: dict[str, str]
    target: dict[str, str] | None
    text: str
    known: bool = True

    @property
    def concept(self) -> dict[str, Any]:
        """A CodeableConcept: source coding first and `userSelected`, then the translation; text only without a code.

        A code that its closed table does not have is no code of that system: with no target for the unknown the
        concept is the text only, and the code stays in the extension (common rules §5.6).
        """
        found: dict[str, Any] = {}
        source, target = self.source, self.target
        if not self.known and target is None:
            kept = {"extension": self.extension} if self.extension else {}
            return {**kept, "text": self.text} if self.text else kept
        codings: list[dict[str, Any]] = []
        if source.get("code") and source.get("system"):
            codings.append({**source, "userSelected": True})
        if target and (source.get("system"), source.get("code")) != (target.get("system"), target["code"]):
            codings.append(dict(target))
        if codings:
            found["coding"] = codings
        if self.text:
            found["text"] = self.text
        return found

    @property
    def coding(self) -> dict[str, Any] | None:
        """The target Coding with the source coding as extension, for elements of type Coding; `None` without target."""
        if self.target is None:
            return None
        return {"extension": self.extension, **self.target} if self.extension else dict(self.target)

    @property
    def code(self) -> str | None:
        """The target code, for elements of type code."""
        return self.target["code"] if self.target else None

    @property
    def extension(self) -> list[dict[str, Any]]:
        """The source-coding extension for a plain `code` element; empty when no code was sent."""
        if not self.source.get("code"):
            return []
        extension: dict[str, Any] = {"url": SOURCE_CODING, "valueCoding": dict(self.source)}
        return [extension]


def _named(target: dict[str, str] | None, context: "Context") -> dict[str, str] | None:
    """A target with the name that its code system gives it, when the table gives none."""
    if target is None or "display" in target:
        return target
    display = context.terms.display(target.get("system", ""), target["code"])
    return target if display is None else {**target, "display": display}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if system:
        found["system"] = system
    if code:
        found["code"] = code
    if display:
        found["display"] = display
    return found
