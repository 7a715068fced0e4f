"""Scores from tallies."""

from hie.base.finding import Severity
from hie.base.tally import Cause, Tally
from hie.quality.score import Score, faults, scores

ID = Cause("warn", "id-checksum", "", "PID-3")
NULL = Cause("info", "null-text", "", "PID-8")
LATE = Cause("warn", "upload-late", "r9", "MSH-7")
JUDGED = {"f": frozenset({"规范性", "及时性"}), "g": frozenset({"规范性"})}


def tally(day: str, feed: str, organisation: str, checked: int, failed: dict, found: dict, samples: dict) -> Tally:
    return Tally(day, feed, organisation, "open", checked, (), checked, 3 * checked, failed, found, samples)


TALLIES = [
    tally("2026-04-01", "f", "A", 100, {"规范性": 1}, {ID: 1, NULL: 7}, {ID: ("i1", 0)}),
    tally("2026-04-01", "f", "B", 300, {"规范性": 30, "及时性": 3}, {ID: 40, LATE: 3}, {ID: ("i2", 1)}),
    tally("2026-04-02", "f", "A", 200, {}, {}, {}),
    tally("2026-04-02", "g", "C", 0, {}, {}, {}),
]


def by(found: list[Score]) -> dict[tuple[str | None, str | None, str | None], tuple[object, ...]]:
    return {
        (s.day, s.feed, s.organisation): (s.checked, s.dimensions["规范性"], s.dimensions["及时性"], s.total)
        for s in found
    }


def test_the_share_without_a_fault_per_institution() -> None:
    assert by(scores(TALLIES, JUDGED)) == {
        (None, "f", "A"): (300, 99.66, 100.0, 99.83),
        (None, "f", "B"): (300, 90.0, 99.0, 94.5),
        (None, "g", "C"): (0, None, None, None),
    }


def test_one_fault_among_many_is_never_rounded_to_a_hundred() -> None:
    [one] = scores([tally("d", "f", "A", 1_000_000, {"规范性": 1}, {}, {})], JUDGED)
    assert one.dimensions["规范性"] == 99.99


def test_days_and_all_together() -> None:
    assert by(scores(TALLIES, JUDGED, ["day"])) == {
        ("2026-04-01", None, None): (400, 92.25, 99.25, 95.75),
        ("2026-04-02", None, None): (200, 100.0, 100.0, 100.0),
    }
    [everything] = scores(TALLIES, JUDGED, [])
    assert (everything.items, everything.resources) == (600, 1800)
    assert everything.findings == {**dict.fromkeys(Severity, 0), "info": 7, "warn": 44}


def test_a_dimension_without_rules_has_no_score() -> None:
    [one] = scores(TALLIES[:1], {"f": frozenset({"规范性"})})
    assert one.dimensions["及时性"] is None
    assert one.dimensions["规范性"] == 99.0


def test_the_worst_faults_first_with_a_sample_and_never_mere_information() -> None:
    first, second = faults(TALLIES, lambda feed, cause: True)
    assert (first.code, first.found, first.share, first.sample) == ("id-checksum", 41, 6.83, ("i1", 0))
    assert first.organisations == (("B", 40), ("A", 1))
    assert (second.code, second.rule, second.path, second.sample) == ("upload-late", "r9", "MSH-7", None)
    assert [f.code for f in faults(TALLIES, lambda feed, cause: cause == LATE)] == ["upload-late"]
    assert len(faults(TALLIES, lambda feed, cause: True, limit=1)) == 1
