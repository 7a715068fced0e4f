"""Findings and dispositions follow the table of common rules §9 and §2.1."""

import pytest

from hie.base.finding import CODES, Disposition, Severity, answered, disposition, finding


def test_every_code_has_both_languages_and_a_known_severity() -> None:
    for code, row in CODES.items():
        assert row.zh, code
        assert row.en, code
        assert isinstance(row.severity, Severity)
        assert row.severity.rank <= Severity.INFO.rank or row.err >= 100, code


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], Disposition.ACCEPTED),
        (["null-text"], Disposition.ACCEPTED),
        (["feed-silent"], Disposition.ACCEPTED),
        (["null-text", "id-checksum"], Disposition.ACCEPTED_WITH_WARNINGS),
        (["id-checksum", "orphan-reference"], Disposition.QUARANTINED),
        (["orphan-reference", "key-missing"], Disposition.REJECTED),
    ],
)
def test_the_gravest_finding_decides(codes: list[str], expected: Disposition) -> None:
    assert disposition([finding(code) for code in codes]) is expected


def test_an_unknown_code_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        finding("no-such-code")


def test_what_only_counts_in_the_scores_is_not_answered() -> None:
    told, counted = finding("null-text"), finding("feed-silent")
    assert answered([counted, told]) == (told,)
