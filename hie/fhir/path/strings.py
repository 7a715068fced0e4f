"""String functions (FHIRPath N1 §"String Manipulation")."""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from functools import lru_cache

from hie.base.pattern import explodes
from hie.fhir.path.function import Function, one, text, whole
from hie.fhir.path.node import Values
from hie.fhir.path.scope import Evaluation, PathError

_PATTERN = 500
"""Characters of the longest pattern where steps are limited."""

_SHORT = 20
"""Characters for which even a pattern that explodes is quick."""

_LONGEST = 1_000_000
Work = Callable[..., object]


def _check(length: int) -> None:
    """Refuse to make a string of more than `_LONGEST` characters."""
    if length > _LONGEST:
        raise PathError("the string grows too long")


def _strings(work: Work, low: int, high: int) -> Function:
    """A function of strings: empty when the subject or an argument is."""

    def run(evaluation: Evaluation, items: Values, *arguments: Values) -> Values:
        values = [text(items), *(text(argument) for argument in arguments)]
        if None in values:
            return []
        found = work(*values)
        return found if isinstance(found, list) else one(found)

    return Function(run, low, high)


def _substring(evaluation: Evaluation, items: Values, start: Values, length: Values | None = None) -> Values:
    subject, first = text(items), whole(start)
    if subject is None or first is None or not 0 <= first < len(subject):
        return []
    size = whole(length) if length is not None else None
    return [subject[first:] if size is None else subject[first : first + max(0, size)]]


@lru_cache(maxsize=256)
def _pattern(source: str) -> re.Pattern[str]:
    try:
        return re.compile(source, re.DOTALL)
    except re.error:
        raise PathError("not a regular expression that can be read") from None


def _regex(evaluation: Evaluation, source: str, subject: str) -> re.Pattern[str]:
    """The compiled pattern. Where steps are limited, what could run for ever is refused: repeats within repeats."""
    evaluation.spend(1 + len(subject) // 100)
    if evaluation.left >= 0:
        if len(source) > _PATTERN:
            raise PathError(f"a pattern of more than {_PATTERN} characters")
        if len(subject) > _SHORT and explodes(source):
            raise PathError("a repeat of a repeat or of a choice is not allowed on long strings")
    return _pattern(source)


def _matches(full: bool) -> Function:
    def run(evaluation: Evaluation, items: Values, pattern: Values, flags: Values | None = None) -> Values:
        subject, source = text(items), text(pattern)
        if subject is None or source is None:
            return []
        compiled = _regex(evaluation, source, subject)
        return [(compiled.fullmatch(subject) if full else compiled.search(subject)) is not None]

    return Function(run, 1, 2)


_DOLLAR = re.compile(r"\$(?:(\d)|\{(\w+)\})")


def _replace_matches(evaluation: Evaluation, items: Values, pattern: Values, by: Values, *flags: Values) -> Values:
    subject, source, replacement = text(items), text(pattern), text(by)
    if subject is None or source is None or replacement is None:
        return []
    if not source:
        return [subject]
    _check(len(subject) * (1 + len(replacement)))
    template = _DOLLAR.sub(lambda m: rf"\g<{m[1] or m[2]}>", replacement.replace("\\", "\\\\"))
    try:
        return [_regex(evaluation, source, subject).sub(template, subject)]
    except (re.error, IndexError):
        raise PathError("the substitution names a group that is not there") from None


def _join(evaluation: Evaluation, items: Values, separator: Values | None = None) -> Values:
    parts = [part for part in (text([item]) for item in items) if part is not None]
    if not items:
        return []
    between = text(separator) or "" if separator is not None else ""
    _check(sum(map(len, parts)) + len(between) * len(parts))
    return [between.join(parts)]


def _replace(subject: str, old: str, new: str) -> str:
    _check(len(subject) + subject.count(old) * len(new))
    return subject.replace(old, new)


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.hexlify,
    "base64": base64.b64encode,
    "urlbase64": base64.urlsafe_b64encode,
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.unhexlify,
    "base64": lambda raw: base64.b64decode(raw, validate=True),
    "urlbase64": base64.urlsafe_b64decode,
}


def _encode(subject: str, name: str) -> str | None:
    coder = _ENCODERS.get(name)
    return coder(subject.encode()).decode() if coder else None


def _decode(subject: str, name: str) -> str | None:
    coder = _DECODERS.get(name)
    try:
        return coder(subject.encode()).decode() if coder else None
    except (ValueError, binascii.Error):
        return None


def _escape(subject: str, name: str) -> str | None:
    if name == "html":
        return html.escape(subject)
    return json.dumps(subject, ensure_ascii=False)[1:-1] if name == "json" else None


def _unescape(subject: str, name: str) -> str | None:
    if name == "html":
        return html.unescape(subject)
    if name != "json":
        return None
    try:
        return str(json.loads(f'"{subject}"'))
    except ValueError:
        return subject if '"' in subject else None


FUNCTIONS: dict[str, Function] = {
    "indexOf": _strings(lambda subject, part: subject.find(part), 1, 1),
    "lastIndexOf": _strings(lambda subject, part: subject.rfind(part), 1, 1),
    "substring": Function(_substring, 1, 2),
    "startsWith": _strings(lambda subject, part: subject.startswith(part), 1, 1),
    "endsWith": _strings(lambda subject, part: subject.endswith(part), 1, 1),
    "contains": _strings(lambda subject, part: part in subject, 1, 1),
    "upper": _strings(lambda subject: subject.upper(), 0, 0),
    "lower": _strings(lambda subject: subject.lower(), 0, 0),
    "replace": _strings(_replace, 2, 2),
    "matches": _matches(False),
    "matchesFull": _matches(True),
    "replaceMatches": Function(_replace_matches, 2, 3),
    "length": _strings(len, 0, 0),
    "toChars": _strings(lambda subject: list(subject), 0, 0),
    "trim": _strings(lambda subject: subject.strip(), 0, 0),
    "split": _strings(lambda subject, by: subject.split(by) if by else list(subject), 1, 1),
    "join": Function(_join, 0, 1),
    "encode": _strings(_encode, 1, 1),
    "decode": _strings(_decode, 1, 1),
    "escape": _strings(_escape, 1, 1),
    "unescape": _strings(_unescape, 1, 1),
}
"""Name -> function."""
