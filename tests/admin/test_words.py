"""The catalogue of the operators' pages is complete in both languages."""

import re
from importlib import resources

from hie.admin.pages import PACKAGES
from hie.browse.words import catalogues

_KEY = re.compile(r"""\bt\(\s*'([a-z][\w.-]*)'\s*[,)]""")
_CJK = re.compile("[㐀-鿿]")


def test_both_languages_have_every_word_that_pages_use() -> None:
    words = catalogues(PACKAGES)
    templates = resources.files("hie.admin").joinpath("templates").iterdir()
    used = {key for entry in templates for key in _KEY.findall(entry.read_text("utf-8"))}
    assert len(used) > 30
    assert used - words["zh"].keys == set()
    assert used - words["en"].keys == set()
    assert words["zh"].keys == words["en"].keys
    assert [key for key in words["en"].keys if _CJK.search(words["en"](key)) and key != "html.other"] == []
