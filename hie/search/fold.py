"""Text normalised for string search: case, width and accents folded, white space collapsed (R4 search §3.1.1.4.8)."""

import unicodedata
from functools import lru_cache

_SOUNDEX = {
    letter: digit
    for letters, digit in (("bfpv", "1"), ("cgjkqsxz", "2"), ("dt", "3"), ("l", "4"), ("mn", "5"), ("r", "6"))
    for letter in letters
}


@lru_cache(maxsize=32768)
def fold(text: str) -> str:
    """`text` as it is stored and looked up: `"Ｍüller  Ａnna"` -> `"muller anna"`."""
    return fold_long(text)


def fold_long(text: str) -> str:
    """The same for a text that is not worth remembering."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(unicodedata.normalize("NFC", kept).split())


@lru_cache(maxsize=4096)
def phonetic(word: str) -> str:
    """The American Soundex code of a Latin word, `""` for anything else."""
    letters = [char for char in fold(word) if "a" <= char <= "z"]
    if not letters:
        return ""
    code, last = letters[0].upper(), _SOUNDEX.get(letters[0], "")
    for letter in letters[1:]:
        digit = _SOUNDEX.get(letter, "")
        if digit and digit != last:
            code += digit
        if letter not in "hw":
            last = digit
    return (code + "000")[:4]
