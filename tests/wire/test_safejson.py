"""JSON limits and exact decimals: what the standard readers let through or lose."""

import copy
import json
import pickle
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.base.errors import Category, HieError
from hie.wire.jsonfault import JsonLimits
from hie.wire.safejson import ExactDecimal, dumps, loads, loads_own, says_same


def refusal(body: bytes | str, limits: JsonLimits | None = None) -> str:
    with pytest.raises(HieError) as caught:
        loads(body, limits) if limits else loads(body)
    assert caught.value.category is Category.INVALID
    return caught.value.message


@pytest.mark.parametrize(
    "number",
    ["1.10", "5.60", "1E5", "1e5", "1.0e-7", "-0.0", "-0", "0.000000000000000000001", "100000000000000000000", "1E+2"],
)
def test_numbers_come_back_as_they_were_written(number: str) -> None:
    body = f'{{"value":{number}}}'.encode()
    value = loads(body)
    assert dumps(value) == body
    assert value["value"] == Decimal(number)
    assert dumps(copy.deepcopy(value)) == body
    assert dumps(pickle.loads(pickle.dumps(value))) == body


def test_whole_numbers_are_ints() -> None:
    value = loads(b"[0,-7,123456789012345678]")
    assert value == [0, -7, 123456789012345678]
    assert [type(number) for number in value] == [int, int, int]


def test_an_exact_decimal_is_a_decimal() -> None:
    number = loads("1.10")
    assert isinstance(number, ExactDecimal)
    assert number == Decimal("1.1")
    assert hash(number) == hash(Decimal("1.1"))
    assert number + 1 == Decimal("2.1")
    assert str(number) == "1.10"


def test_what_says_the_same() -> None:
    assert says_same(loads('{"a": {"b": 1.10, "c": [2]}, "d": 1}'), loads('{"d": 1, "a": {"c": [2], "b": 1.10}}'))
    for other in ("1.1", "1", "true", "[1.10]"):
        assert not says_same(loads("[1.10, 1]"), loads(f"[{other}, {other}]"))


def test_other_decimals_are_written_and_other_types_refused() -> None:
    assert dumps({"a": Decimal("1.50"), "b": Decimal("1E+5")}) == b'{"a":1.50,"b":1E+5}'
    for value in (Decimal("NaN"), Decimal("Infinity"), object(), {1: 2}, "\ud800"):
        with pytest.raises(HieError):
            dumps(value)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"a":1,}', "(line 1, column "),  # at the brace; from Python 3.13 on, at the comma
        (b"[1,2", "line 1, column 5"),
        (b"[1] x", "line 1, column 5"),
        (b"[01]", "line 1, column 3"),
        (b"[1.]", "line 1, column 3"),
        (b"['a']", "line 1, column 2"),
        (b'["a\nb"]', "line 1, column 4"),
        (b'["\\x"]', "line 1, column 3"),
        (b"[NaN]", "line 1, column 2"),
        (b"[1,\n -Infinity]", "line 2, column 2"),
        (b"[Infinity]", "line 1, column 2"),
        (b'{"a":1,\n"a":2}', "line 2, column 1"),
        (b'{"a":{"b":1,"b" :2}}', "line 1, column 13"),
        (b'{"a":1,"\\u0061":2}', "line 1, column 8"),
        (b'[{"a":"a"},{"a":["a"],"a":1}]', "line 1, column 23"),
        (b'["\\ud800"]', "line 1, column 2"),
        (b'["\\udc00\\ud800"]', "line 1, column 2"),
        (b'{"\\uD83D":1}', "line 1, column 2"),
        (b'["\\ud83d\\ude00", "\\\\\\udfff"]', "line 1, column 18"),
        (b"[1e999]", "line 1, column 2"),
        (b"[1e-9999999999999999999999]", "line 1, column 2"),
        (b"[0.1e301]", "line 1, column 2"),
        (b"[" + b"9" * 5000 + b"]", "line 1, column 2"),
        (b"[0." + b"9" * 5000 + b"]", "line 1, column 2"),
        (b"[\n" * 5000 + b"]" * 5000, "line 201, column 1"),
        (b'{"a":' * 100_000, "line 1, column 1001"),
        (b"[" * 201 + b"]" * 201, "line 1, column 201"),
    ],
)
def test_what_is_refused_and_where(body: bytes, where: str) -> None:
    assert where in refusal(body)


def test_what_is_no_utf8_is_refused_with_its_place() -> None:
    assert "offset 2" in refusal(b'["\xff"]')
    assert "offset 1" in refusal('"\ud800"')
    refusal('["a"]'.encode("utf-16"))


def test_size_is_its_own_category() -> None:
    with pytest.raises(HieError) as caught:
        loads(b"[1,2,3]", JsonLimits(bytes=6))
    assert caught.value.category is Category.TOO_LARGE


def test_limits_on_objects_and_depth() -> None:
    assert "too many" in refusal("[[],[],[]]", JsonLimits(depth=2, containers=3))
    assert loads("[[],[]]", JsonLimits(depth=2, containers=3)) == [[], []]
    assert "too deep" in refusal('{"a":[{}]}', JsonLimits(depth=2))
    assert loads(b"[" * 200 + b"]" * 200)


def test_brackets_in_strings_do_not_count() -> None:
    inner = r"\"[[[[{{{{\\"
    body = "[" + ",".join([f'["{inner}"]'] * 300) + "]"
    assert len(loads(body)) == 300
    assert len(loads('["' + "[" * 1000 + '",[]]')) == 2


def test_surrogate_pairs_are_one_character() -> None:
    assert loads(r'["\ud83d\ude00", "\\ud800", "\uD842\uDFB7"]') == ["😀", "\\ud800", "𠮷"]
    assert loads('["' + "9" * 64 + r'\ud83d\ude00",' + "9" * 64 + ",1e250]")[0].endswith("😀")


def test_byte_order_mark_and_text() -> None:
    assert loads(b"\xef\xbb\xbf[1]") == loads("[1]") == loads(b" [1]\r\n") == [1]


def test_messages_do_not_quote_the_input() -> None:
    for body in ('{"张三":1,"张三":2}', '["张三" "李四"]', '["张三\\ud800"]', "[张三]"):
        assert "三" not in refusal(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(JSON)
def test_what_is_written_is_read_as_it_was(value: object) -> None:
    body = dumps(value)
    assert loads(body) == value
    assert dumps(loads(body)) == body
    assert loads_own(body) == value
    assert dumps(loads_own(body)) == body


@given(st.text(st.sampled_from('{}[]",:\\ud8dc0123456789.eE+-ntrufalse \n'), max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        value = loads(text)
    except HieError:
        return
    assert json.loads(text, parse_float=Decimal) == value
    assert orjson.loads(dumps(value)) is not None or value is None


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    for body in (noise, b'{"a":' + noise + b"}", b'["' + noise + b'"]'):
        try:
            dumps(loads(body))
        except HieError as error:
            assert error.category is Category.INVALID  # noqa: PT017


@given(st.lists(st.sampled_from(["[", '{"a":']), min_size=1), st.integers(1, 60))
def test_depth_is_counted_right(openings: list[str], times: int) -> None:
    openings = openings * times
    closings = ["]" if opening == "[" else "}" for opening in reversed(openings)]
    body = "".join(openings) + "1" + "".join(closings)
    body = f"[{body},{'[],' * 200}1]"
    if len(openings) + 1 <= 200:
        assert loads(body)
    else:
        assert "too deep" in refusal(body)
