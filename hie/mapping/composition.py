"""Composition.section from the body of a CDA document: title, LOINC code, and a narrative of what it says."""

from collections.abc import Iterator
from html import escape
from typing import Any

from hie.base.systems import LOINC
from hie.base.text import LENGTHS, trimmed
from hie.fhir.xml import XHTML
from hie.mapping.narrative_block import narrative_block
from hie.wire.clinical_document import value_text

_LOINC_OID = "2.16.840.1.113883.6.1"


def sections(root: Any) -> list[dict[str, Any]]:
    """One section per section of the body, in order (Jiashan interface §2.1)."""
    return [_section(section) for section in root.iterfind("component/structuredBody/component/section")]


def has_long_text(root: Any) -> bool:
    """Whether a text of the body has more characters than narrative may (common rules §5.5)."""
    limit = LENGTHS["long"]
    for section in root.iterfind("component/structuredBody//section"):
        texts = (*_own_text(section), *map(value_text, section.iter("value")))
        if any(len(text) > limit for text in texts):
            return True
    return False


def _section(section: Any) -> dict[str, Any]:
    code = section.find("code")
    name = trimmed(code.get("displayName")) if code is not None else None
    title = trimmed(section.findtext("title")) or name
    found: dict[str, Any] = {"title": title} if title else {}
    number = " ".join((code.get("code") or "").split()) if code is not None else ""
    if number and (trimmed(code.get("codeSystem")) or _LOINC_OID) == _LOINC_OID:
        coding = {"system": LOINC, "code": number}
        found["code"] = {"coding": [{**coding, "display": name} if name else coding]}
    found["text"] = _narrative(section, title or "—")
    inner = [_section(part) for part in section.iterfind("component/section")]
    return {**found, "section": inner} if inner else found


def _narrative(section: Any, otherwise: str) -> dict[str, str]:
    """What the section itself says, as it is laid out, then its entries; `otherwise` when it says nothing."""
    text = section.find("text")
    own = narrative_block(text) if any(_own_text(section)) else ""
    lines = list(_entries(section)) or ([] if own else [otherwise])
    paragraphs = "".join(f"<p>{'<br/>'.join(_lines(line))}</p>" for line in lines)
    return {"status": "additional" if own else "generated", "div": f'<div xmlns="{XHTML}">{own}{paragraphs}</div>'}


def _lines(text: str) -> Iterator[str]:
    return (escape(line.strip(), quote=False) for line in text.splitlines())


def _own_text(section: Any) -> Iterator[str]:
    text = section.find("text")
    words = trimmed(" ".join(" ".join(text.itertext()).split())) if text is not None else None
    if words:
        yield words


def _entries(section: Any) -> Iterator[str]:
    """What each entry of the section itself says, as `name: value`."""
    for entry in section.iterfind("entry"):
        for part in entry.iter("observation", "procedure", "substanceAdministration"):
            line = _LINES[part.tag](part)
            if line:
                yield line


def _observation(part: Any) -> str:
    said = value_text(part.find("value"))
    code = part.find("code")
    name = trimmed(code.get("displayName")) if code is not None else None
    return f"{name}: {said}" if said and name else said


def _procedure(part: Any) -> str:
    return value_text(part.find("code"))


def _drug(part: Any) -> str:
    name = trimmed(part.findtext("consumable/manufacturedProduct/manufacturedLabeledDrug/name"))
    parts = [name, *(value_text(part.find(tag)) for tag in ("routeCode", "doseQuantity", "rateQuantity"))]
    return " ".join(text for text in parts if text)


_LINES = {"observation": _observation, "procedure": _procedure, "substanceAdministration": _drug}
