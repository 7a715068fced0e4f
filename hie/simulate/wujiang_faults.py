"""What goes wrong with messages of Wujiang, and what the exchange says to it (interface document §7, §9)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hie.simulate.item import Fault, compact
from hie.simulate.wujiang import Batch, Message

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
    results = [s for s in message.segments if s[0] == "OBX" and (s[2], s[8]) == ("NM", "N") and s[7]]
    for segment in results[:1]:
        segment[8] = "H"
    return bool(results)


def _word_for_number(message: Message) -> bool:
    result = message.first("OBX")
    if result is None or result[2] != "NM":
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


def _wrong_count(batch: Batch) -> bool:
    batch.count = len(batch.messages) + 1
    return True


def _one_broken(batch: Batch) -> bool:
    """One broken message in the middle (§9): the others are taken."""
    broken = Message("ORU^R99", [list(s) for s in batch.messages[0].segments], *_written(batch.messages[0]))
    broken.segments[0][8], broken.segments[0][9] = "ORU^R99", broken.segments[0][9] + "B"
    batch.messages.insert(1, broken)
    return True


def _written(message: Message) -> tuple[str, str]:
    return message.charset, message.end


def _fault(name: str, kind: str, spoil: Spoil, finding: str, status: str = "accepted-with-warnings") -> Fault[Message]:
    return Fault(name, kind, spoil, frozenset({finding}), status, Message)


FAULTS: tuple[Fault[Any], ...] = (
    _fault("name-missing", "missing", _put("PID", 5, ""), "value-missing"),
    _fault("gender-missing", "missing", _put("PID", 8, ""), "value-missing"),
    _fault("gender-code-wrong", "code", _put("PID", 8, "X"), "code-unknown"),
    _fault("birth-date-impossible", "value", _put("PID", 7, "19800231"), "date-invalid"),
    _fault("group-name-wrong", "code", _put("PID", 22, "1^回族", ("ADT",)), "code-name-conflict"),
    _fault("charset-wrong", "form", _wrong_charset, "charset-mismatch"),
    _fault("flag-against-range", "value", _flag_against_range, "range-flag-conflict"),
    _fault("word-for-number", "value", _word_for_number, "value-not-numeric"),
    _fault("left-before-coming", "value", _left_before_coming, "time-order"),
    _fault("control-id-again", "address", _number_of_the_order, "control-id-reused"),
    _fault("patient-key-missing", "missing", _drop_local_id, "key-missing", "rejected"),
    _fault("visit-number-missing", "missing", _put("PV1", 19, "", ("ADT",)), "key-missing", "rejected"),
    _fault("event-unknown", "address", _put("MSH", 8, "ADT^A99", ("ADT",)), "event-unknown", "rejected"),
    _fault("test-message", "address", _put("MSH", 10, "T"), "processing-id", "rejected"),
    _fault("sender-unknown", "address", _put("MSH", 3, "XXXX^123456789012345678^USCC"), "org-unknown", "rejected"),
    _fault("name-too-long", "form", _put("PID", 5, "长" * 101), "field-too-long", "quarantined"),
    Fault("batch-count-wrong", "form", _wrong_count, frozenset({"count-mismatch"}), "rejected", Batch),
    Fault("batch-message-broken", "address", _one_broken, frozenset({"event-unknown"}), of=Batch),
)


def rename(message: Message | Batch) -> None:
    """Give a spoilt message a control id of its own, so that the good one after it can have the right one."""
    if isinstance(message, Batch):
        message.number += "X"
    else:
        message.segments[0][9] += "X"
