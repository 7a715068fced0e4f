"""Who somebody is, out of what several organisations state."""

from hie.browse.person import identity


def test_an_address_in_parts_is_shown_whole() -> None:
    parts = {"line": ["流虹路100号", "3幢"], "city": "苏州市", "district": "吴江区", "state": "江苏省"}
    assert identity({"address": [{"text": "松陵街道"}, parts]}).addresses == (
        "松陵街道",
        "江苏省 苏州市 吴江区 流虹路100号 3幢",
    )
