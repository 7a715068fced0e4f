"""Tables as programs on Windows save them: what is said of characters that only look like those of TOML."""

import tomllib

import pytest

from hie.base.tablefile import toml_problem


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("[a]\nb = “c”\n", (2, 5), "left double quotation mark"),
        ("[a]\nb ＝ 1\n", (2, 3), "fullwidth equals sign"),
        ("[a]\nb = [1，2]\n", (2, 7), "fullwidth comma"),
        ("\u00a0[a]\n", (1, 1), "no-break space"),
        ("a = 1\n\x1a", (2, 1), "U+001A"),
        ("a = 'b\n", (1, 7), ""),
        ("a = [1", (1, 7), ""),
    ],
)
def test_a_character_that_only_looks_right_is_named(text: str, place: tuple[int, int], said: str) -> None:
    """Nobody sees a blank that is none, or which of two commas stands there."""
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    *found, reason = toml_problem(caught.value, text)
    assert tuple(found) == place
    assert (f"the character here is {said}," in reason) if said else ("the character here" not in reason)
