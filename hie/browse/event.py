"""One row of the timeline."""

from dataclasses import dataclass

from hie.browse.place import Place
from hie.browse.result import Result

KINDS = ("visit", "stay", "lab", "imaging", "document", "medication", "procedure", "other")
"""Kinds of events, in the order of their filter chips."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row. `type` and `id` name the resource that opens; `at` is China time and sorts; `until` ends a stay.

    `marks` are keys of words: amended, preliminary, withdrawn, cancelled, open. `results` are the abnormal ones, the
    gravest first; `normal` and `unmarked` count the rest. `copies` are other resources about the same event.
    `read` is what a single result says instead of `text`. `original` is the Binary of the document it came from,
    `visit` the Encounter it belongs to.
    """

    kind: str
    type: str
    id: str
    at: str
    place: Place
    title: str
    text: str = ""
    label: str = ""
    until: str = ""
    results: tuple[Result, ...] = ()
    normal: int = 0
    unmarked: int = 0
    marks: tuple[str, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()
    original: str = ""
    visit: str = ""
    read: tuple[Result, ...] = ()

    @property
    def abnormal(self) -> bool:
        """Whether a result is marked abnormal."""
        return bool(self.results)

    @property
    def critical(self) -> bool:
        """Whether a result is critical."""
        return any(r.flag.critical for r in self.results)

    @property
    def key(self) -> tuple[str, str, str]:
        """Sorts the stream; equal times are ordered by id, so pages never overlap."""
        return (self.at, self.type, self.id)

    @property
    def year(self) -> str:
        """Year of the event, empty when it has no date."""
        return self.at[:4]
