"""The words of a resource for `_text` and `_content`; read only when a store keeps a text index."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hie.search.fold import fold

_TAG = re.compile(r"<[^>]*>")
_NOT_CONTENT = frozenset(("div", "data", "reference", "url", "system", "contentType", "id", "resourceType", "status"))


def narrative_text(resource: Mapping[str, Any]) -> str:
    """The folded text of the narrative, markup taken away; `""` without one (`_text`)."""
    narrative = resource.get("text")
    div = narrative.get("div") if isinstance(narrative, Mapping) else None
    return fold(html.unescape(_TAG.sub(" ", div))) if isinstance(div, str) else ""


def content_text(resource: Mapping[str, Any]) -> str:
    """The folded words of the narrative and of every text value in the resource (`_content`)."""
    words = " ".join(_strings(resource))
    return f"{narrative_text(resource)} {fold(words)}".strip()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _NOT_CONTENT:
                yield from _strings(item)
