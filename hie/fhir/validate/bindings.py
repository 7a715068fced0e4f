"""Coded values against their bindings and code systems (FHIR R4 terminologies §4.1.5).

A value set or code system that is not enumerated here gives no claim.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hie.fhir.element import Binding
from hie.fhir.validate.codes import Codes, Codings

Fault = tuple[str, str, str, str]
"""(severity, issue code, rule, sentence)."""

_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+(?:\s*;.*)?|xml|json|ttl").fullmatch
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*").fullmatch
FORMS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": _MIME,
    "http://hl7.org/fhir/ValueSet/all-languages": _LANGUAGE,
    "http://hl7.org/fhir/ValueSet/languages": _LANGUAGE,
}
"""Value sets that a grammar defines."""


@dataclass(frozen=True, slots=True)
class CodeSet:
    """What is known of a value set: the codes of each system."""

    url: str
    codings: frozenset[tuple[str, str]]
    systems: frozenset[str]


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
    """What the validator asks beyond the enumerated official sets; `hie.terminology.service.Terminology` answers."""

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """Whether a code is in a value set (of any system when None); None when that cannot be told."""
        ...

    def check(self, system: str, code: str, display: str | None = None) -> Judged | None:
        """Whether a code system has a code of that name; None when the code system is not known in full."""
        ...

    def member_of(self, value: Any, url: str) -> bool | None:
        """The `memberOf()` of FHIRPath; None when that cannot be told."""
        ...


class Bindings:
    """Checks coded values of every type that may be bound. `terms` answers where `codes` does not."""

    def __init__(self, codes: Codes, terms: Terms | None = None) -> None:
        self._codes = codes
        self._terms = terms
        self._systems: dict[str, Mapping[str, frozenset[str]] | None] = {}

    def faults(self, value: Any, kind: str, binding: Binding) -> Iterator[Fault]:
        """What is wrong with a value of type `kind` under a binding."""
        if binding.strength not in ("required", "extensible"):
            return
        if isinstance(value, str):
            yield from self._of_code(value, binding)
        elif isinstance(value, dict):
            yield from self._of_concept(value, kind, binding)

    def _of_code(self, code: str, binding: Binding) -> Iterator[Fault]:
        codes, form = self._codes.codes(binding.value_set), FORMS.get(binding.value_set)
        outside = code not in codes if codes is not None else form is not None and form(code) is None
        if codes is None and form is None and self._terms is not None:
            outside = self._terms.in_value_set(binding.value_set, None, code) is False
        if outside:
            yield _fault(binding, f"The code is not in the value set {binding.value_set}")

    def _of_concept(self, value: Mapping[str, Any], kind: str, binding: Binding) -> Iterator[Fault]:
        codings = self._codes.codings(binding.value_set)
        if codings is None and self._terms is None:
            return
        rows = value.get("coding") if kind == "CodeableConcept" else [value]
        coded = [row for row in rows or () if isinstance(row, dict) and "code" in row] if isinstance(rows, list) else []
        if kind == "Quantity" and not coded:
            return
        if not coded:
            if codings is not None and binding.strength == "required" and "extension" not in value:
                yield _fault(binding, f"A code from the value set {binding.value_set} is required")
        elif all(self._is_member(row, codings, binding.value_set) is False for row in coded):
            yield _fault(binding, f"No code is in the value set {binding.value_set}")

    def _is_member(self, row: Mapping[str, Any], codings: Codings | None, value_set: str) -> bool | None:
        """Whether a Coding is in a value set; None when that cannot be told."""
        system, code = str(row.get("system", "")), str(row["code"])
        if codings is not None:
            return (system, code) in codings
        return None if self._terms is None else self._terms.in_value_set(value_set, system, code)

    def coding_faults(self, coding: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong with a Coding by itself: its system, its code in a known system, its display."""
        system, code = coding.get("system"), coding.get("code")
        if not isinstance(system, str):
            return
        if ":" not in system:
            yield "error", "invalid", "coding-system", "The system of a coding is an absolute URI"
            return
        if self._codes.is_value_set(system):
            yield "error", "invalid", "coding-system", "The system of a coding names a code system, not a value set"
            return
        known = self._displays(system)
        if not isinstance(code, str):
            return
        if known is None:
            yield from self._by_terms(system, code, coding.get("display"))
        elif code not in known:
            yield "error", "code-invalid", "code-unknown", f"The code is not in the code system {system}"
        elif isinstance(coding.get("display"), str) and known[code] and not _alike(coding["display"], known[code]):
            yield "warning", "invalid", "display", f"The display is not the one that {system} gives the code"

    def _by_terms(self, system: str, code: str, display: Any) -> Iterator[Fault]:
        """What the terminology service says of a code whose system has no official list."""
        name = display if isinstance(display, str) else None
        told = None if self._terms is None else self._terms.check(system, code, name)
        if told is None or told.result:
            return
        if told.known:
            yield "warning", "invalid", "display", f"The display is not one that {system} gives the code"
        else:
            yield "error", "code-invalid", "code-unknown", f"The code is not in the code system {system}"

    def _displays(self, url: str) -> Mapping[str, frozenset[str]] | None:
        """Code -> names of a code system known in full; None for any other."""
        if url not in self._systems:
            self._systems[url] = self._codes.names(url)
        return self._systems[url]


def _alike(display: str, names: frozenset[str]) -> bool:
    """Displays are compared without regard to case and blanks."""
    folded = _folded(display)
    return any(folded == _folded(name) for name in names)


def _folded(text: str) -> str:
    return "".join(text.lower().split())


def _fault(binding: Binding, sentence: str) -> Fault:
    severity = "error" if binding.strength == "required" else "warning"
    return severity, "code-invalid", f"binding-{binding.strength}", sentence
