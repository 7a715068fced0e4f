"""What only stored state shows about what a part states: ids used before, its age, patients merged away, cancellations
of what is not there."""

from collections.abc import Iterable

from hie.base.draft import Claim, Contribution, Draft, Key
from hie.base.finding import Finding, finding
from hie.base.slots import assemble
from hie.fold.fold import Folded
from hie.pipeline.codec import decode_findings
from hie.pipeline.known import Known
from hie.pipeline.roots import Roots
from hie.staging.tables import PART
from hie.store.port import Transaction

REUSED = "control-id-reused"

RECORDS = frozenset(
    {"Composition", "Condition", "DiagnosticReport", "DocumentReference", "MedicationRequest", "Observation"}
    | {"ServiceRequest"}
)
"""Root types that a part may be about, rather than about the patient or visit it names in passing."""

CANCELLING = frozenset({"cancel", "cancel-discharge", "cancel-transfer"})
"""Events that take another one back."""

_TRANSFERS = {"transfer": 1, "cancel-transfer": -1}


class Judge:
    """Holds what one item states against what is stored, and what the item has stated so far."""

    def __init__(self, tx: Transaction, roots: Roots, *, item: str, feed: str) -> None:
        self._tx = tx
        self._roots = roots
        self._item = item
        self._feed = feed

    async def is_known(self, reference: str) -> bool:
        """Whether a parent is there, under this key or the one that it stands for."""
        roots = self._roots
        return await roots.stands(reference) or await roots.stands(await roots.redirects.resolve(reference))

    async def is_reused(self, draft: Draft, part: int) -> bool:
        """Whether the message id, or the document that the part states as new, was there before (common rules §2.2,
        Jiashan §5); what was found when the part came first holds (release, replay)."""
        if not (await self._is_sent(draft.message_id, part) or await self._is_issued(draft)):
            return False
        own = await self._tx.get(PART, self._item, part)
        return own is None or any(found.code == REUSED for found in decode_findings(own["findings"]))

    async def _is_sent(self, message_id: str, part: int) -> bool:
        """Whether another part has the message id."""
        if not message_id:
            return False
        rows = await self._tx.select(PART, {"feed": self._feed, "message": message_id}, limit=2)
        return any((row["item"], row["part"]) != (self._item, part) for row in rows)

    async def _is_issued(self, draft: Draft) -> bool:
        """Whether another item stated the document as new that this part states as new."""
        if draft.issues is None:
            return False
        key, ending = draft.issues
        return await self._roots.states(key.reference, ending, besides=self._item)

    async def holds(self, claim: Claim) -> bool:
        """Whether a claim agrees with the resource that it is about."""
        state = await self._roots.fold(claim.about.reference)
        if state is not None and claim.subject:
            subject = await self._roots.redirects.resolve(state.subject) if state.subject else None
            state = await self._roots.fold(subject) if subject else None
        return claim.holds(None if state is None else assemble(state.slots))

    async def is_stale(self, contribution: Contribution, known: Known | None) -> bool:
        """Whether something younger was applied; for a row only a row of the same key counts, one that took back what
        was not known yet too (Qingpu §3.2)."""
        if known is None or not contribution.exists or contribution.seed or contribution.order >= known.last_order:
            return False
        if not contribution.digest:
            return known.exists
        return contribution.order < await self._roots.last_row(contribution.target.reference)

    async def findings(self, contribution: Contribution, known: Known | None) -> list[Finding]:
        """What is to be said about a statement, `known` being its root as it stands."""
        return [
            *_missing(contribution, await self._meant(contribution, known)),
            *await self._retired(contribution),
            *await self._cancelled(contribution, known),
        ]

    async def _meant(self, contribution: Contribution, known: Known | None) -> Known | None:
        """The root that a statement is about: the one that its target stands for, where it is another name."""
        if known is not None and known.exists:
            return known
        target = contribution.target.reference
        root = await self._roots.standing_for(target)
        return known if root == target else await self._roots.known(root)

    async def _retired(self, contribution: Contribution) -> list[Finding]:
        """Whether a statement about a patient comes under an id that was merged away before (Wujiang §6.7)."""
        if contribution.target.type != "Patient":
            return []
        redirect = await self._roots.redirects.of(contribution.target.reference)
        late = redirect is not None and redirect.kind == "merge" and contribution.order > redirect.order
        return [finding("retired-id")] if late else []

    async def _cancelled(self, contribution: Contribution, known: Known | None) -> list[Finding]:
        """A cancellation of something that is not in that state (Wujiang §4.3)."""
        codes = {event.code for event in contribution.events}
        if not codes & CANCELLING:
            return []
        state = await self._roots.fold(contribution.target.reference) if known is not None else None
        if state is not None and _is_cancellable(state, codes):
            return []
        return [finding("nothing-to-cancel")]


def about_what(draft: Draft) -> set[Key]:
    """The roots whose age matters for `stale-update`: a document or report is not stale because its patient or visit
    was heard of since; a part that is about nothing else is about them."""
    targets = {contribution.target for contribution in draft.contributions}
    return {key for key in targets if key.type in RECORDS} or targets


def _missing(contribution: Contribution, known: Known | None) -> Iterable[Finding]:
    """What is to be said about a root that is not there."""
    if known is not None and known.exists:
        return
    if contribution.creates:
        yield finding(contribution.creates)
    if contribution.revoke or contribution.withdraw:
        yield finding("nothing-to-cancel")


def _is_cancellable(state: Folded, codes: set[str]) -> bool:
    events = [event.code for event in state.events]
    if "cancel" in codes:
        return bool(events) and events[-1] != "cancel"
    if "cancel-discharge" in codes:
        status = [code for code in events if code in ("discharge", "cancel-discharge")]
        return bool(status) and status[-1] == "discharge"
    transfers = 0
    for code in events:
        transfers = max(transfers + _TRANSFERS.get(code, 0), 0)
    return transfers > 0
