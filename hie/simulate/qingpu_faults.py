"""What goes wrong with uploads of Qingpu, and what the exchange says to it (interface document §5, §6)."""

from collections.abc import Callable

from hie.simulate.item import Fault
from hie.simulate.qingpu import IMAGING, INDICATOR, INPATIENT, OUTPATIENT, PATIENT, REPORT, Envelope

_VISITS = ((OUTPATIENT, "JZLSH"), (INPATIENT, "JZLSH"))
_TIMES = ((OUTPATIENT, "JZSJ"), (INPATIENT, "RYSJ"), (REPORT, "CJSJ"), (IMAGING, "JCSJ"))
_WORDS = ((REPORT, "BGSJ"), (IMAGING, "BGSJ"), (INDICATOR, "JYZBMC"))
_OTHER = "12310118MBHE03037X"

Spoil = Callable[[Envelope], bool]


def _put(table: str, column: str, value: str) -> Spoil:
    """Write a value into a column of the first row of a table."""

    def spoil(envelope: Envelope) -> bool:
        rows = envelope.of(table)
        if not rows or column not in rows[0]:
            return False
        rows[0][column] = value
        return True

    return spoil


def _put_any(*places: tuple[str, str], value: str) -> Spoil:
    """Write a value into the first of these columns that the envelope has."""
    puts = [_put(table, column, value) for table, column in places]
    return lambda envelope: any(put(envelope) for put in puts)


def _no_visit_number(envelope: Envelope) -> bool:
    """Only where the visit comes alone: of several rows the others would be taken."""
    return len(envelope.rows) == 1 and _put_any(*_VISITS, value="-")(envelope)


def _modification_code(envelope: Envelope) -> bool:
    row = envelope.rows[0][1]
    revoked = row["XGBZ"] == "2"
    row["XGBZ"] = row["XGBZ"] if revoked else "3"
    return not revoked


def _charset(envelope: Envelope) -> bool:
    envelope.declared, envelope.charset = "UTF-8", "gb18030"
    return any(not value.isascii() for _, row in envelope.rows for value in row.values())


def _cut(envelope: Envelope) -> bool:
    envelope.cut = True
    return True


def _count(envelope: Envelope) -> bool:
    envelope.count = len(envelope.rows) + 1
    return True


def _table(envelope: Envelope) -> bool:
    envelope.rows = [("TB_UNKNOWN", row) for _, row in envelope.rows]
    return True


def _flag_against_range(envelope: Envelope) -> bool:
    normal = [row for row in envelope.of(INDICATOR) if row["YCTS"] == "1" and row["JYZBJG"][0].isdigit()]
    for row in normal[:1]:
        row["YCTS"] = "3"
    return bool(normal)


def _other_item_name(envelope: Envelope) -> bool:
    known = [row for row in envelope.of(INDICATOR) if row["JYZBDM"].isdigit()]
    for row in known[:1]:
        row["JYZBMC"] = "尿蛋白"
    return bool(known)


def _left_before_coming(envelope: Envelope) -> bool:
    stays = [row for row in envelope.of(INPATIENT) if not row["CYSJ"].startswith("1900")]
    for row in stays[:1]:
        row["CYSJ"] = "2001-01-01 08:00:00"
    return bool(stays)


def _one(code: str) -> frozenset[str]:
    return frozenset({code})


FAULTS: tuple[Fault[Envelope], ...] = (
    Fault("gender-missing", "missing", _put(PATIENT, "XB", "-"), _one("value-missing")),
    Fault("column-missing", "missing", _put_any(*_WORDS, value="-"), _one("value-missing")),
    Fault("visit-number-missing", "missing", _no_visit_number, _one("key-missing"), "rejected"),
    Fault("gender-code-wrong", "code", _put(PATIENT, "XB", "X"), _one("code-unknown")),
    Fault("birth-date-impossible", "value", _put(PATIENT, "CSRQ", "19800231"), _one("date-invalid")),
    Fault("time-impossible", "value", _put_any(*_TIMES, value="2025-02-30 08:00:00"), _one("date-invalid")),
    Fault("charset-wrong", "form", _charset, _one("charset-mismatch")),
    Fault("flag-against-range", "value", _flag_against_range, _one("range-flag-conflict")),
    Fault("flag-code-wrong", "code", _put(INDICATOR, "YCTS", "7"), _one("code-unknown")),
    Fault("modification-code-wrong", "code", _modification_code, _one("code-unknown")),
    Fault("item-name-wrong", "code", _other_item_name, _one("code-name-conflict")),
    Fault("left-before-coming", "value", _left_before_coming, _one("time-order")),
    Fault("count-wrong", "form", _count, _one("count-mismatch"), "rejected"),
    Fault("cut-off", "form", _cut, _one("message-malformed"), "rejected"),
    Fault("table-unknown", "address", _table, _one("type-unknown"), "rejected"),
    Fault("report-name-differs", "address", _put(REPORT, "HZXM", "某某"), _one("envelope-mismatch"), "quarantined"),
    Fault("row-of-another", "address", _put(REPORT, "YLJGYQDM", _OTHER), _one("envelope-mismatch"), "quarantined"),
)


def rename(envelope: Envelope) -> None:
    """Give a spoilt upload a batch number of its own."""
    envelope.batch += "X"
