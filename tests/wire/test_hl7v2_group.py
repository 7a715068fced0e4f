"""Grouping of segments: orders, results, notes; Z and unknown segments end nothing (HL7 v2.5.1 §7.3.1)."""

import pytest

from hie.wire.hl7v2 import STANDARD, Message, parse
from hie.wire.hl7v2_group import Group, group


def tree(*segments: str) -> Group:
    return group(parse("\r".join(["MSH|^~\\&|", *segments])))


def shape(node: Group) -> list[tuple[str, list[str]]]:
    """Each order with its own segments, and its results with theirs."""
    return [
        (
            "+".join(order.segments),
            ["+".join(f"{name}{len(found)}" for name, found in r.segments.items()) for r in order.each("OBX")],
        )
        for order in node.each("OBR")
    ]


def test_results_belong_to_the_order_before_them() -> None:
    assert shape(tree("PID|1", "OBR|1", "OBX|1", "OBX|2", "OBR|2", "OBX|1")) == [
        ("OBR", ["OBX1", "OBX1"]),
        ("OBR", ["OBX1"]),
    ]


def test_orc_opens_a_group_and_its_obr_joins_it() -> None:
    assert shape(tree("ORC|NW", "OBR|1", "ORC|NW", "OBR|2", "OBX|1")) == [("ORC+OBR", []), ("ORC+OBR", ["OBX1"])]


def test_an_orc_that_no_obr_follows_belongs_to_the_one_before() -> None:
    found = tree("OBR|1", "ORC|RE", "NTE|1", "OBX|1", "SPM|1", "OBR|2", "ORC|RE", "SPM|2", "OBR|3", "ORC|RE")
    assert shape(found) == [("OBR+ORC+NTE+SPM", ["OBX1"]), ("OBR+ORC+SPM", []), ("OBR+ORC", [])]
    own = tree("ORC|NW|1", "OBR|1", "ORC|NW|2")
    assert [node.find("ORC")[0].field(2) for node in own.each("OBR")] == ["1", "2"]
    assert shape(tree("OBR|1", "OBX|1", "ORC|NW", "OBX|1")) == [("OBR", ["OBX1"]), ("ORC", ["OBX1"])]


def test_a_specimen_before_the_orders_is_that_of_each() -> None:
    found = tree("SPM|1||T1", "OBR|1", "OBR|2", "SPM|1||T2")
    assert [[node.find("SPM")[0].field(3) for node in order.each("SPM")] for order in found.each("OBR")] == [
        ["T1"],
        ["T2"],
    ]
    assert not tree("OBR|1", "SPM|1").find("SPM")


def test_notes_belong_to_what_precedes_them() -> None:
    found = tree("PID|1", "NTE|1", "OBR|1", "NTE|1", "OBX|1", "NTE|1", "NTE|2", "SPM|1", "NTE|1", "OBX|2")
    assert shape(found) == [("OBR+NTE+SPM", ["OBX1+NTE2", "OBX1"])]
    assert [name for name, _ in found.flat if "NTE" in name] == ["PID/NTE", "NTE", "NTE", "NTE", "SPM/NTE"]
    assert [name for name, _ in tree("NTE|1", "ORC|NW", "NTE|1").flat] == ["MSH", "MSH/NTE", "ORC", "ORC/NTE"]


@pytest.mark.parametrize("between", ["ZLB|1", "QQQ|1", "CTI|1"])
def test_other_segments_end_nothing(between: str) -> None:
    assert shape(tree("OBR|1", between, "OBX|1", between, "OBX|2")) == [("OBR", ["OBX1", "OBX1"])]


def test_a_note_after_a_z_segment_still_belongs_to_the_result() -> None:
    assert shape(tree("OBR|1", "OBX|1", "ZLB|1", "NTE|1")) == [("OBR", ["OBX1+NTE1"])]


def test_a_node_sees_what_is_around_it_but_no_notes_of_others() -> None:
    found = tree("PID|1||P", "OBR|1||B", "NTE|1||of order", "OBX|1")
    (result,) = found.each("OBR")[0].each("OBX")
    assert (result.find("PID")[0].field(3), result.find("OBR")[0].field(3)) == ("P", "B")
    assert (result.find("NTE"), result.find("XXX")) == ((), ())


