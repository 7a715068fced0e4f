"""Withdrawals in one transaction: up to where what a document stated counts no more (Jiashan §5).

It shows in what is stated about its DocumentReference, and nothing is kept beside that: so it is taken back with it.
"""

from collections.abc import Iterable, Mapping

from hie.base.draft import Contribution
from hie.pipeline.statements import Statements

ITSELF = ("Composition/", "DocumentReference/", "Patient/", "Encounter/")
"""Roots of which no version of a document is without: they are not left out by a new one."""

_REPORT = "DiagnosticReport/"
"""A root that a new version of a document states as a whole, results and all, if it states it at all: under another
report number it states another one (Jiashan §5, §6)."""


class Withdrawals:
    """Where documents were withdrawn or stated anew; what is stated about each is read once."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._found: dict[str, tuple[str, str]] = {}

    async def of(self, root: str, last: Mapping[str, str]) -> dict[str, str]:
        """Document -> the youngest order key at which it was withdrawn, or stated anew without this root, so that what
        it said about it counts no more. `last` are the documents that state something about the root, with the order
        key of the youngest statement. Without those of which nothing was taken back."""
        asked = [one for one in last if one.startswith("DocumentReference/")]
        await self._statements.foresee([one for one in asked if one not in self._found])
        orders = {}
        for document in asked:
            if document not in self._found:
                stated = [placed.contribution for placed in await self._statements.about(document)]
                self._found[document] = _withdrawn(document, stated), _restated(document, stated)
            withdrawn, restated = self._found[document]
            orders[document] = max(withdrawn, restated if _leaves_out(root, last[document], restated) else "")
        return {document: order for document, order in orders.items() if order}

    def forget(self, *documents: str) -> None:
        """Look anew: something was stated or taken back."""
        for document in documents:
            self._found.pop(document, None)


def _leaves_out(root: str, last: str, restated: str) -> bool:
    return not root.startswith(ITSELF) and (not root.startswith(_REPORT) or last < restated)


def _withdrawn(document: str, stated: Iterable[Contribution]) -> str:
    return max((one.order for one in stated if one.withdraw and one.source == document), default="")


def _restated(document: str, stated: Iterable[Contribution]) -> str:
    """A document states its entries anew up to just before itself, and those of one that it replaces."""
    own = [one.order[:-1] for one in stated if one.source == document and not one.withdraw]
    others = [one.order for one in stated if one.source and one.source != document]
    return max((*own, *others), default="")
