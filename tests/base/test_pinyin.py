"""Chinese names in Latin letters."""

import pytest

from hie.base.pinyin import readings


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("单晓东", ("shanxiaodong", "shan xiaodong", "sxd")),
        ("曾国藩", ("zengguofan", "zeng guofan", "zgf")),
        ("仇和", ("qiuhe", "qiu he", "qh")),
        ("欧阳修", ("ouyangxiu", "ouyang xiu", "oyx")),
        ("尉迟恭", ("yuchigong", "yuchi gong", "ycg")),
        ("张 三", ("zhangsan", "zhang san", "zs")),
    ],
)
def test_surnames_are_read_as_surnames(name: str, forms: tuple[str, ...]) -> None:
    assert readings(name) == forms


def test_a_given_name_has_no_surname() -> None:
    assert readings("单", surname=False)[0] == "dan"


def test_u_umlaut_is_found_in_every_spelling() -> None:
    assert {"lvbu", "lubu", "lyubu"} <= set(readings("吕布"))


def test_other_names_have_no_readings() -> None:
    assert readings("Anna") == ()
