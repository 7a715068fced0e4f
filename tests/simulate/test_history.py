"""What happens to people is plausible: who has which disease, who gets which drug, where and when they are seen."""

from datetime import datetime, timedelta
from itertools import pairwise

from hie.simulate.catalogue import HOSPITALS
from hie.simulate.history import Visit, World, plan, visit
from hie.simulate.wujiang import Message, acts, message

WORLD = World(7, 400, datetime(2025, 1, 6), 365)
VISITS = [visit(WORLD, number, index) for number in range(400) for index in range(min(len(plan(WORLD, number)), 3))]


def born(now: Visit) -> int:
    return now.record.person.born.year


def test_diseases_of_adults_and_drugs_of_children() -> None:
    assert max(born(now) for now in VISITS if now.disease.chronic) <= 1990
    assert max(born(now) for now in VISITS if now.disease.code == "I20.000") <= 1975
    children = [drug.name for now in VISITS if born(now) > 2011 for drug in now.drugs]
    assert set(children) == {"阿莫西林颗粒", "布洛芬混悬液"}


def test_an_appendix_is_taken_out_once_and_in_a_hospital_with_beds() -> None:
    found = [now for now in VISITS if now.disease.code == "K35.900"]
    assert len({now.record.person.number for now in found}) == len(found) > 5
    assert all(now.hospital.inpatients and now.kind != "outpatient" for now in found)


def test_emergencies_come_at_night_too_and_visits_do_not_overlap() -> None:
    assert {now.start.hour >= 18 for now in VISITS if now.kind == "emergency"} == {True, False}
    for number in range(400):
        times = [one.at for one in plan(WORLD, number)]
        assert all(later - one > timedelta(days=11) for one, later in pairwise(times))


def test_ranges_are_those_of_the_sex_and_values_are_possible() -> None:
    found = [(now, result) for now in VISITS for report in now.reports for result in report.results]
    of_men = {r.interval for now, r in found if r.analyte.code == "HGB" and now.record.person.male}
    of_women = {r.interval for now, r in found if r.analyte.code == "HGB" and not now.record.person.male}
    assert (of_men, of_women) == ({"130-175"}, {"115-150"})
    assert all(float(result.value) >= 0 for _, result in found if result.numeric)
    critical = sum(1 for _, result in found if len(result.flag) == 2)
    assert 0 < critical < len(found) / 100, "what a doctor is called for at once is rare"


def test_staff_have_one_number_and_outpatients_no_bed() -> None:
    names: dict[str, set[str]] = {}
    for now in VISITS:
        names.setdefault(now.doctor_number, set()).add(now.doctor)
        if now.hospital in HOSPITALS["wujiang"] and not now.end:
            arrived = message(now, acts(now)[0])
            assert isinstance(arrived, Message)
            stay = arrived.first("PV1")
            assert stay is not None
            assert stay[3].startswith(("^^^", "M", "J01^^^"))
    assert all(len(some) == 1 for some in names.values())
