"""Coded values against their bindings and code systems (FHIR R4 terminologies §4.1.5).

A value set or code system that is not enumerated here gives no claim.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hie.fhir.element import Binding
from hie.fhir.validate.codes import Terms

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


class Bindings:
    """Checks coded values of every type that may be bound."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def faults(self, value: Any, kind: str, binding: Binding) -> Iterator[Fault]:
        """What is wrong with a value of type `kind` under a binding."""
        if binding.strength not in ("required", "extensible"):
            return
        if isinstance(value, str):
            yield from self._of_code(value, binding)
        elif isinstance(value, dict):
            yield from self._of_concept(value, kind, binding)

    def _of_code(self, code: str, binding: Binding) -> Iterator[Fault]:
        form = FORMS.get(binding.value_set)
        inside = self._terms.in_value_set(binding.value_set, None, code) if form is None else form(code) is not None
        if inside is False:
            yield _fault(binding, f"The code is not in the value set {binding.value_set}")

    def _of_concept(self, value: Mapping[str, Any], kind: str, binding: Binding) -> Iterator[Fault]:
        rows = value.get("coding") if kind == "CodeableConcept" else [value]
        coded = [row for row in rows or () if isinstance(row, dict) and "code" in row] if isinstance(rows, list) else []
        if kind == "Quantity" and not coded:
            return
        if not coded:
            needed = binding.strength == "required" and "extension" not in value
            if needed and self._terms.in_value_set(binding.value_set, "", "") is not None:
                yield _fault(binding, f"A code from the value set {binding.value_set} is required")
        elif all(self._is_member(row, binding.value_set) is False for row in coded):
            yield _fault(binding, f"No code is in the value set {binding.value_set}")

    def _is_member(self, row: Mapping[str, Any], value_set: str) -> bool | None:
        """Whether a Coding is in a value set; None when that cannot be told."""
        return self._terms.in_value_set(value_set, str(row.get("system", "")), str(row["code"]))

    def coding_faults(self, coding: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong with a Coding by itself: its system, its code in a known system, its display."""
        system, code, display = coding.get("system"), coding.get("code"), coding.get("display")
        if not isinstance(system, str):
            return
        if ":" not in system:
            yield "error", "invalid", "coding-system", "The system of a coding is an absolute URI"
            return
        if self._terms.is_value_set(system):
            yield "error", "invalid", "coding-system", "The system of a coding names a code system, not a value set"
            return
        if not isinstance(code, str):
            return
        told = self._terms.check(system, code, display if isinstance(display, str) else None)
        if told is None or told.result:
            return
        if told.known:
            yield "warning", "invalid", "display", f"The display is not one that {system} gives the code"
        else:
            yield "error", "code-invalid", "code-unknown", f"The code is not in the code system {system}"


def _fault(binding: Binding, sentence: str) -> Fault:
    severity = "error" if binding.strength == "required" else "warning"
    return severity, "code-invalid", f"binding-{binding.strength}", sentence