def test_an_order_and_the_message_see_the_results_below() -> None:
    found = tree("OBR|1", "OBX|1", "OBX|2", "OBR|2", "OBX|3")
    orders = found.each("OBR")
    assert [[s.field(1) for s in node.find("OBX")] for node in (found, *orders)] == [["1", "2", "3"], ["1", "2"], ["3"]]
    assert [s.field(1) for s in orders[0].each("OBX")[1].find("OBX")] == ["2"], "a result is itself"


def test_results_without_orders_hang_on_the_message() -> None:
    assert [node.position for node in tree("PID|1", "OBX|1", "OBX|2").each("OBX")] == [1, 2]


def test_results_are_numbered_through_the_message() -> None:
    found = tree("OBR|1", "OBX|1", "OBR|2", "OBX|1")
    assert [(o.position, r.position) for o in found.each("OBR") for r in o.each("OBX")] == [(1, 1), (2, 2)]


def test_any_other_segment_is_a_node_of_its_own() -> None:
    assert [node.find("DG1")[0].field(1) for node in tree("DG1|1", "DG1|2").each("DG1")] == ["1", "2"]


def test_a_message_without_segments_has_no_tree() -> None:
    with pytest.raises(ValueError, match="no segments"):
        group(Message([], STANDARD, "utf-8"))


def test_a_dose_belongs_to_the_order_before_it() -> None:
    """Every RXA stood at the level of the message, where neither its ORC nor its RXR could be told."""
    message = tree("PID|1", "ORC|RE|P1", "RXA|1", "NTE|1", "RXR|IM", "OBX|1", "ORC|RE|P2", "RXA|2", "PV1|1", "NTE|2")
    doses = message.each("RXA")
    assert [dose.position for dose in doses] == [1, 2]
    assert [dose.find("ORC")[0].fields[2] for dose in doses] == ["P1", "P2"]
    assert [len(dose.find("RXR")) for dose in doses] == [1, 0]
    assert [len(dose.find("RXA/NTE")) for dose in doses] == [1, 0]
    assert len(message.find("RXA")) == len(message.each("RXA")) == 2
    assert shape(message) == [("ORC+RXA+RXA/NTE+RXR", ["OBX1"]), ("ORC+RXA", [])]
    assert [name for name, _ in message.flat][3:5] == ["RXA", "RXA/NTE"]


def test_timing_belongs_to_the_order_before_it() -> None:
    """TQ1 stood at the level of the message: every order of a message had the priority and time of the first."""
    message = tree("PID|1", "ORC|NW", "TQ1|1", "OBR|1", "ORC|NW", "TQ1|2", "NTE|1", "OBR|2", "ORC|NW", "RXE|3", "TQ1|3")
    assert [order.find("TQ1")[0].field(1) for order in message.each("OBR")] == ["1", "2", "3"]
    assert [node.find("TQ1")[0].field(1) for node in message.each("RXE")] == ["3"]
    assert len(message.each("OBR")[1].find("TQ1/NTE")) == 1
    assert len(message.find("TQ1")) == len(message.each("TQ1")) == 3
    assert [len(tree("SCH|1", "TQ1|1", "PID|1").find("TQ1")), len(tree("OBR|1").find("TQ1"))] == [1, 0]
    specimen = tree("SPM|1", "OBR|1", "ORC|RE", "TQ1|1", "OBX|1")
    assert shape(specimen) == [("OBR+ORC+TQ1", ["OBX1"])]


def test_a_dose_without_an_order_of_its_own_stands_in_the_message() -> None:
    message = tree("RXA|1", "ORC|NW", "OBR|1", "RXA|2", "ORC|RE", "RXA|3")
    doses = message.each("RXA")
    assert [(dose.segment.field(1), dose.parent is message) for dose in doses] == [
        ("1", True),
        ("2", True),
        ("3", False),
    ]
    assert len(message.find("RXA")) == 3
