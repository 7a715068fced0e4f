"""What goes wrong with messages of Wujiang, and what the exchange says to it (interface document §7, §9)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hie.simulate.item import Fault, compact
from hie.simulate.wujiang import Message

Spoil = Callable[[Message], bool]


def _put(segment: str, field: int, value: str, types: tuple[str, ...] = ("",)) -> Spoil:
    """Write a value into a field that is filled; MSH fields count from MSH-2 = 1."""

    def spoil(message: Message) -> bool:
        found = message.first(segment)
        if found is None or len(found) <= field or not message.type.startswith(types):
            return False
        found[field] = value
        return True

    return spoil


def _drop_local_id(message: Message) -> bool:
    person = message.first("PID")
    if person is None:
        return False
    kept = [repeat for repeat in person[3].split("~") if repeat.rpartition("^")[2] not in ("LocalID", "1")]
    person[3] = "~".join(kept)
    return True


def _wrong_charset(message: Message) -> bool:
    message.segments[0][17] = "UNICODE UTF-8"
    message.charset = "gb18030"
    return True


def _flag_against_range(message: Message) -> bool:
    results = [s for s in message.segments if s[0] == "OBX" and s[8] == "N"]
    for segment in results[:1]:
        segment[8] = "H"
    return bool(results)


def _word_for_number(message: Message) -> bool:
    result = message.first("OBX")
    if result is None:
        return False
    result[5], result[8] = "阴性", ""
    return True


def _left_before_coming(message: Message) -> bool:
    visit = message.first("PV1")
    if message.type != "ADT^A03" or visit is None:
        return False
    came = datetime.strptime(visit[44], "%Y%m%d%H%M%S")
    visit[45] = compact(came - timedelta(days=1))
    return True


def _number_of_the_order(message: Message) -> bool:
    """The analyser counts from the order: a report under the control id of its order."""
    header = message.segments[0]
    if message.type == "ADT^A31" or "ORU" not in header[9]:
        return False
    header[9] = header[9].replace("ORU-C", "ORM").replace("ORU", "ORM")
    return True


def _one(code: str) -> frozenset[str]:
    return frozenset({code})


FAULTS: tuple[Fault[Message], ...] = (
    Fault("name-missing", _put("PID", 5, ""), _one("value-missing")),
    Fault("gender-missing", _put("PID", 8, ""), _one("value-missing")),
    Fault("gender-code-wrong", _put("PID", 8, "X"), _one("code-unknown")),
    Fault("birth-date-impossible", _put("PID", 7, "19800231"), _one("date-invalid")),
    Fault("group-name-wrong", _put("PID", 22, "1^回族", ("ADT",)), _one("code-name-conflict")),
    Fault("charset-wrong", _wrong_charset, _one("charset-mismatch")),
    Fault("flag-against-range", _flag_against_range, _one("range-flag-conflict")),
    Fault("word-for-number", _word_for_number, _one("value-not-numeric")),
    Fault("left-before-coming", _left_before_coming, _one("time-order")),
    Fault("control-id-again", _number_of_the_order, _one("control-id-reused")),
    Fault("patient-key-missing", _drop_local_id, _one("key-missing"), "rejected"),
    Fault("visit-number-missing", _put("PV1", 19, "", ("ADT",)), _one("key-missing"), "rejected"),
    Fault("event-unknown", _put("MSH", 8, "ADT^A99", ("ADT",)), _one("event-unknown"), "rejected"),
    Fault("test-message", _put("MSH", 10, "T"), _one("processing-id"), "rejected"),
    Fault("sender-unknown", _put("MSH", 3, "XXXX^123456789012345678^USCC"), _one("org-unknown"), "rejected"),
    Fault("name-too-long", _put("PID", 5, "长" * 101), _one("field-too-long"), "quarantined"),
)


def rename(message: Message) -> None:
    """Give a spoilt message a control id of its own, so that the good one after it can have the right one."""
    message.segments[0][9] += "X"
