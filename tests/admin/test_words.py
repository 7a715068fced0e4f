"""The catalogue of the operators' pages is complete in both languages."""

import re
from importlib import resources

from hie.admin.held import ACTS
from hie.admin.pages import PACKAGES, TROUBLES
from hie.base.finding import Disposition, Severity
from hie.browse.words import catalogues
from hie.staging.states import State

_KEY = re.compile(r"""\bt\(\s*'([a-z][\w.-]*)'\s*[,)]""")
_CJK = re.compile("[㐀-鿿]")


def test_both_languages_have_every_word_that_pages_use() -> None:
    words = catalogues(PACKAGES)
    templates = resources.files("hie.admin").joinpath("templates").iterdir()
    used = {key for entry in templates for key in _KEY.findall(entry.read_text("utf-8"))}
    used |= {f"q.state-{state}" for state in State} | {f"q.disposition-{one}" for one in Disposition}
    used |= {f"q.severity-{severity}" for severity in Severity} | {f"q.done-{act}" for act in (*ACTS, "failed")}
    used |= {f"q.trouble-{kind}" for kind in (*TROUBLES.values(), "failed")}
    assert len(used) > 30
    assert used - words["zh"].keys == set()
    assert used - words["en"].keys == set()
    assert words["zh"].keys == words["en"].keys
    assert [key for key in words["en"].keys if _CJK.search(words["en"](key)) and key != "html.other"] == []
