"""Who somebody is, out of what several organisations state."""

from typing import Any

import pytest

from hie.browse.person import identity


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([{"use": "old", "text": "王小花"}, {"use": "official", "text": "王晓华"}], "王晓华"),
        ([{"use": "nickname", "text": "花花"}, {"text": "王晓华"}], "王晓华"),
        ([{"use": "maiden", "text": "王晓华"}], "王晓华"),
        ([], ""),
    ],
)
def test_the_name_in_use_is_shown(names: list[dict[str, Any]], shown: str) -> None:
    assert identity({"id": "p", "name": names}).name == shown


def test_an_address_in_parts_is_shown_whole() -> None:
    parts = {"line": ["流虹路100号", "3幢"], "city": "苏州市", "district": "吴江区", "state": "江苏省"}
    assert identity({"address": [{"text": "松陵街道"}, parts]}).addresses == (
        "松陵街道",
        "江苏省 苏州市 吴江区 流虹路100号 3幢",
    )
