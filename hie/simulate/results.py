"""The results of a laboratory report: numbers that fit together, words, and the flags that they get."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hie.simulate.laboratory import ANALYTES, Analyte, Panel, Range


@dataclass(frozen=True, slots=True)
class Result:
    """One value of a report.

    `range` is that of the person; `flag` is N, H, L, HH, LL, or A for a word that is not the usual one.
    """

    analyte: Analyte
    value: str
    range: Range
    flag: str

    @property
    def interval(self) -> str:
        """The reference range as hospitals write it: `3.5-9.5`, `≤10`, `≥1.04`, the usual word, or nothing."""
        low, high = self.range
        if self.analyte.words:
            return self.analyte.words[0]
        if low is None:
            return f"≤{high:g}"
        return f"≥{low:g}" if high is None else f"{low:g}-{high:g}"

    @property
    def numeric(self) -> bool:
        """Whether the value is a plain number."""
        return not self.analyte.words and self.value[0] != "<"


Draw = Callable[[Analyte], tuple[float, float]]
"""What is measured of an item: how far from the usual, in standard deviations, and what a disease multiplies it by."""


def results(panel: Panel, male: bool, draw: Draw) -> tuple[Result, ...]:
    """The results of a panel, in its order; what follows from other items is reckoned from their values as reported."""
    found = {code: _result(ANALYTES[code], male, draw) for code in panel.analytes if code not in _FOLLOWS}
    values = {code: float(one.value) for code, one in found.items() if one.numeric}
    for code, reckon in _FOLLOWS.items():
        if code in panel.analytes:
            found[code] = _measured(ANALYTES[code], male, reckon(values))
            values[code] = float(found[code].value)
    return tuple(found[code] for code in panel.analytes)


def measured_again(panel: Panel, male: bool, draw: Draw) -> Result:
    """The item of a panel that is repeated for a correction."""
    return _result(ANALYTES[panel.repeated], male, draw)


_FOLLOWS: Mapping[str, Callable[[Mapping[str, float]], float]] = {
    "NEUT%": lambda v: max(100 - v["LYMPH%"] - v["MONO%"] - v["EO%"] - v["BASO%"], 0),
    "NEUT#": lambda v: v["WBC"] * v["NEUT%"] / 100,
    "LYMPH#": lambda v: v["WBC"] * v["LYMPH%"] / 100,
    "MONO#": lambda v: v["WBC"] * v["MONO%"] / 100,
    "EO#": lambda v: v["WBC"] * v["EO%"] / 100,
    "BASO#": lambda v: v["WBC"] * v["BASO%"] / 100,
    "HCT": lambda v: v["RBC"] * v["MCV"] / 10,
    "HGB": lambda v: v["RBC"] * v["MCV"] * v["MCHC"] / 1000,
    "MCH": lambda v: v["MCV"] * v["MCHC"] / 1000,
    "GLB": lambda v: v["TP"] - v["ALB"],
    "A/G": lambda v: v["ALB"] / max(v["GLB"], 1),
    "IBIL": lambda v: v["TBIL"] * 0.7,
    "DBIL": lambda v: v["TBIL"] - v["IBIL"],
    "LDL": lambda v: max(0.85 * v["TC"] - v["HDL"] - v["TG"] / 5, 0.3),
    "INR": lambda v: v["PT"] / 11,
}
"""Item -> its value, from those of its panel; in the order in which they can be reckoned."""


def _result(analyte: Analyte, male: bool, draw: Draw) -> Result:
    away, shift = draw(analyte)
    if analyte.words:
        return _worded(analyte, away, shift)
    low, high = analyte.usual(male)
    if high is None:
        low, high = low or 0.0, 2 * (low or 0.0)
    low = low if low is not None else 0.1 * high
    middle, width = (low + high) / 2, (high - low) / 4.3
    return _measured(analyte, male, max(middle + away * width, 0.1 * low) * shift)


def _worded(analyte: Analyte, away: float, shift: float) -> Result:
    """The usual word but for one in ten; a disease moves it on."""
    step = (away > _RARE) + round(shift - 1)
    word = analyte.words[min(step, len(analyte.words) - 1)]
    return Result(analyte, word, (None, None), "N" if word == analyte.words[0] else "A")


_RARE = 1.3
"""So many standard deviations above the usual lies one in ten."""


def _measured(analyte: Analyte, male: bool, value: float) -> Result:
    if value < analyte.least:
        return Result(analyte, f"<{analyte.least:g}", analyte.usual(male), "N")
    text = f"{value:.{analyte.decimals}f}"
    return Result(analyte, text, analyte.usual(male), _flag(float(text), analyte.usual(male), analyte.critical))


def _flag(value: float, usual: Range, critical: Range) -> str:
    low, high = usual
    if high is not None and value > high:
        return "HH" if critical[1] is not None and value > critical[1] else "H"
    if low is not None and value < low:
        return "LL" if critical[0] is not None and value < critical[0] else "L"
    return "N"
