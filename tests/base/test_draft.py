"""Claims: what a part says in passing about another resource."""

import pytest

from hie.base.draft import Claim, Key

VISIT = Key("qingpu", "12310118MBHE03010J", "Encounter", "2.16.156.10011.2.5.1.9", "JZ1")


@pytest.mark.parametrize(
    ("resource", "holds"),
    [
        ({"name": [{"text": "柯宁"}, {"text": "柯安"}]}, True),
        ({"name": [{"text": "柯安"}]}, False),
        ({"name": []}, True),
        ({}, True),
        (None, True),
    ],
)
def test_a_claim_about_the_subject(resource: dict[str, object] | None, holds: bool) -> None:
    claim = Claim(VISIT, "name.text", "envelope-mismatch", "HZXM", equals=("柯宁",), subject=True)
    assert claim.holds(resource) is holds


def test_a_claim_may_exclude_values() -> None:
    claim = Claim(VISIT, "class.code", "code-name-conflict", "MZZYBZ", differs=("IMP",))
    assert not claim.holds({"class": {"code": "IMP"}})
    assert claim.holds({"class": {"code": "AMB"}})
