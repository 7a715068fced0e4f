"""A broken table dictionary stops the start with file and line."""

from pathlib import Path

import pytest

from hie.base.errors import HieError
from hie.parse.row_tables import load_row_tables

REVOKING = '[revoking]\ncolumn = "XGBZ"\ncode = "2"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (REVOKING + '[[table]]\nname = "A"\nrank = 0\n', "t.toml:5: a table needs name, rank and key"),
        (REVOKING + '[[table]]\nname = "A"\nrank = 0\nkey = ["K"]\nkeys = 1\n', "t.toml:5: unknown field keys"),
        (REVOKING + '[[table]]\nname = "A"\nrank = 0\nkey = ["K"]\nlengths.x = []\n', "t.toml:5: unknown length x"),
        ('[[table]]\nname = "A"\nrank = 0\nkey = ["K"]\n', "t.toml:1: revoking is missing"),
        ("[[table]\n", "t.toml:1:8: not TOML: "),
    ],
)
def test_a_broken_dictionary_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HieError, match=message):
        load_row_tables(path)


def test_a_dictionary_in_another_encoding_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_bytes((REVOKING + "# 表\n").encode("gb18030"))
    with pytest.raises(HieError, match=r"t\.toml:4:3: not UTF-8"):
        load_row_tables(path)
