"""What logs say of a failure."""

import pytest

from hie.base.errors import Category, HieError, where
from hie.wire.safejson import loads


def test_a_log_says_which_situation_it_was_and_where_never_the_message() -> None:
    """Of an item that the store could not take the log said `HieError`, and the line."""
    with pytest.raises(HieError) as caught:
        loads(b"secret")
    assert caught.value.category is Category.INVALID
    assert where(caught.value).startswith("HieError:invalid@hie.wire.safejson:")
    assert "secret" not in where(caught.value)
