"""The ledger while items come in and change their state."""

from typing import Any

from hie.staging.ledger import Ledger, ledger
from hie.staging.states import IN_FLIGHT, State


class Moving:
    """A reader of a store in which something happens between two looks: `received` and states, look by look."""

    def __init__(self, *looks: tuple[int, dict[State, int]]) -> None:
        self._looks = [look for look in looks for _ in range(2)]
        self._states: dict[State, int] = {}

    async def select(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        received, self._states = self._looks.pop(0)
        return [{"name": "received|2026-01-18|a", "n": received}, {"name": "duplicate|2026-01-18|a", "n": 7}]

    async def count(self, _: Any, where: dict[str, str]) -> int:
        return self._states.get(State(where["state"]), 0)

    @property
    def left(self) -> int:
        return len(self._looks)


async def test_every_state_stands_on_one_side_and_is_looked_at_once() -> None:
    reader = Moving((10, {state: n for n, state in enumerate(State)}), (0, {}))
    reader._looks[0:2] = [(15, reader._looks[0][1])] * 2
    books = await ledger(reader)  # type: ignore[arg-type]
    assert books == Ledger(15, *(n for n, state in enumerate(State) if state not in IN_FLIGHT), 0 + 1 + 2)
    assert books.balanced
    assert reader.left == 2


async def test_an_item_that_changes_its_state_meanwhile_is_looked_at_again() -> None:
    twice = {State.STORED: 3, State.LEASED: 1}
    reader = Moving((3, twice), (3, {State.STORED: 3}), (0, {}))
    assert (await ledger(reader)) == Ledger(3, 3, 0, 0, 0)  # type: ignore[arg-type]
    assert reader.left == 2


async def test_what_does_not_add_up_is_said_after_three_looks() -> None:
    reader = Moving(*[(3, {State.STORED: 2})] * 4)
    books = await ledger(reader)  # type: ignore[arg-type]
    assert (books.received, books.balanced, reader.left) == (3, False, 2)
