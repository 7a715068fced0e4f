"""Invented people: numbers that nobody else has, and look-alikes that are somebody else."""

from hie.base.national_id import birth_date, gender, is_national_id
from hie.simulate.people import local_number, mistyped, person

SEED = 5
MANY = 20_000


def test_nobody_shares_a_number_with_anybody() -> None:
    people = [person(SEED, n) for n in range(MANY)]
    assert len({p.national_id for p in people}) == MANY
    assert len({p.health_card for p in people}) == MANY
    assert len({local_number(3, p.number) for p in people}) == MANY


def test_a_number_is_right_and_says_what_the_person_says() -> None:
    for number in range(500):
        who = person(SEED, number)
        assert is_national_id(who.national_id)
        assert birth_date(who.national_id) == who.born.isoformat()
        assert gender(who.national_id) == ("male" if who.male else "female")
        assert who.national_id[:6] in {"320598", "330498", "310198"}
        assert who.phone.startswith("120")
        assert len(who.phone) == 11


def test_a_mistyped_number_is_wrong() -> None:
    assert not any(is_national_id(mistyped(person(SEED, n).national_id)) for n in range(200))


def test_a_look_alike_has_name_gender_and_year_of_the_one_before() -> None:
    one, other = person(SEED, 38), person(SEED, 39)
    assert other.twin_of == one.number
    assert (other.name, other.male, other.born.year) == (one.name, one.male, one.born.year)
    assert other.national_id != one.national_id


def test_another_seed_gives_other_people() -> None:
    assert [person(1, n).name for n in range(50)] != [person(2, n).name for n in range(50)]


def test_the_share_of_look_alikes_is_the_one_asked_for() -> None:
    assert sum(1 for n in range(1_000) if person(SEED, n).twin_of is not None) == 25
    many = [person(SEED, n, 0.2) for n in range(1_000)]
    assert sum(1 for who in many if who.twin_of is not None) == 200
    assert all(many[who.twin_of].name == who.name for who in many if who.twin_of is not None)
    assert len({who.national_id for who in many}) == 1_000
    assert not any(person(SEED, n, 0.0).twin_of for n in range(1_000))
