"""Findings and dispositions follow the table of common rules §9 and §2.1."""

import pytest

from hie.base.finding import CODES, Disposition, Severity, answered, disposition, finding


def test_every_code_has_both_languages_and_a_known_severity() -> None:
    for code, row in CODES.items():
        assert row.zh, code
        assert row.en, code
        assert isinstance(row.severity, Severity)
        assert row.severity.rank <= Severity.INFO.rank or row.err >= 100, code


AGREED = {
    Severity.REJECT: "message-malformed 100, doctype-forbidden 207, too-large 207, charset-undecodable 102, "
    "type-unknown 200, event-unknown 201, processing-id 202, version-unsupported 203, segment-sequence 100, "
    "key-missing 101, org-unknown 103, count-mismatch 207",
    Severity.QUARANTINE: "envelope-mismatch 207, field-too-long 102, orphan-reference 204, merge-inverse 207, "
    "pairing-broken 100, internal-error 207",
    Severity.WARN: "charset-mismatch 102, value-missing 101, merge-stub 204, nothing-to-cancel 204, stale-update 207, "
    "control-id-reused 205, id-checksum 102, id-masked 102, id-birthdate-conflict 102, id-gender-conflict 102, "
    "date-invalid 102, date-future 102, time-order 102, code-unknown 103, code-name-conflict 103, "
    "value-not-numeric 102, value-ambiguous 102, range-flag-conflict 102, pairing-assumed 207",
    Severity.INFO: "id-legacy 0, null-text 0, date-partial 0, date-sentinel 0, code-unmapped 0, unit-unmapped 0, "
    "critical-value 0, segment-unmapped 0, field-unmapped 0, visit-created 0, retired-id 0, merge-repeat 0, "
    "document-level-only 0",
}
"""Severity -> its codes, each with ERR-3 (common rules §9), written down a second time."""


@pytest.mark.parametrize("severity", AGREED)
def test_a_code_has_the_severity_and_number_that_were_agreed(severity: Severity) -> None:
    agreed = {code: int(err) for code, err in (one.split() for one in AGREED[severity].split(", "))}
    beyond = {"resource-invalid": 102} if severity is Severity.QUARANTINE else {}
    assert {code: row.err for code, row in CODES.items() if row.severity is severity} == agreed | beyond


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
