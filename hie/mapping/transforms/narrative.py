"""Narrative: plain text as XHTML (FHIR R4 §2.4), and sections of a Composition made of it."""

from collections.abc import Sequence
from html import escape
from typing import Any

from hie.fhir.xml import XHTML
from hie.mapping.context import Context


def narrative(text: str) -> dict[str, str]:
    """A Narrative of plain text; line ends become `<br/>`."""
    lines = (escape(line.strip(), quote=False) for line in text.strip().splitlines())
    return {"status": "generated", "div": f'<div xmlns="{XHTML}">{"<br/>".join(lines)}</div>'}


def sections(value: Sequence[str], context: Context, *, titles: Sequence[str]) -> dict[str, Any] | None:
    """Composition.section of several texts with their titles, each in a slot of its own by its place: a text that is
    absent leaves the one sent before (common rules §8). All in one slot, as they once were, counts no more."""
    found = {
        f"section[]#{place}": {"title": title, "text": narrative(text)}
        for place, (title, text) in enumerate(zip(titles, value, strict=True), 1)
        if text.strip()
    }
    return {"section[]": None, **found} if found else None
