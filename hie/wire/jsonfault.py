"""Where a JSON text breaks a limit: the slow and exact second look after `hie.wire.safejson` refused it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """What a JSON text may hold: `bytes` in all, nesting `depth`, `containers` (objects and arrays),
    `digits` (characters of one number) and the power of ten that `exponent` may reach either way."""

    bytes: int = 64 * 1024 * 1024
    depth: int = 200
    containers: int = 2_000_000
    digits: int = 64
    exponent: int = 300

    def exponent_fits(self, number: str) -> bool:
        """Whether the exponent written in `number`, if any, is within the limit."""
        mantissa, mark, power = number.replace("E", "e").partition("e")
        return not mark or (len(power) <= 5 and abs(int(power)) + len(mantissa) <= self.exponent)


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason, without the text at fault, and its offset."""

    reason: str
    position: int


_LEXEME = re.compile(
    r'(?P<string>"(?:[^"\\]++|\\.)*+")|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
    r"|(?P<word>[-A-Za-z]+)|(?P<mark>[{}\[\],:])",
    re.DOTALL,
)
_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class _Walk:
    """The open containers: for an object the keys seen so far, for an array `None`."""

    limits: JsonLimits
    open: list[set[str] | None] = field(default_factory=list)
    containers: int = 0

    def string(self, lexeme: str, key: bool) -> str | None:
        """A string or a key."""
        try:
            content = json.loads(lexeme) if "\\" in lexeme else lexeme[1:-1]
        except ValueError:
            return "not a JSON string"
        if _HALF_PAIR.search(content):
            return "half a surrogate pair"
        keys = self.open[-1] if self.open and key else None
        if keys is None:
            return None
        if content in keys:
            return "duplicate key"
        keys.add(content)
        return None

    def number(self, lexeme: str) -> str | None:
        """A number."""
        if len(lexeme) > self.limits.digits:
            return "number with too many digits"
        return None if self.limits.exponent_fits(lexeme) else "exponent too large"

    def word(self, lexeme: str) -> str | None:
        """`true`, `false`, `null`, or no JSON."""
        return None if lexeme in ("true", "false", "null") else "not a JSON value"

    def mark(self, lexeme: str) -> str | None:
        """A bracket, comma or colon."""
        if lexeme in "}]":
            if self.open:
                self.open.pop()
            return None
        if lexeme in "{[":
            self.containers += 1
            self.open.append(set() if lexeme == "{" else None)
        if len(self.open) > self.limits.depth:
            return "nested too deep"
        return "too many objects and arrays" if self.containers > self.limits.containers else None


def first_fault(text: str, limits: JsonLimits) -> Fault | None:
    """The first place that breaks a limit, or `None` when the text only fails as JSON."""
    walk = _Walk(limits)
    checks: dict[str, Callable[[str], str | None]] = {"number": walk.number, "word": walk.word, "mark": walk.mark}
    for match in _LEXEME.finditer(text):
        kind = match.lastgroup or ""
        if kind == "string":
            reason = walk.string(match[0], text[match.end() : match.end() + 64].lstrip(" \t\r\n").startswith(":"))
        else:
            reason = checks[kind](match[0])
        if reason is not None:
            return Fault(reason, match.start())
    return None
