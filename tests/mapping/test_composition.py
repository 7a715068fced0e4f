"""Sections of a Composition: what a CDA section says, laid out as it was (FHIR R4 narrative §2.4)."""

from typing import Any

import pytest
from lxml import etree

from hie.fhir.definitions import official
from hie.fhir.validate.validator import Validator
from hie.mapping.composition import sections

OPEN, CLOSE = '<div xmlns="http://www.w3.org/1999/xhtml">', "</div>"


def text_of(inside: str) -> dict[str, Any]:
    """The narrative of a section with that content."""
    document = f"<D><component><structuredBody><component><section>{inside}</section></component></structuredBody>"
    (section,) = sections(etree.fromstring(f"{document}</component></D>"))
    found: dict[str, Any] = section["text"]
    return found


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ("咳嗽 \n 一周", "<p>咳嗽 一周</p>"),
        ("10<sup>9</sup>/L，H<sub>2</sub>O", "<p>10<sup>9</sup>/L，H<sub>2</sub>O</p>"),
        ("甲<br/>乙", "<p>甲<br/>乙</p>"),
        ("<paragraph>甲</paragraph>乙<paragraph/>", "<p>甲</p><p>乙</p>"),
        ('高<content ID="c" styleCode="Bold">压</content>升', "<p>高<b>压</b>升</p>"),
        ("<list><caption>清单</caption><item>甲</item><item/></list>", "<p>清单</p><ul><li>甲</li><li></li></ul>"),
        (
            '<list listType="ordered"><item><paragraph>甲</paragraph><list><item>乙</item></list></item></list>',
            "<ol><li><p>甲</p><ul><li>乙</li></ul></li></ol>",
        ),
        (
            '<table border="1"><caption>表</caption><thead><tr><th colspan="2">项目</th></tr></thead>'
            "<tbody><tr><td>红细胞</td><td/></tr></tbody></table>",
            '<table><caption>表</caption><thead><tr><th colspan="2">项目</th></tr></thead>'
            "<tbody><tr><td>红细胞</td><td></td></tr></tbody></table>",
        ),
        ("<table>无行</table>", "<p>无行</p>"),
        (
            '<linkHtml href="https://a.example/?b&amp;c">甲</linkHtml>',
            '<p><a href="https://a.example/?b&amp;c">甲</a></p>',
        ),
        ('<linkHtml href="javascript:x()">甲</linkHtml>', "<p>甲</p>"),
        ("甲<footnote>注</footnote>", "<p>甲 [注]</p>"),
        ("甲<content><table><tr><td>乙</td><td>丙</td></tr></table></content>", "<p>甲 乙 丙</p>"),
        ("甲<script>x()</script><![CDATA[<b>&]]>", "<p>甲&lt;b&gt;&amp;</p>"),
    ],
)
def test_a_narrative_block_keeps_its_layout(block: str, shown: str) -> None:
    text = text_of(f"<text>{block}</text>")
    assert text == {"status": "additional", "div": f"{OPEN}{shown}{CLOSE}"}
    resource = {"resourceType": "Basic", "text": text, "code": {"text": "x"}}
    assert Validator(official()).write_issues(resource) == []


@pytest.mark.parametrize("block", ["", "<text/>", "<text> <br/><paragraph/></text>"])
def test_without_a_narrative_the_entries_are_told(block: str) -> None:
    value = "<value>第一行\n第二行 &lt;1</value>"
    entry = f'<entry><observation><code displayName="现病史"/>{value}</observation></entry>'
    assert text_of(block + entry) == {
        "status": "generated",
        "div": f"{OPEN}<p>现病史: 第一行<br/>第二行 &lt;1</p>{CLOSE}",
    }
    assert text_of(f'<code displayName="主诉"/>{block}')["div"] == f"{OPEN}<p>主诉</p>{CLOSE}"
