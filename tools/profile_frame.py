"""What all our conformance resources state alike: who publishes them, and names in Chinese and English."""

import tomllib
from collections.abc import Sequence
from html import escape
from typing import Any

from hie.base.data import data_path
from hie.base.systems import BASE

SOURCE = data_path("profiles", "hie", "source")
VERSION = "1.0.0"
DATE = "2026-11-23"
_XHTML = 'xmlns="http://www.w3.org/1999/xhtml" lang="zh-CN" xml:lang="zh-CN"'
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def read(name: str) -> dict[str, Any]:
    """A TOML table of the source folder."""
    return tomllib.loads((SOURCE / name).read_text(encoding="utf-8"))


def camel(name: str) -> str:
    """`gender-code` as `GenderCode`: the name for computers (constraint cnl-0)."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace(".", "-").split("-"))


def frame(kind: str, key: str, title: Sequence[str], /, **stated: Any) -> dict[str, Any]:
    """A conformance resource: the part that all have, its title as narrative, then `stated` without empty values."""
    head: dict[str, Any] = {"resourceType": kind, "id": key, "language": "zh-CN"}
    head["text"] = {"status": "generated", "div": f"<div {_XHTML}>{' · '.join(map(escape, title))}</div>"}
    return head | {name: value for name, value in stated.items() if value not in (None, "", [], {})}


def published() -> dict[str, Any]:
    """Status, date and publisher."""
    return {
        "status": "active",
        "date": DATE,
        "publisher": "健康信息交换 · the exchange",
        "jurisdiction": [{"coding": [{"system": "urn:iso:std:iso:3166", "code": "CN"}]}],
    }


def bilingual(element: str, pair: Sequence[str]) -> dict[str, Any]:
    """A string element in Chinese with its English translation, both halves of it."""
    zh, en = pair
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": en}]
    return {element: zh, f"_{element}": {"extension": [{"url": TRANSLATION, "extension": parts}]}}


def url_of(kind: str, name: str) -> str:
    """The canonical URL of one of our resources."""
    return f"{BASE}/fhir/{kind}/{name}"
