"""A place in a resource that refers to something."""

from typing import Any, Literal, NamedTuple

Links = Literal["", "narrative", "markdown"]
"""What kind of links a text has, if any: `href` and `src` of XHTML, or those of Markdown."""


class Slot(NamedTuple):
    """A string in a resource that may have to be replaced: `owner[key]`, which was `text` when it came in; with `links`
    only what these are in it."""

    owner: Any
    key: str | int
    text: str
    links: Links = ""
