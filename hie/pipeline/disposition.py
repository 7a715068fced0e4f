"""From the dispositions of parts to that of the item (common rules §2.1, Qingpu §3)."""

from collections.abc import Sequence

from hie.base.finding import STORED, Disposition, Finding, Severity, disposition, gravest
from hie.base.outcome import PartOutcome

_D = Disposition


def item_disposition(findings: Sequence[Finding], parts: Sequence[PartOutcome]) -> Disposition:
    """The disposition of an item: its own reject or quarantine decides; else what became of its parts.

    A single part gives its own disposition. Of several: anything stored makes it accepted, with warnings when any part
    was not simply accepted; nothing stored and something quarantined makes it quarantined; else rejected. A copy of a
    rejected part is as rejected as that one; a copy of one that waits needs no decision of its own.
    """
    worst = gravest(findings)
    if worst in (Severity.REJECT, Severity.QUARANTINE) or not parts:
        return disposition(findings)
    kinds = {_D.REJECTED if part.original is _D.REJECTED else part.disposition for part in parts}
    if len(parts) == 1 and _D.DUPLICATE not in kinds and worst is Severity.INFO:
        return kinds.pop()
    if kinds & STORED:
        clean = kinds <= {_D.ACCEPTED, _D.DUPLICATE} and worst is Severity.INFO
        return _D.ACCEPTED if clean else _D.ACCEPTED_WITH_WARNINGS
    return _D.QUARANTINED if _D.QUARANTINED in kinds else _D.REJECTED
