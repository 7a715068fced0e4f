"""A broken table dictionary stops the start with file and line."""

from pathlib import Path

import pytest

from hie.base.errors import HieError
from hie.parse.row_tables import load_row_tables

ENVELOPE = '[envelope]\nroot = "R"\norganisation = "O"\nbatch = "B"\nuploaded = "U"\ntable = "T"\nrow = "W"\n'
TABLE = '[[table]]\nname = "A"\nrank = 0\nkey = ["K"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENVELOPE + '[[table]]\nname = "A"\nrank = 0\n', r"t.toml:8:1: a table needs name, rank \(a number\) and key"),
        (ENVELOPE + TABLE.replace('["K"]', '"K"'), "t.toml:11:7: key must be a list of columns"),
        (ENVELOPE + TABLE + 'lengths.code = "K"\n', "t.toml:12:16: lengths.code must be a list of columns"),
        (ENVELOPE + TABLE + "keys = 1\n", "t.toml:12:8: unknown field keys: a table has name, "),
        (ENVELOPE + TABLE + "lengths.x = []\n", "t.toml:12:13: unknown length x: there are code, name, short, long"),
        (
            ENVELOPE + TABLE + "lengths = 5\n",
            "t.toml:12:11: lengths has lists of columns by name, such as lengths.code",
        ),
        (ENVELOPE + TABLE + 'split.XB = "|"\n', "t.toml:12:12: split.XB must be a list of columns"),
        (ENVELOPE + TABLE + 'split."" = ["XB"]\n', "split has lists of columns by name, such as split"),
        (ENVELOPE + TABLE + "within = 1\nat = 1\n", "t.toml:12:10: within must be text"),
        (
            ENVELOPE + TABLE + '[revoking]\ncolumn = "V"\nnegative = 1\n',
            "t.toml:12:1: .* or column and negative = true",
        ),
        (ENVELOPE + TABLE + 'within = "B"\n', "t.toml:8:1: a table inside another needs within and at"),
        (ENVELOPE + TABLE + 'within = "B"\nat = "b"\n', "t.toml:12:10: there is no table B"),
        (ENVELOPE + TABLE + 'within = "A"\nat = "//b"\n', "t.toml:13:6: '//b' is no path of elements"),
        (ENVELOPE + TABLE + TABLE, "t.toml:13:8: there is a table A above"),
        (ENVELOPE, r"t.toml:1:1: \[\[table\]\] is missing"),
        (TABLE, r"t.toml:1:1: \[envelope\] is missing"),
        ("# x\n" + ENVELOPE + "rot = 1\n" + TABLE, "t.toml:9:7: unknown field rot: an envelope has root, organisation"),
        (ENVELOPE.replace('batch = "B"\n', "") + TABLE, "t.toml:1:1: an envelope needs batch"),
        (ENVELOPE + 'upload = "PUSH"\n' + TABLE, "t.toml:8:10: upload must be a list of codes"),
        (ENVELOPE + 'forms = ["%d.%m.%y"]\n' + TABLE, "t.toml:8:9: '%d.%m.%y' is no form of a date: it has %Y once"),
        (ENVELOPE + TABLE + 'takes = [{ column = "no" }]\n', "t.toml:12:9: takes must be a list of columns"),
        (ENVELOPE + TABLE + "takes = 1\n", "t.toml:12:9: takes must be a list of columns"),
        (ENVELOPE + "count = 3\n" + TABLE, "t.toml:8:9: count must be text"),
        (ENVELOPE.replace('"T"', '"/T"') + TABLE, "t.toml:6:9: '/T' is no path of elements"),
        (ENVELOPE + TABLE + '[revoking]\ncolumn = "V"\ncode = 1\n', r"t.toml:12:1: \[revoking\] has column and code"),
        (ENVELOPE + TABLE + "[revoking]\n", r"t.toml:12:1: \[revoking\] has column and code"),
        (ENVELOPE + TABLE + "[revokin]\n", r"t.toml:12:1: unknown table \[revokin\]"),
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
    path.write_bytes((ENVELOPE + "# 表\n").encode("gb18030"))
    with pytest.raises(HieError, match=r"t\.toml:8:3: not UTF-8"):
        load_row_tables(path)
