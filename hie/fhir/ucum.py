"""UCUM units (Unified Code for Units of Measure, case-sensitive codes): parse, canonicalise, compare.

A code becomes a `Unit`: an exact factor to base units, an offset (temperatures), and powers of base dimensions. The
mole and the arbitrary units (`[IU]`) are kept as dimensions of their own, so 5 mmol/L stays near 5 and never becomes a
bare number of particles. Logarithmic units (`[pH]`, `B`) are dimensions too: equal only to themselves.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

UCUM = "http://unitsofmeasure.org"
"""The FHIR system URI of UCUM."""

_PREFIXES: dict[str, Fraction] = {
    prefix: Fraction(10) ** power
    for prefix, power in {
        "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
        "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
    }.items()
}  # fmt: skip
_PREFIXES |= {"Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40)}

_BASE = ("m", "s", "g", "rad", "K", "C", "cd", "mol")
_OWN = "[iU] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [BAU] [CFU] [PFU] [FFU] [EU] [Amb'a'1'U] [D'ag'U] [AU] "
_OWN += "[anti'Xa'U] [hp'_X] [hp'_C] [knk'U] [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50] [LFU] [LKU] [todd'U] [dye'U] "
_OWN += "[beth'U] [PNU] [Lf] [hnsf'U] [smgy'U] [bdsk'U] [ka'U] [pH] Np B B[SPL] B[V] B[W] bit_s"

_DERIVED: dict[str, str] = {
    # code: value in other codes; a leading "*" marks a unit that takes no prefix
    "10*": "*10 1", "10^": "*10 1", "[pi]": "*3.14159265358979323846 1", "%": "*0.01 1", "[ppth]": "*1e-3 1",
    "[ppm]": "*1e-6 1", "[ppb]": "*1e-9 1", "[pptr]": "*1e-12 1", "sr": "1 rad2", "Hz": "1 s-1", "N": "1 kg.m/s2",
    "Pa": "1 N/m2", "J": "1 N.m", "W": "1 J/s", "A": "1 C/s", "V": "1 J/C", "F": "1 C/V", "Ohm": "1 V/A",
    "S": "1 Ohm-1", "Wb": "1 V.s", "T": "1 Wb/m2", "H": "1 Wb/A", "lm": "1 cd.sr", "lx": "1 lm/m2", "Bq": "1 s-1",
    "Gy": "1 J/kg", "Sv": "1 J/kg", "kat": "1 mol/s", "U": "1 umol/min", "eq": "1 mol", "osm": "1 mol",
    "g%": "1 g/dL", "l": "1 dm3", "L": "1 dm3", "ar": "100 m2", "t": "1000 kg", "bar": "1e5 Pa",
    "u": "1.6605402e-24 g", "eV": "1.60217733e-19 J", "pc": "3.085678e16 m", "gon": "0.9 deg",
    "min": "*60 s", "h": "*60 min", "d": "*24 h", "wk": "*7 d", "mo": "*30.4375 d", "mo_j": "*30.4375 d",
    "mo_s": "*29.53059 d", "mo_g": "*30.436875 d", "a": "*365.25 d", "a_j": "*365.25 d", "a_g": "*365.2425 d",
    "a_t": "*365.24219 d",
    "deg": "*0.0174532925199432957692 rad", "'": "*0.0166666666666666666667 deg", "''": "*0.0166666666666666666667 '",
    "[in_i]": "*2.54 cm", "[ft_i]": "*12 [in_i]", "[yd_i]": "*3 [ft_i]", "[mi_i]": "*5280 [ft_i]",
    "[fth_i]": "*6 [ft_i]", "[nmi_i]": "*1852 m", "[kn_i]": "*1 [nmi_i]/h", "[sin_i]": "*1 [in_i]2",
    "[sft_i]": "*1 [ft_i]2", "[syd_i]": "*1 [yd_i]2", "[cin_i]": "*1 [in_i]3", "[cft_i]": "*1 [ft_i]3",
    "[cyd_i]": "*1 [yd_i]3", "[hd_i]": "*4 [in_i]", "[mil_i]": "*1e-3 [in_i]", "[ft_us]": "*0.30480060960121920 m",
    "[in_us]": "*0.02540005080010160 m", "[mi_us]": "*1609.3472186944373889 m", "[acr_us]": "*4046.872609874252 m2",
    "[gal_us]": "*231 [in_i]3", "[qt_us]": "*0.25 [gal_us]", "[pt_us]": "*0.5 [qt_us]", "[gil_us]": "*0.25 [pt_us]",
    "[foz_us]": "*0.25 [gil_us]", "[fdr_us]": "*0.125 [foz_us]", "[min_us]": "*1 [fdr_us]/60",
    "[tbs_us]": "*0.5 [foz_us]", "[tsp_us]": "*1 [tbs_us]/3", "[cup_us]": "*16 [tbs_us]", "[foz_m]": "*30 mL",
    "[cup_m]": "*240 mL", "[tsp_m]": "*5 mL", "[tbs_m]": "*15 mL", "[gal_br]": "*4.54609 L",
    "[qt_br]": "*0.25 [gal_br]",
    "[pt_br]": "*0.5 [qt_br]", "[gil_br]": "*0.25 [pt_br]", "[foz_br]": "*0.2 [gil_br]", "[drp]": "*0.05 mL",
    "[gr]": "*64.79891 mg", "[lb_av]": "*7000 [gr]", "[oz_av]": "*0.0625 [lb_av]", "[dr_av]": "*0.0625 [oz_av]",
    "[ston_av]": "*2000 [lb_av]", "[lton_av]": "*2240 [lb_av]", "[stone_av]": "*14 [lb_av]", "[pwt_tr]": "*24 [gr]",
    "[oz_tr]": "*20 [pwt_tr]", "[lb_tr]": "*12 [oz_tr]", "[sc_ap]": "*20 [gr]", "[dr_ap]": "*3 [sc_ap]",
    "[oz_ap]": "*8 [dr_ap]", "[lb_ap]": "*12 [oz_ap]", "[oz_m]": "*28 g", "[car_m]": "*0.2 g",
    "cal": "4.184 J", "cal_th": "4.184 J", "cal_IT": "4.1868 J", "cal_m": "4.19002 J", "cal_[15]": "4.18580 J",
    "[Cal]": "*1 kcal", "[Btu]": "*1.05505585262 kJ", "[HP]": "*745.6998715822702 W", "dyn": "1e-5 N", "erg": "1e-7 J",
    "P": "0.1 Pa.s", "St": "1e-4 m2/s", "G": "1e-4 T", "Mx": "1e-8 Wb", "Oe": "79.57747154594767 A/m", "Gal": "1 cm/s2",
    "[g]": "9.80665 m/s2", "gf": "1 g.[g]", "[lbf_av]": "*1 [lb_av].[g]", "[psi]": "*1 [lbf_av]/[in_i]2",
    "atm": "*101325 Pa", "att": "*98066.5 Pa", "m[Hg]": "133.3220 kPa", "m[H2O]": "9.80665 kPa",
    "[in_i'Hg]": "*3386.3788 Pa", "[in_i'H2O]": "*249.08891 Pa", "Ci": "3.7e10 Bq", "R": "2.58e-4 C/kg",
    "RAD": "0.01 Gy", "REM": "0.01 Sv", "mho": "1 S", "st": "1 m3", "Ao": "*1e-10 m", "b": "*1e-28 m2",
    "Ky": "1e2 m-1", "sph": "12.56637061435917 rad2", "ph": "1e4 lx", "Lmb": "1 cd/cm2", "[c]": "299792458 m/s",
    "[h]": "6.6260755e-34 J.s", "[k]": "1.380658e-23 J/K", "[e]": "1.60217733e-19 C", "[ly]": "9460730472580800 m",
    "AU": "*149597.870691e6 m", "[diop]": "*1 m-1", "[PRU]": "*1 m[Hg].s/mL", "[wood'U]": "*1 m[Hg].min/L",
    "[mesh_i]": "*1 [in_i]-1", "[Ch]": "*1 mm/3", "[MET]": "*3.5 mL/min/kg", "bit": "1 1", "By": "8 bit",
    "Bd": "1 s-1", "[S]": "*1e-13 s", "[hpf]": "*1 1", "[lpf]": "*100 1", "[IU]": "1 [iU]", "[degR]": "*1 K/1.8",
    "[HPF]": "*1 1", "[LPF]": "*100 1", "[gal_wi]": "*268.8 [in_i]3", "[bu_us]": "*2150.42 [in_i]3",
    "[smoot]": "*67 [in_i]", "[den]": "*1 g/9000/m", "tex": "1e-3 g/m", "[crd_us]": "*128 [ft_i]3",
    "[bf_i]": "*144 [in_i]3", "[cr_i]": "*128 [ft_i]3", "[kat]": "1 mol/s",
}  # fmt: skip
_TEMPERATURE: dict[str, tuple[Fraction, Fraction]] = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "[degRe]": (Fraction(5, 4), Fraction("273.15")),
}
_TERM = re.compile(r"(?P<brace>\{[^{}]*\})|(?P<atom>(?:\[[^\[\]]*\]|[^\[\]{}()./\s])+)")
_POWER = re.compile(r"(?P<symbol>.*?[^\d+\-]|10[*^])(?P<power>[+-]?\d+)?")

_MAGNITUDE = 5000
"""Decimal exponents beyond this are not converted."""

Powers = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """`base = value * factor + offset`, in base units of `powers` (dimension -> power, sorted by name)."""

    factor: Fraction
    powers: Powers
    offset: Fraction = Fraction(0)

    @property
    def code(self) -> str:
        """The canonical code of the dimension: `g.m-3`; `1` when there is none."""
        return ".".join(name if power == 1 else f"{name}{power}" for name, power in self.powers) or "1"


_ONE = Unit(Fraction(1), ())


class _Unknown(Exception):
    """The text is no UCUM code that we know."""


def _times(left: Unit, right: Unit, sign: int = 1) -> Unit:
    if left.offset or right.offset:
        raise _Unknown  # a temperature scale cannot be part of a product
    powers = dict(left.powers)
    for name, power in right.powers:
        powers[name] = powers.get(name, 0) + sign * power
    factor = left.factor * right.factor if sign > 0 else left.factor / right.factor
    return Unit(factor, tuple(sorted((n, p) for n, p in powers.items() if p)))


def _to_power(unit: Unit, power: int) -> Unit:
    if unit.offset and power != 1:
        raise _Unknown
    if abs(power) > 40:
        raise _Unknown
    return Unit(unit.factor**power, tuple((n, p * power) for n, p in unit.powers), unit.offset)


class _Parser:
    """`term = component (("." | "/") component)*`, left to right; a leading "/" divides one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parse(self) -> Unit:
        unit = self.term()
        if self.at != len(self.text):
            raise _Unknown
        return unit

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def term(self) -> Unit:
        unit = _ONE if self.peek() == "/" else self.component()
        while self.peek() and self.peek() in "./":
            sign = 1 if self.peek() == "." else -1
            self.at += 1
            unit = _times(unit, self.component(), sign)
        return unit

    def component(self) -> Unit:
        if self.peek() == "(":
            self.at += 1
            inner = self.term()
            if self.peek() != ")":
                raise _Unknown
            self.at += 1
            return self.annotated(inner)
        match = _TERM.match(self.text, self.at)
        if match is None:
            raise _Unknown
        self.at = match.end()
        if match["brace"]:
            return _ONE
        return self.annotated(_annotatable(match["atom"]))

    def annotated(self, unit: Unit) -> Unit:
        note = _TERM.match(self.text, self.at)
        if note is not None and note["brace"]:
            self.at = note.end()
        return unit


