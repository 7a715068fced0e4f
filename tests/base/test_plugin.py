"""What an adapter says of itself: `organisations.csv` as a spreadsheet program saves it, the doors of a feed."""

from pathlib import Path

import pytest

from hie.base.errors import HieError
from hie.plugin import Feed, Organisation, read_organisations

GOOD = "code,uscc,name\nKSYY,12320598MBHE0101X2,昆山医院\n"
SPACED = GOOD.replace(",昆", " , 昆") + ",,\n\n"


@pytest.mark.parametrize(
    "body",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(),
        SPACED.encode(),
        GOOD.replace("\n", ",,\n").encode(),
    ],
)
def test_organisations_are_read(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "organisations.csv").write_bytes(body)
    found = read_organisations(tmp_path / "organisations.csv")
    assert found == (Organisation("KSYY", "12320598MBHE0101X2", "昆山医院"),)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (GOOD.encode("gb18030"), "organisations.csv:2:25: not UTF-8"),
        (GOOD.replace("name", "nam").encode(), "organisations.csv:1:1: the columns must be code,uscc,name"),
        (GOOD.replace(",", ";").encode(), "organisations.csv:1:1: .*, with commas between them"),
        (GOOD.replace("\n", ",昆\n").encode(), "organisations.csv:1:1: the columns must be"),
        (b"", "organisations.csv:1:1: the columns must be"),
        (GOOD.replace("KSYY,", "").encode(), "organisations.csv:2:1: an organisation has code, uscc, name"),
    ],
)
def test_a_broken_list_names_file_line_and_column(tmp_path: Path, body: bytes, said: str) -> None:
    (tmp_path / "organisations.csv").write_bytes(body)
    with pytest.raises(HieError, match=said):
        read_organisations(tmp_path / "organisations.csv")


def test_a_feed_has_a_door_of_its_own_name() -> None:
    """MLLP and drop folder go through it: without it no message that came there was answered."""
    with pytest.raises(HieError, match="feed 'x-hl7v2' needs a door of its own name"):
        Feed("x-hl7v2", "hl7v2", "x", {"x": "application/hl7-v2"}, mllp=True)
