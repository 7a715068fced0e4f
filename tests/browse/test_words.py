"""The catalogue is complete in both languages, and no template or constant asks for a word it lacks."""

import re
from importlib import resources

import pytest

from hie.browse.event import KINDS
from hie.browse.filters import SPANS
from hie.browse.person import KINDS as NUMBERS
from hie.browse.place import REGIONS
from hie.browse.result import FLAGS, SAID, UNKNOWN
from hie.browse.source import TYPES
from hie.browse.words import catalogues

WORDS = catalogues()
_CJK = re.compile("[㐀-鿿]")
_KEY = re.compile(r"""\bt\(\s*'([a-z][\w.-]*)'\s*[,)]""")
_FACT = re.compile(r'"(fact\.[a-z-]+)"')
_CHOICE = re.compile(r"""\bt\('([\w.-]+)' if [^)]*? else '([\w.-]+)'""")


def used_keys() -> set[str]:
    """Every key that a template or module names."""
    keys: set[str] = set()
    package = resources.files("hie.browse")
    for entry in package.joinpath("templates").iterdir():
        text = entry.read_text("utf-8")
        keys |= set(_KEY.findall(text))
        keys |= {key for pair in _CHOICE.findall(text) for key in pair}
    for entry in package.iterdir():
        if entry.name.endswith(".py"):
            keys |= set(_FACT.findall(entry.read_text("utf-8")))
    keys |= {f"span.{s}" for s in SPANS} | {f"region.{r}" for r in REGIONS} | {f"type.{t}" for t in TYPES}
    keys |= {f"kind.{k}" for k in KINDS} | {f"kind.{k}-title" for k in KINDS}
    keys |= {f"flag.{f.code}" for f in (*FLAGS.values(), UNKNOWN)} | {f"number.{n}" for n in NUMBERS.values()}
    keys |= {f"said.{s}" for s in SAID} | {"report.from", "report.in"}
    keys |= {f"mark.{m}" for m in ("amended", "preliminary", "withdrawn", "cancelled", "open")}
    keys |= {f"alert.allergy-{s}" for s in ("none-known", "not-recorded", "unreachable")}
    keys |= {f"trouble.{k}" for k in ("missing", "trouble", "missing-hint", "trouble-hint")}
    return keys | {"banner.years", "banner.months", "number.other-number"}


def test_both_languages_have_the_same_keys() -> None:
    assert WORDS["zh"].keys ^ WORDS["en"].keys == set()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_key_is_missing(language: str) -> None:
    used = used_keys()
    assert len(used) > 150
    assert used - WORDS[language].keys == set()


def test_english_has_no_chinese() -> None:
    assert [k for k in WORDS["en"].keys if _CJK.search(WORDS["en"](k)) and k != "html.other"] == []


def test_both_languages_have_the_same_placeholders() -> None:
    holders = re.compile(r"\{\w+\}")
    differing = [
        k for k in WORDS["zh"].keys if set(holders.findall(WORDS["zh"](k))) != set(holders.findall(WORDS["en"](k)))
    ]
    assert differing == []


def test_an_unknown_key_raises() -> None:
    with pytest.raises(KeyError):
        WORDS["zh"]("no.such.key")


def test_names_are_words_where_the_catalogue_has_none() -> None:
    for words in catalogues(names={"region.hangzhou": "杭州市", "region.qingpu": "青浦区"}).values():
        assert words.maybe("region.hangzhou", "hangzhou") == "杭州市"
        assert words("region.qingpu") in ("青浦", "Qingpu")
