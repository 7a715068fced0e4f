"""Places in resources that refer to something, and what can be done about them before there is a transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hie.store.port import Ready

Links = Literal["", "narrative", "markdown"]
"""What kind of links a text has, if any: `href` and `src` of XHTML, or those of Markdown."""


class Slot(NamedTuple):
    """A string in a resource that may have to be replaced: `owner[key]`, which was `text` when it came in; with `links`
    only what these are in it."""

    owner: Any
    key: str | int
    text: str
    links: Links = ""


class Prepared(NamedTuple):
    """What is known of a transaction before it runs, by entry: its references, and the resources that are ready to be
    written (in the Bundle these have nothing but type and id), with what stands in for references in them
    (`hie.api.standin`). `indexed_by`: `SearchParameters.read_at` of those that their index entries go by."""

    slots: Mapping[int, Sequence[Slot]]
    ready: Mapping[int, Ready]
    stand_ins: Mapping[int, Mapping[str, str]]
    indexed_by: tuple[str, int] | None
