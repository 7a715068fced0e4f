"""A prefix and what came after it fold to the same as everything together."""

from random import Random
from typing import Any

import pytest

from hie.base.draft import Contribution, Event, Key, Member
from hie.fold.fold import fold
from hie.fold.prefix import Placed, arrival_free, begin
from hie.pipeline.codec import decode, decode_prefix, encode, encode_prefix

VISIT = Key("wujiang", "ORG", "Encounter", "visit", "V1")
REPORT = Key("wujiang", "ORG", "DiagnosticReport", "report", "R1")
EVENTS = ("admit", "transfer", "cancel-transfer", "discharge", "cancel-discharge", "cancel")


def statements(random: Random, target: Key, count: int) -> list[Placed]:
    made = (decode(encode(_statement(random, target))) for _ in range(count))
    return [Placed(said, f"item-{random.randint(0, 9)}", n, 0) for n, said in enumerate(made)]


def _statement(random: Random, target: Key) -> Contribution:
    slots: dict[str, Any] = {
        name: random.choice([None, 1, "2", {"a": [3]}])
        for name in ("class", "identifier[]#a", "identifier[]#b", "period.end")
        if random.random() < 0.4
    }
    if random.random() < 0.4:
        slots["status"] = random.choice([None, "final", "amended", "preliminary"])
    if random.random() < 0.4:
        slots["diagnosis[]#1+"] = {random.choice(["use", "use#default", "rank"]): random.choice([None, 1, 2])}
    conditions = [Key("wujiang", "ORG", "Condition", "condition", str(n)) for n in range(3)]
    return Contribution(
        target,
        str(random.randint(100, 130)),
        slots,
        tuple(_member(random, key) for key in conditions if random.random() < 0.2),
        (Event(random.choice(EVENTS), "2026"),) if random.random() < 0.3 else (),
        tier=random.choice([0, 0, 0, 1, 2]) if random.random() < 0.5 else 1,
        seed=random.random() < 0.2,
        only_new=random.random() < 0.5,
        complete=random.random() < 0.1,
        correcting=random.random() < 0.3,
        revoke=random.random() < 0.1,
        exists=random.random() < 0.8,
        subject=random.choice([None, "Patient/1", "Patient/2"]),
        digest=random.choice(["", "x", "y"]),
        whole=random.random() < 0.05,
        mentions=("Device/1",) if random.random() < 0.1 else (),
        source=random.choice(["", "d", "e"]),
    )


def _member(random: Random, key: Key) -> Member:
    slots = {random.choice(["code", "recordedDate"]): random.randint(1, 3)}
    return Member(key, slots, random.random() < 0.1, None, random.random() < 0.5, random.random() < 0.3)


@pytest.mark.parametrize("target", [VISIT, REPORT], ids=lambda key: key.type)
@pytest.mark.parametrize("seed", range(100))
def test_a_prefix_with_what_follows_is_the_fold_of_all(seed: int, target: Key) -> None:
    random = Random(seed)
    placed = sorted(statements(random, target, random.randint(2, 25)), key=arrival_free)
    expected = fold(target.reference, [one.contribution for one in placed])
    cuts = sorted(random.sample([one.order for one in placed], 2))
    prefix = begin(target.reference, placed, cuts[0])
    assert prefix is not None
    later = [one for one in placed if one.order > cuts[0]]
    if not prefix.admits(later):
        return
    prefix = decode_prefix(encode_prefix(prefix), prefix.upto)
    prefix.extend(later, cuts[1])
    prefix = decode_prefix(encode_prefix(prefix), prefix.upto)
    rest = [one for one in placed if one.order > cuts[1]]
    assert prefix.admits(rest)
    assert prefix.fold(rest) == expected
    assert list(expected.slots) == list(prefix.state.slots)


def _of(order: str, **options: Any) -> Placed:
    return Placed(Contribution(VISIT, order, {"status": "planned"}, **options), "item", 0, 0)


def test_what_belongs_before_its_end_is_not_admitted() -> None:
    prefix = begin(VISIT.reference, [_of("2", tier=1, seed=True), _of("3", tier=1), _of("4", tier=2)], "4")
    assert prefix is not None
    assert prefix.admits([_of("5", tier=1), _of("5", tier=3), _of("6", tier=1, seed=True)])
    assert not prefix.admits([_of("4", tier=1)]), "an older one"
    assert not prefix.admits([_of("5")]), "a tier below the lowest"
    assert not prefix.admits([_of("5", seed=True)]), "a seed that is before the one applied"
    assert not prefix.admits([_of("5", tier=1, withdraw=True)]), "a withdrawal looks back"
    waiting = begin(VISIT.reference, [_of("4", exists=False), _of("6", seed=True)], "4")
    assert waiting is not None
    assert not waiting.admits([_of("5")]), "one before the seed, which may count no more"


def test_a_root_of_which_something_was_withdrawn_has_no_prefix() -> None:
    assert begin(VISIT.reference, [_of("2"), _of("3", withdraw=True, source="d")], "2") is None
