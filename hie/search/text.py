"""The words of a resource for `_text` and `_content`.

Text is folded and cut into *terms*: a run of letters and digits is one; of a run of Chinese (or Japanese, Korean)
characters, which has no blanks between its words, every two neighbours are one, and the last character. What is
searched is cut the same way, and each of its pieces must begin some term: `血压` finds what has `高血压`, `press` what
has `pressure`.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import lru_cache
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
_SHORT = 64
"""Characters up to which the terms of a text are remembered: names, codes and units come again and again."""


def narrative_terms(resource: Mapping[str, Any]) -> set[str]:
    """The terms of the narrative, markup taken away (`_text`)."""
    narrative = resource.get("text")
    div = narrative.get("div") if isinstance(narrative, Mapping) else None
    return terms(fold_long(html.unescape(_TAG.sub(" ", div)))) if isinstance(div, str) else set()


def content_terms(resource: Mapping[str, Any]) -> set[str]:
    """The terms of the narrative and of every text value in the resource (`_content`)."""
    texts: set[str] = set()
    _collect(resource, texts)
    return narrative_terms(resource).union(*map(_terms_of, texts))


def _terms_of(text: str) -> Set[str]:
    return _remembered(text) if len(text) <= _SHORT else terms(fold_long(text))


@lru_cache(maxsize=16_384)
def _remembered(text: str) -> frozenset[str]:
    return frozenset(terms(fold_long(text)))


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


def _collect(value: Any, texts: set[str]) -> None:
    kind = value.__class__
    if kind is str:
        texts.add(value)
    elif kind is list:
        for item in value:
            _collect(item, texts)
    elif kind is dict:
        for key, item in value.items():
            if item.__class__ is str:
                if key not in _NOT_CONTENT:
                    texts.add(item)
            elif key not in _NOT_CONTENT:
                _collect(item, texts)
