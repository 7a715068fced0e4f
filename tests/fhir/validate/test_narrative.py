"""Narrative XHTML."""

import pytest

from hie.fhir.validate.narrative import narrative_faults


def div(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


@pytest.mark.parametrize(
    "inner",
    [
        "text",
        '<p class="x" style="color: red">a<br/>b</p>',
        '<table border="1"><tr><td colspan="2">x</td></tr></table>',
        '<a href="http://x.org" name="y">x</a>',
        '<img src="#img" alt="x"/>',
        "&lt;&#20013;&#x4e2d;",
    ],
)
def test_basic_formatting_is_allowed(inner: str) -> None:
    assert list(narrative_faults(div(inner))) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (div("<script>x</script>"), "txt-1"),
        (div('<p onclick="x">x</p>'), "txt-1"),
        (div("<form>x</form>"), "txt-1"),
        (div('<a href="javascript:x">x</a>'), "txt-1"),
        (div("&nbsp;"), "txt-1"),
        (div("<p>x"), "txt-1"),
        (div('<x:p xmlns:x="http://other">x</x:p>'), "txt-1"),
        ("<div>x</div>", "txt-1"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">x</p>', "txt-1"),
        ("<!DOCTYPE div [<!ENTITY a 'b'>]>" + div("&a;"), "txt-1"),
        (div("<p> </p>"), "txt-2"),
    ],
)
def test_a_narrative_against_the_rules_is_named_by_its_constraint(text: str, rule: str) -> None:
    assert [fault[0] for fault in narrative_faults(text)] == [rule]
