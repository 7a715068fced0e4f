"""Withdrawals in one transaction: up to where what a document stated counts no more (Jiashan §5).

It shows in what is stated about its DocumentReference, and nothing is kept beside that: so it is taken back with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hie.base.draft import Contribution
from hie.pipeline.statements import Statements

ITSELF = ("Composition/", "DocumentReference/", "Patient/", "Encounter/")
"""Roots of which no version of a document is without: they are not left out by a new one."""

_REPORT = "DiagnosticReport/"
"""A root that a new version of a document states as a whole, results and all, if it states it at all: under another
report number it states another one (Jiashan §5, §6). What it says of the report otherwise stays (common rules §8)."""


@dataclass(frozen=True, slots=True)
class _Document:
    """What became of a document: order keys of its withdrawal, of its last own version (just before it), and of those
    that replace it, by their references."""

    withdrawn: str
    own: str
    replaced: Mapping[str, str]


class Withdrawals:
    """Where documents were withdrawn or stated anew; what is stated about each is read once."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._found: dict[str, _Document] = {}

    async def of(self, root: str, last: Mapping[str, str]) -> dict[str, str]:
        """Document -> the youngest order key at which it was withdrawn, or stated anew without this root, so that what
        it said about it counts no more. `last` are the documents that state something about the root, with the order
        key of the youngest statement. Without those of which nothing was taken back."""
        asked = [one for one in last if one.startswith("DocumentReference/")]
        await self._statements.foresee([one for one in asked if one not in self._found])
        for document in asked:
            if document not in self._found:
                stated = [placed.contribution for placed in await self._statements.about(document)]
                self._found[document] = _document(document, stated)
        orders = {one: max(self._found[one].withdrawn, self._left_out(root, one, last)) for one in asked}
        return {document: order for document, order in orders.items() if order}

    def _left_out(self, root: str, document: str, last: Mapping[str, str]) -> str:
        """Up to where a document or those that replace it leave out what it said of a root; empty if nowhere."""
        found = self._found[document]
        if root.startswith(ITSELF):
            return ""
        if not root.startswith(_REPORT):
            return max(found.own, *found.replaced.values(), "")
        own = found.own if last[document] < found.own else ""
        others = (order for one, order in found.replaced.items() if not self._stands(one, order, last))
        return max((own, *(order for order in others if last[document] < order)))

    def _stands(self, document: str, order: str, last: Mapping[str, str]) -> bool:
        """Whether a document states a root in its version of an order key, or a later one, and was not withdrawn."""
        said = last.get(document, "")
        return said >= order and said > self._found[document].withdrawn

    def forget(self, *documents: str) -> None:
        """Look anew: something was stated or taken back."""
        for document in documents:
            self._found.pop(document, None)


def _document(reference: str, stated: Sequence[Contribution]) -> _Document:
    """What became of a document, by what is stated about it. It states its entries anew up to just before itself, and
    those of one that it replaces."""
    withdrawn = max((one.order for one in stated if one.withdraw and one.source == reference), default="")
    own = max((one.order[:-1] for one in stated if one.source == reference and not one.withdraw), default="")
    replaced: dict[str, str] = {}
    for one in stated:
        if one.source and one.source != reference:
            replaced[one.source] = max(one.order, replaced.get(one.source, ""))
    return _Document(withdrawn, own, replaced)
