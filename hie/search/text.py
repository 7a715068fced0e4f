"""The words of a resource for `_text` and `_content`.

Text is folded and cut into *terms*: a run of letters and digits is one; of a run of Chinese (or Japanese, Korean)
characters, which has no blanks between its words, every two neighbours are one, and the last character. What is
searched is cut the same way, and each of its pieces must begin some term: `血压` finds what has `高血压`, `press` what
has `pressure`.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hie.search.fold import fold_long

_TAG = re.compile(r"<[^>]*>")
_NOT_CONTENT = frozenset(
    ("div", "data", "reference", "url", "system", "contentType", "id", "resourceType", "status", "meta")
)
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"[{_IDEOGRAPHS}]+|[^\W_{_IDEOGRAPHS}]+")
_WORD = re.compile(r"[a-z0-9]+")
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_LONGEST = 64
"""Characters of a term that count."""


def narrative_text(resource: Mapping[str, Any]) -> str:
    """The folded text of the narrative, markup taken away; `""` without one (`_text`)."""
    narrative = resource.get("text")
    div = narrative.get("div") if isinstance(narrative, Mapping) else None
    return fold_long(html.unescape(_TAG.sub(" ", div))) if isinstance(div, str) else ""


def content_text(resource: Mapping[str, Any]) -> str:
    """The folded words of the narrative and of every text value in the resource (`_content`)."""
    words = " ".join(_strings(resource))
    return f"{narrative_text(resource)} {fold_long(words)}".strip()


def terms(text: str) -> set[str]:
    """The terms of a folded text."""
    if text.isascii():
        return {word[:_LONGEST] for word in _WORD.findall(text)}
    found: set[str] = set()
    for run in _RUN.findall(text):
        if _ideographic(run):
            found.update(_pairs(run))
            found.add(run[-1])
        else:
            found.add(run[:_LONGEST])
    return found


def pieces(text: str) -> tuple[str, ...]:
    """What must each begin a term of a text in which the folded `text` is looked for; none when it has no word."""
    found: dict[str, None] = {}
    for run in _RUN.findall(text):
        found |= dict.fromkeys(_pairs(run) if _ideographic(run) and len(run) > 1 else [run[:_LONGEST]])
    return tuple(found)


def has_pieces(there: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether each of the pieces begins one of the terms."""
    known = set(there)
    return all(piece in known or any(term.startswith(piece) for term in known) for piece in wanted)


def _ideographic(run: str) -> bool:
    return _IDEOGRAPH.match(run) is not None


def _pairs(run: str) -> Iterator[str]:
    return (run[at : at + 2] for at in range(len(run) - 1))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _NOT_CONTENT:
                yield from _strings(item)
