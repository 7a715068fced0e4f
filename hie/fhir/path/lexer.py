"""Text to tokens (FHIRPath N1 §"Lexical Elements")."""

import re
from typing import NamedTuple

from hie.base.errors import Category, HieError

_TIME = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_GRAMMAR: dict[str, str] = {
    "space": r"[ \t\r\n]+|//[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/",
    "datetime": rf"@\d{{4}}(?:-\d{{2}}(?:-\d{{2}})?)?T(?:{_TIME}(?:Z|[+-]\d{{2}}:\d{{2}})?)?",
    "date": r"@\d{4}(?:-\d{2}(?:-\d{2})?)?",
    "time": rf"@T{_TIME}",
    "long": r"\d+L\b",
    "number": r"\d+(?:\.\d+)?",
    "string": r"'(?:[^'\\]|\\.)*'",
    "quoted": r"`(?:[^`\\]|\\.)*`",
    "variable": r"%(?:[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*')",
    "special": r"\$(?:this|index|total)\b",
    "word": r"[A-Za-z_][A-Za-z0-9_]*",
    "sign": r"!=|!~|<=|>=|[-+*/&|=~<>().,\[\]{}]",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _GRAMMAR.items()), re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class Token(NamedTuple):
    """One token: its `kind` (a key of the grammar, or `end`), its text and where it starts."""

    kind: str
    text: str
    position: int


def invalid(message: str, position: int) -> HieError:
    """An error at a position of the expression; positions are counted from 1 for people."""
    return HieError(Category.INVALID, f"FHIRPath: {message} at position {position + 1}")


def unescape(text: str) -> str:
    """The characters inside quotes, escapes resolved."""
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        body = match.group(1)
        return chr(int(body[1:], 16)) if len(body) == 5 else _ESCAPED.get(body, body)

    return _ESCAPE.sub(one, text)


def tokens(text: str) -> list[Token]:
    """All tokens and a final `end`; raises `HieError(INVALID)` with the position of what is no token."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (text.startswith("/*", position) and match.lastgroup != "space"):
            raise invalid(f"unexpected character {text[position]!r}", position)
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), position))
        position = match.end()
    found.append(Token("end", "", len(text)))
    return found
