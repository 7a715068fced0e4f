"""Withdrawals in one transaction: up to where what a document stated counts no more (Jiashan §5).

It shows in what is stated about its DocumentReference, and nothing is kept beside that: so it is taken back with it.
"""

from collections.abc import Iterable

from hie.base.draft import Contribution
from hie.pipeline.statements import Statements

WHOLE = ("Composition/", "DiagnosticReport/", "DocumentReference/", "Patient/", "Encounter/")
"""Roots that a new version of a document states as a whole, results and all; other entries may be missing in it."""


class Withdrawals:
    """Where documents were withdrawn or stated anew; what is stated about each is read once."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._found: dict[str, tuple[str, str]] = {}

    async def of(self, documents: Iterable[str], *, whole: bool) -> dict[str, str]:
        """Document -> the youngest order key at which it was withdrawn; `whole` False: or at which its entries were
        stated anew, so that those which were not count no more. Without those of which nothing was taken back."""
        asked = [one for one in documents if one.startswith("DocumentReference/")]
        await self._statements.foresee([one for one in asked if one not in self._found])
        orders = {}
        for document in asked:
            if document not in self._found:
                stated = [placed.contribution for placed in await self._statements.about(document)]
                self._found[document] = _withdrawn(document, stated), _restated(document, stated)
            withdrawn, restated = self._found[document]
            orders[document] = withdrawn if whole else max(withdrawn, restated)
        return {document: order for document, order in orders.items() if order}

    def forget(self, *documents: str) -> None:
        """Look anew: something was stated or taken back."""
        for document in documents:
            self._found.pop(document, None)


def _withdrawn(document: str, stated: Iterable[Contribution]) -> str:
    return max((one.order for one in stated if one.withdraw and one.source == document), default="")


def _restated(document: str, stated: Iterable[Contribution]) -> str:
    """A document states its entries anew up to just before itself, and those of one that it replaces."""
    own = [one.order[:-1] for one in stated if one.source == document and not one.withdraw]
    others = [one.order for one in stated if one.source and one.source != document]
    return max((*own, *others), default="")
