"""How concepts are found by what a user types: part of a name in any language, pinyin, initials, or the code."""

from collections.abc import Iterable, Sequence

from hie.base.pinyin import is_chinese, readings
from hie.search.fold import fold
from hie.terminology.concept import Concept

_LONGEST = 60
"""Characters of a Chinese name of which the pinyin is kept."""


def search_text(code: str, names: Iterable[str]) -> str:
    """All texts by which a concept is found, folded, one a line: code, names, pinyin joined and as initials.

    `search_text("E11", ["2型糖尿病"])` holds `e11`, `2型糖尿病`, `2xingtangniaobing`, `2xtnb`.
    """
    lines = [fold(code)]
    for name in names:
        lines.append(fold(name))
        if is_chinese(name):
            read = readings(name[:_LONGEST], surname=False)
            lines += [fold(form) for form in read if " " not in form]
    return "\n".join(dict.fromkeys(line for line in lines if line))


def text_of(concept: Concept) -> str:
    """`search_text` of a concept with all its designations."""
    return search_text(concept.code, (concept.display, *(row.value for row in concept.designations)))


def words_of(text: str | None) -> tuple[str, ...]:
    """What a filter text asks for: its folded words, all of which must be found."""
    return tuple(fold(text).split()) if text else ()


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether a search text has all words."""
    return all(word in text for word in words)
