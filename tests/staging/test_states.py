"""The life of a raw item is the table and nothing else."""

import pytest

from hie.base.finding import Disposition
from hie.staging.states import IN_FLIGHT, SETTLES, TRANSITIONS, Event, State, advance, backoff_seconds


def test_every_settled_state_is_reached_from_a_lease_only_or_by_an_operator() -> None:
    for (before, event), after in TRANSITIONS.items():
        if after not in IN_FLIGHT:
            assert before is State.LEASED or event is Event.DISCARD


def test_every_state_counts_in_the_ledger_once() -> None:
    ends = {advance(State.LEASED, event) for event in SETTLES.values()}
    assert ends.isdisjoint(IN_FLIGHT)
    assert ends | IN_FLIGHT == set(State)


def test_a_transition_outside_the_table_cannot_happen() -> None:
    with pytest.raises(ValueError, match="an item that is stored cannot claim"):
        advance(State.STORED, Event.CLAIM)


def test_every_final_disposition_settles() -> None:
    assert set(SETTLES) == set(Disposition) - {Disposition.DUPLICATE}
    for event in SETTLES.values():
        assert advance(State.LEASED, event) not in IN_FLIGHT


def test_backoff_grows_and_is_bounded() -> None:
    assert [backoff_seconds(n) for n in (1, 2, 3, 4, 5, 9)] == [5, 20, 80, 320, 900, 900]
