"""Results of a panel: what follows from other items fits them, words and limits of measurement, flags by the range."""

import pytest

from hie.simulate import laboratory
from hie.simulate.laboratory import ANALYTES, BLOOD_COUNT, CHEMISTRY, INFLAMMATION, LIPIDS, URINALYSIS, Analyte, Panel
from hie.simulate.results import Result, measured_again, results

PANELS = [one for one in vars(laboratory).values() if isinstance(one, Panel)]


def drawn(panel: Panel, away: float = 0.3, shift: float = 1.0) -> dict[str, Result]:
    return {one.analyte.code: one for one in results(panel, True, lambda _: (away, shift))}


def values(panel: Panel) -> dict[str, float]:
    return {code: float(one.value) for code, one in drawn(panel).items()}


def test_cells_share_the_whole_and_red_cells_fit() -> None:
    found = values(BLOOD_COUNT)
    kinds = ("NEUT", "LYMPH", "MONO", "EO", "BASO")
    assert sum(found[f"{kind}%"] for kind in kinds) == pytest.approx(100)
    assert sum(found[f"{kind}#"] for kind in kinds) == pytest.approx(found["WBC"], abs=0.03)
    assert found["HGB"] / found["RBC"] == pytest.approx(found["MCH"], rel=0.01)
    assert found["HCT"] / found["RBC"] * 10 == pytest.approx(found["MCV"], rel=0.01)


def test_parts_make_the_whole() -> None:
    chemistry, lipids = values(CHEMISTRY), values(LIPIDS)
    assert chemistry["ALB"] + chemistry["GLB"] == pytest.approx(chemistry["TP"])
    assert chemistry["DBIL"] + chemistry["IBIL"] == pytest.approx(chemistry["TBIL"])
    assert lipids["HDL"] + lipids["LDL"] < lipids["TC"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.code)
def test_nothing_follows_from_what_is_repeated(panel: Panel) -> None:
    def other(analyte: Analyte) -> tuple[float, float]:
        return (0.3, 2.0 if analyte.code == panel.repeated else 1.0)

    changed = {one.analyte.code: one for one in results(panel, True, other)}
    before = drawn(panel)
    assert {code for code in before if changed[code] != before[code]} == {panel.repeated}
    assert measured_again(panel, True, other) == changed[panel.repeated]


def test_what_is_too_little_to_measure_is_below_the_least() -> None:
    crp = drawn(INFLAMMATION, away=-3)["CRP"]
    assert (crp.value, crp.numeric, crp.interval, crp.flag) == ("<0.5", False, "≤10", "N")


@pytest.mark.parametrize(("shift", "word", "flag"), [(1.0, "阴性", "N"), (2.0, "±", "A"), (9.0, "2+", "A")])
def test_a_disease_moves_a_word_on(shift: float, word: str, flag: str) -> None:
    protein = drawn(URINALYSIS, shift=shift)["UPRO"]
    assert (protein.value, protein.interval, protein.flag, protein.numeric) == (word, "阴性", flag, False)


@pytest.mark.parametrize(
    ("shift", "flag"), [(0.5, "LL"), (0.75, "L"), (1.0, "N"), (1.3, "H"), (1.6, "HH")], ids=lambda it: str(it)
)
def test_a_flag_goes_by_range_and_critical_limits(shift: float, flag: str) -> None:
    assert drawn(CHEMISTRY, away=0, shift=shift)["K"].flag == flag


def test_every_item_has_one_code_and_one_number() -> None:
    assert all(code == analyte.code for code, analyte in ANALYTES.items())
    assert {code for panel in PANELS for code in panel.analytes} == set(ANALYTES)
    numbers = [analyte.number for analyte in ANALYTES.values() if analyte.number]
    assert len(set(numbers)) == len(numbers) == len(BLOOD_COUNT.analytes)
