"""Segment names."""

import pytest

from hie.wire.hl7v2_segments import is_segment


@pytest.mark.parametrize(("name", "known"), [("PID", True), ("OM7", True), ("ZPI", True), ("PDI", False)])
def test_a_segment_is_one_of_hl7_or_local(name: str, known: bool) -> None:
    assert is_segment(name) is known
