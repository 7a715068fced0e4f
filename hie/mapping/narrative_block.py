"""The narrative block of a CDA section as XHTML of FHIR (CDA R2 §4.3.5, FHIR R4 narrative §2.4).

Paragraphs, lists, tables, line breaks, raised and lowered text and emphasis stay; anything else gives its words. No
attribute comes through but the span of a cell and the address of a web link.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

_LISTS = {"list": "ul", "ul": "ul", "ol": "ol"}
_PARAGRAPHS = frozenset({"paragraph", "p", "div"})
_GROUPS = frozenset({"thead", "tbody", "tfoot"})
_INLINE = {"sub": "sub", "sup": "sup", "b": "b", "strong": "b", "i": "i", "em": "i"}
_STYLES = {"Bold": "b", "Emphasis": "i", "Italics": "i"}
_APART = frozenset({*_LISTS, *_PARAGRAPHS, "table", "tr", "td", "th", "item", "li", "caption", "title"})
"""Elements whose words stand apart from those around them, wherever they are."""

_UNSAID = frozenset({"script", "style"})
_WEB = re.compile(r"https?://\S+")


def narrative_block(text: Any) -> str:
    """The blocks of a `text` element whose elements have no namespace; empty when it says nothing."""
    return "".join(_flow(text))


def _flow(element: Any) -> Iterator[str]:
    """The blocks in an element; words between them become paragraphs."""
    run = [escape(element.text or "", quote=False)]
    for child in element:
        if _is_block(child):
            yield from _paragraph(run)
            yield from _block(child)
            run = []
        else:
            run.append(_inline(child))
        run.append(escape(child.tail or "", quote=False))
    yield from _paragraph(run)


def _paragraph(run: list[str]) -> Iterator[str]:
    if words := _folded("".join(run)):
        yield f"<p>{words}</p>"


def _folded(words: str) -> str:
    return " ".join(words.split())


def _is_block(element: Any) -> bool:
    return element.tag in _PARAGRAPHS or element.tag in _LISTS or element.tag == "table"


def _block(element: Any) -> Iterator[str]:
    if element.tag == "table" and element.find(".//tr") is not None:
        yield _table(element)
    elif element.tag in _LISTS:
        items = "".join(f"<li>{_cell(one)}</li>" for one in element if one.tag in ("item", "li"))
        yield from _paragraph([_caption(element)])
        tag = "ol" if element.get("listType") == "ordered" else _LISTS[element.tag]
        yield f"<{tag}>{items}</{tag}>" if items else ""
    else:
        yield from _flow(element)


def _caption(element: Any) -> str:
    caption = element.find("caption")
    return _words(caption) if caption is not None else ""


def _table(element: Any) -> str:
    parts = [f"<caption>{caption}</caption>" if (caption := _folded(_caption(element))) else ""]
    for part in element:
        if part.tag in _GROUPS and (rows := "".join(map(_row, part.iterfind("tr")))):
            parts.append(f"<{part.tag}>{rows}</{part.tag}>")
        elif part.tag == "tr":
            parts.append(_row(part))
    return f"<table>{''.join(parts)}</table>"


def _row(row: Any) -> str:
    cells = (cell for cell in row if cell.tag in ("td", "th"))
    return f"<tr>{''.join(f'<{cell.tag}{_spans(cell)}>{_cell(cell)}</{cell.tag}>' for cell in cells)}</tr>"


def _spans(cell: Any) -> str:
    spans = ((name, cell.get(name) or "") for name in ("colspan", "rowspan"))
    return "".join(f' {name}="{span}"' for name, span in spans if span.isascii() and span.isdecimal())


def _cell(element: Any) -> str:
    """What is in a cell or an item; one paragraph needs no element of its own."""
    blocks = list(_flow(element))
    alone = len(blocks) == 1 and blocks[0].startswith("<p>")
    return blocks[0][len("<p>") : -len("</p>")] if alone else "".join(blocks)


def _words(element: Any) -> str:
    """All that an element says, in one line."""
    parts = [escape(element.text or "", quote=False)]
    for child in element:
        parts += [_inline(child), escape(child.tail or "", quote=False)]
    return "".join(parts)


def _inline(element: Any) -> str:
    if element.tag == "br":
        return "<br/>"
    words = _words(element) if element.tag not in _UNSAID else ""
    if not words.strip():
        return words
    if element.tag == "linkHtml" and _WEB.fullmatch(element.get("href") or ""):
        return f'<a href="{escape(element.get("href"))}">{words}</a>'
    if element.tag == "footnote":
        return f" [{_folded(words)}]"
    style = _STYLES.get((element.get("styleCode") or "").strip()) if element.tag == "content" else None
    if tag := style or _INLINE.get(element.tag):
        return f"<{tag}>{words}</{tag}>"
    return f" {words} " if element.tag in _APART else words