def _annotatable(atom: str) -> Unit:
    if atom.isdigit():
        return Unit(Fraction(int(atom)), ()) if int(atom) else _fail()
    match = _POWER.fullmatch(atom)
    if match is None:
        raise _Unknown
    return _to_power(_symbol(match["symbol"]), int(match["power"] or 1))


def _fail() -> Unit:
    raise _Unknown


def _symbol(symbol: str) -> Unit:
    unit = _atom(symbol)
    if unit is not None:
        return unit[0]
    for length in (1, 2):
        prefix = _PREFIXES.get(symbol[:length])
        unit = _atom(symbol[length:]) if prefix is not None else None
        if prefix is not None and unit is not None and unit[1]:
            return Unit(prefix * unit[0].factor, unit[0].powers, unit[0].offset)
    raise _Unknown


@lru_cache(maxsize=1024)
def _atom(symbol: str) -> tuple[Unit, bool] | None:
    """The unit of a symbol without prefix, and whether it takes one."""
    if symbol in _BASE:
        return Unit(Fraction(1), ((symbol, 1),)), True
    if symbol in _TEMPERATURE:
        factor, offset = _TEMPERATURE[symbol]
        return Unit(factor, (("K", 1),), offset), symbol == "Cel"
    definition = _DERIVED.get(symbol)
    if definition is None:
        return (Unit(Fraction(1), ((symbol, 1),)), True) if symbol in _OWN.split() else None
    number, _, rest = definition.removeprefix("*").partition(" ")
    unit = _Parser(rest).parse()
    return Unit(Fraction(number) * unit.factor, unit.powers), not definition.startswith("*")


