"""HL7 v2 data types: numbers told apart by their authority, documents in OBX-5."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hie.mapping.codefile import load_codes
from hie.mapping.context import Context
from hie.mapping.transforms.hl7v2 import attachment, identifiers, typed_number
from tests.mapping.transforms.notebook import Notebook

AUTHORITIES = """\
# table: authority
# kind: closed
# system: urn:x
source_system,code,display,target_system,target_code,target_display,equivalence,note
,一院HIS,患者ID,urn:k,2.16.156.10011.2.5.1.4,,,
,公安部,身份证,urn:k,2.16.156.10011.1.3,,,
"""
NUMBERS = (("320583198803150029", "", "", "公安部"), ("RM1", "", "", "一院HIS&2.999&ISO"), ("X", "", "", "别处"))
HELD = {"data": "JVBERg==", "size": 4}


def context(tmp_path: Path) -> Context:
    (tmp_path / "authority.csv").write_text(AUTHORITIES, encoding="utf-8")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Context(region="r", organisation="o", feed="f", received=at, codes=load_codes(tmp_path))


def test_the_authority_tells_the_kind_of_a_number(tmp_path: Path) -> None:
    at_work = context(tmp_path)
    found = identifiers(NUMBERS, at_work, types="authority", by=4)
    assert found is not None
    assert {slot: [one["value"] for one in held] for slot, held in found.items()} == {
        "identifier[]#2.16.156.10011.1.3": ["320583198803150029"],
        "identifier[]#2.16.156.10011.2.5.1.4": ["RM1"],
    }
    assert [one.code for one in at_work.findings] == ["code-unknown"], "the third is of nobody known"
    kind = "2.16.156.10011.2.5.1.4"
    assert typed_number(NUMBERS, at_work, types="authority", kind=kind, by=4) == "RM1"
    alone = (("RM2", "", "", "", "PI"),)
    assert typed_number(alone, at_work, types="authority", kind=kind, by=4, untyped=True) == "RM2"


@pytest.mark.parametrize(
    ("sent", "made", "codes"),
    [
        (("", "application", "pdf", "Base64", "JVB\nERg=="), {"contentType": "application/pdf", **HELD}, []),
        (("RIS", "AP", "PDF", "base64", "JVBERg=="), {"contentType": "application/pdf", **HELD}, []),
        (("", "PDF", "", "Base64", "JVBERg=="), {"contentType": "application/pdf", **HELD}, []),
        (("", "IM", "JPEG", "Hex", "25504446"), {"contentType": "image/jpeg", **HELD}, []),
        (("", "", "", "A", "%PDF"), HELD, []),
        (("", "application", "pdf", "Base64", "JVB*"), None, ["value-malformed"]),
        (("", "application", "pdf", "Base64", ""), None, []),
        (("双肺纹理清晰",), None, []),
        (("E11", "糖尿病", "I10", "", ""), None, []),
    ],
)
def test_a_document_in_a_result_is_an_attachment(
    sent: tuple[str, ...], made: dict[str, Any] | None, codes: list[str]
) -> None:
    notes: Any = Notebook()
    assert (attachment(sent, notes), notes.codes) == (made, codes)
