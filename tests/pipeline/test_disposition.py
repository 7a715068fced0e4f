"""From the dispositions of parts to that of the item (common rules §2.1, §2.2; Qingpu §3)."""

import pytest

from hie.base.finding import Disposition, finding
from hie.base.outcome import PartOutcome
from hie.pipeline.disposition import item_disposition

A, W = Disposition.ACCEPTED, Disposition.ACCEPTED_WITH_WARNINGS
Q, R, D = Disposition.QUARANTINED, Disposition.REJECTED, Disposition.DUPLICATE


def part(disposition: Disposition, original: Disposition | None = None) -> PartOutcome:
    return PartOutcome(1, "", "", "", disposition, original=original)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], A),
        ([A], A),
        ([Q], Q),
        ([R], R),
        ([D], A),
        ([A, D], A),
        ([A, W], W),
        ([A, R], W),
        ([D, Q], W),
        ([Q, R], Q),
        ([R, R], R),
    ],
)
def test_the_parts_decide_about_the_item(parts: list[Disposition], expected: Disposition) -> None:
    assert item_disposition((), [part(one) for one in parts]) is expected


def test_copy_of_a_rejected_part_is_rejected_with_it() -> None:
    copy = part(D, R)
    assert item_disposition((), [copy]) is R
    assert item_disposition((), [part(R), copy]) is R
    assert item_disposition((), [part(A), copy]) is W
    assert item_disposition((), [part(Q), copy]) is Q


def test_copy_of_a_part_that_waits_needs_no_decision_of_its_own() -> None:
    assert item_disposition((), [part(D, Q)]) is A


def test_findings_about_the_item_win() -> None:
    assert item_disposition((finding("envelope-mismatch"),), [part(A)]) is Q
    assert item_disposition((finding("count-mismatch"),), [part(A)]) is R
