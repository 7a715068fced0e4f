"""Which of the names of a resource is shown and compared."""

from typing import Any

import pytest

from hie.base.human_name import name_in_use


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([{"use": "old", "text": "王小花"}, {"use": "official", "text": "王晓华"}], "王晓华"),
        ([{"use": "nickname", "text": "花花"}, {"text": "王晓华"}], "王晓华"),
        ([{"use": "maiden", "text": "王晓华"}], "王晓华"),
        (
            [{"use": "official", "text": "王小花", "period": {"end": "2020"}}, {"use": "usual", "text": "王晓华"}],
            "王晓华",
        ),
        ([{"text": " 王  晓华 "}], "王晓华"),
        ([{"family": "王", "given": ["晓", "华"]}], "王晓华"),
        ([{"family": "Smith", "given": ["John", "B."]}], "John B. Smith"),
        ([{"family": "Smith"}], "Smith"),
        ([{"use": ["official"], "given": "no list"}], ""),
        ([], ""),
        (None, ""),
        ([None, "x"], ""),
    ],
)
def test_the_name_in_use(names: Any, expected: str) -> None:
    assert name_in_use({"name": names}) == expected