@lru_cache(maxsize=4096)
def parse_unit(code: str) -> Unit | None:
    """The unit of a UCUM code; None when the code is not understood."""
    if not code or len(code) > 200:
        return None
    try:
        return _Parser(code).parse()
    except (_Unknown, RecursionError):
        return None


def _exact(fraction: Fraction) -> Decimal:
    """The fraction as a decimal; 34 digits where it never ends."""
    with localcontext() as context:
        context.prec = 34
        return Decimal(fraction.numerator) / Decimal(fraction.denominator)


@lru_cache(maxsize=4096)
def _finite(code: str) -> tuple[Decimal, Decimal, str] | None:
    """(factor, offset, canonical code) when both numbers are finite decimals."""
    unit = parse_unit(code)
    if unit is None:
        return None
    factor, offset = _exact(unit.factor), _exact(unit.offset)
    if Fraction(factor) != unit.factor or Fraction(offset) != unit.offset:
        return None
    return factor, offset, unit.code


def canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    """`value` in base units and the canonical code: (5, "mg") -> (0.005, "g"). None when the code is unknown."""
    if abs(value.adjusted()) > _MAGNITUDE:
        return None
    finite = _finite(code)
    if finite is not None:
        return value * finite[0] + finite[1], finite[2]
    unit = parse_unit(code)
    if unit is None:
        return None
    return _exact(Fraction(value) * unit.factor + unit.offset), unit.code


def comparable(left: str, right: str) -> bool:
    """Whether two codes measure the same dimension."""
    first, second = parse_unit(left), parse_unit(right)
    return first is not None and second is not None and first.powers == second.powers


def convert(value: Decimal, source: str, target: str) -> Decimal | None:
    """`value` of unit `source` in unit `target`; None when they do not measure the same."""
    first, second = parse_unit(source), parse_unit(target)
    if first is None or second is None or first.powers != second.powers or abs(value.adjusted()) > _MAGNITUDE:
        return None
    return _exact((Fraction(value) * first.factor + first.offset - second.offset) / second.factor)


def multiply(left: str, right: str, sign: int = 1) -> tuple[Fraction, str] | None:
    """Factor and canonical code of `left`.`right` (`left`/`right` when `sign` is -1)."""
    first, second = parse_unit(left), parse_unit(right)
    if first is None or second is None:
        return None
    try:
        unit = _times(first, second, sign)
    except _Unknown:
        return None
    return unit.factor, unit.code
