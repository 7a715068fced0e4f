"""The message catalogue: every word of the pages, in Chinese and English, by key.

Catalogues are `words/zh.toml` and `words/en.toml`; tests hold them to the same keys and to every key that pages use.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

LANGUAGES = ("zh", "en")
"""The first one is the default."""

PACKAGES = ("hie.browse",)
"""Where words, templates and static files are looked for."""


class Words:
    """The words of one language; call with a key and the values of its placeholders."""

    def __init__(self, language: str, words: Mapping[str, str], fallback: Mapping[str, str] | None = None) -> None:
        self.language = language
        self._words = words
        self._fallback = fallback or {}

    def __call__(self, key: str, **values: object) -> str:
        """The word for `key`; raises KeyError for a key that no catalogue has."""
        word = self._words.get(key) or self._fallback[key]
        return word.format(**values) if values else word

    def maybe(self, key: str, otherwise: str) -> str:
        """The word for `key`, or `otherwise`: for codes of open lists."""
        return self._words.get(key) or self._fallback.get(key) or otherwise

    @property
    def keys(self) -> frozenset[str]:
        """All keys of this language."""
        return frozenset(self._words)


def catalogues(packages: Sequence[str] = PACKAGES, names: Mapping[str, str] | None = None) -> dict[str, Words]:
    """Both languages, read from this package or several, of which the first one that has a key counts; `names` are
    words of either language for keys that none has (`region.hangzhou`)."""
    flat = {language: {**(names or {}), **_merged(packages, language)} for language in LANGUAGES}
    return {language: Words(language, words, flat[LANGUAGES[0]]) for language, words in flat.items()}


def _merged(packages: Sequence[str], language: str) -> dict[str, str]:
    return {key: word for name in reversed(packages) for key, word in _read(name, language).items()}


def _read(package: str, language: str) -> dict[str, str]:
    text = resources.files(package).joinpath(f"words/{language}.toml").read_text("utf-8")
    return dict(_flatten(tomllib.loads(text)))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        found += _flatten(value, f"{name}.") if isinstance(value, Mapping) else [(name, str(value))]
    return found
