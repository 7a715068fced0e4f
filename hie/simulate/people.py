"""Invented people: each follows from the seed and a number, so that no list of them is ever kept."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from hie.base.national_id import CHECK_DIGITS, check_digit
from hie.simulate.catalogue import ADULT, CHRONIC, DISEASES, REGIONS, Disease
from hie.simulate.chance import chance, weighted

COUNTIES = {"wujiang": "320598", "jiashan": "330498", "qingpu": "310198"}
"""Region -> a county code that is not assigned."""

ADDRESSES = {
    "wujiang": ("江苏省", "苏州市", "吴江区", "松陵街道", "流虹路"),
    "jiashan": ("浙江省", "嘉兴市", "嘉善县", "魏塘街道", "人民大道"),
    "qingpu": ("上海市", "上海市", "青浦区", "盈浦街道", "公园路"),
}
"""Region -> province, city, county, township, street."""

KEPT = 4096
"""How many people, plans and visits are kept at hand of those that were made last: about those of one day in a run of
100,000 people. All are made anew from the seed when they are gone."""

LOOKALIKES = 0.025
"""The share of people who look like the one before, unless told: same name, gender and year of birth."""

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_DOUBLE = ("欧阳", "上官", "司马", "东方")
_MALE = ("伟", "强", "磊", "洋", "勇", "军", "杰", "涛", "超", "明", "刚", "瑋", "昞億", "建国", "志远", "文博")
_FEMALE = ("芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "秀兰", "桂英", "晓岚", "雨桐", "欣怡", "梦瑶")
_VARIANTS = str.maketrans("岚张刘陈杨吴国军丽兰", "嵐張劉陳楊吳國軍麗蘭")
_FIRST_BIRTH = date(1935, 1, 1)
_BIRTH_DAYS = 29_927
"""A prime, so that steps over it meet every day: births until 2016."""
_STEP = 1_000_003
_TWIN_YEARS = 365

ALL_BORN = date(2017, 1, 1)
"""From this day on everybody is born, look-alikes too."""


@dataclass(frozen=True, slots=True)
class Person:
    """A human being: `number` from 0; `home` the region they live in; `disease` what brings them to the doctor.

    `variant` is the name as some other region writes it (another form of the same characters). `spouse`: the surname of
    the person they are married to, or empty.
    """

    number: int
    name: str
    variant: str
    male: bool
    born: date
    national_id: str
    health_card: str
    phone: str
    home: str
    house: int
    spouse: str
    disease: Disease
    twin_of: int | None

    @property
    def child(self) -> bool:
        """Whether they get a child's drugs."""
        return self.born.year > ADULT

    @property
    def address(self) -> str:
        """The address in full."""
        return "".join(dict.fromkeys(ADDRESSES[self.home])) + f"{self.house}号"


@lru_cache(maxsize=KEPT)
def person(seed: int, number: int, lookalikes: float = LOOKALIKES) -> Person:
    """The person of that number; two of them never have a number in common. `lookalikes` is a share, at most 0.5."""
    pair = int(number * lookalikes)
    like = number - 1 if int((number + 1) * lookalikes) > pair else None
    model = _traits(seed, number if like is None else like)
    own = chance(seed, "person", number, "own")
    born, sequence = _birth(seed, number)
    if like is not None:
        born, sequence = _twin_birth(_birth(seed, like)[0].year, pair)
    home = weighted(own, [(region, 1.0) for region in REGIONS])
    chronic = own.random() < next((share for year, share in CHRONIC if born.year <= year), 0.0)
    house, disease = own.randrange(1, 400), weighted(own, diseases(born.year, chronic))
    return Person(
        number=number,
        name=model[0],
        variant=model[0].translate(_VARIANTS),
        male=model[1],
        born=born,
        national_id=national_id(COUNTIES[home], born, 2 * sequence + (1 if model[1] else 0)),
        health_card=f"A9{number:08d}",
        phone=f"120{number:08d}",
        home=home,
        house=house,
        spouse=own.choice(_SURNAMES) if born.year < 1998 else "",
        disease=disease,
        twin_of=like,
    )


@lru_cache(maxsize=256)
def diseases(born: int, chronic: bool, again: bool = False) -> tuple[tuple[Disease, float], ...]:
    """What somebody born in a year can have, and how often; `again`: after another disease."""
    fit = (one for one in DISEASES if one.chronic is chronic and born <= one.born and not (again and one.once))
    return tuple((one, one.share) for one in fit)


def national_id(county: str, born: date, sequence: int) -> str:
    """An 18-character number with a right check digit (GB 11643); an odd `sequence` is a man's."""
    digits = f"{county}{born:%Y%m%d}{sequence:03d}"
    return digits + check_digit(digits)


def mistyped(number: str) -> str:
    """A national id with a wrong check digit."""
    return number[:-1] + CHECK_DIGITS[(CHECK_DIGITS.index(number[-1]) + 3) % 11]


def local_number(hospital: int, number: int) -> int:
    """The number under which a hospital keeps a person: its own series, in which neighbours lie far apart."""
    return (number * 7_919 + hospital * 10_473_121) % 100_000_000


def _traits(seed: int, number: int) -> tuple[str, bool]:
    stream = chance(seed, "person", number, "traits")
    male = stream.random() < 0.5
    surname = stream.choice(_DOUBLE) if stream.random() < 0.02 else stream.choice(_SURNAMES)
    return surname + stream.choice(_MALE if male else _FEMALE), male


def _birth(seed: int, number: int) -> tuple[date, int]:
    """Birth date and sequence 0-399; each pair once in 12 million numbers."""
    place = number * _STEP + seed * 7
    return _FIRST_BIRTH + timedelta(days=place % _BIRTH_DAYS), (number // _BIRTH_DAYS) % 400


def _twin_birth(year: int, pair: int) -> tuple[date, int]:
    """Another day of the same year, with a sequence of 400 or more, which is kept for look-alikes."""
    day = (pair * 37) % _TWIN_YEARS
    return date(year, 1, 1) + timedelta(days=day), 400 + (pair // _TWIN_YEARS) % 100
