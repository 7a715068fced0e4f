"""What goes wrong with documents of Jiashan, and what the exchange says to it (interface document §7, §9)."""

import hashlib

from hie.simulate.item import Fault
from hie.simulate.jiashan import Document

_SHOWN_WRONG = {"1": "女性", "2": "男性"}
_NUMBERED = {"C0004": "20", "C0006": "32", "C0007": "33"}


def _no_name(document: Document) -> bool:
    document.name = ""
    return True


def _gender_name(document: Document) -> bool:
    code = document.gender[0]
    document.gender = (code, _SHOWN_WRONG[code])
    return True


def _title(document: Document) -> bool:
    document.title = "出院小结" if document.type != "C0053" else "检验报告"
    return True


def _charset(document: Document) -> bool:
    document.declared, document.charset = "UTF-8", "gb18030"
    return True


def _word_for_number(document: Document) -> bool:
    if document.type != "C0007" or not document.visit.reports[document.report].results[0].numeric:
        return False
    document.first_value = "未检出"
    return True


def _birth_date(document: Document) -> bool:
    known = bool(document.born)
    document.born = "19800231" if known else ""
    return known


def _cut(document: Document) -> bool:
    document.cut = True
    return True


def _doctype(document: Document) -> bool:
    document.doctype = True
    return True


def _no_number(document: Document) -> bool:
    root = _NUMBERED.get(document.type)
    document.numbers = [(r, number) for r, number in document.numbers if r != root]
    return root is not None


def _organisation(document: Document) -> bool:
    document.organisation = ("123456789012345678", document.organisation[1])
    return True


def _type(document: Document) -> bool:
    """Only plain documents: in a DocumentRegister this would be seen first as a disagreement."""
    if document.registered or document.type == "C0007":
        return False
    document.code = "C0099"
    return True


def _envelope(document: Document) -> bool:
    document.registered_id = document.id[::-1]
    return document.registered


def _one(code: str) -> frozenset[str]:
    return frozenset({code})


FAULTS: tuple[Fault[Document], ...] = (
    Fault("name-missing", "missing", _no_name, _one("value-missing")),
    Fault("gender-name-wrong", "code", _gender_name, _one("code-name-conflict")),
    Fault("title-wrong", "code", _title, _one("code-name-conflict")),
    Fault("charset-wrong", "form", _charset, _one("charset-mismatch")),
    Fault("word-for-number", "value", _word_for_number, _one("value-not-numeric")),
    Fault("birth-date-impossible", "value", _birth_date, _one("date-invalid")),
    Fault("cut-off", "form", _cut, _one("message-malformed"), "rejected"),
    Fault("doctype", "form", _doctype, _one("doctype-forbidden"), "rejected"),
    Fault("report-number-missing", "missing", _no_number, _one("key-missing"), "rejected"),
    Fault("sender-unknown", "address", _organisation, _one("org-unknown"), "rejected"),
    Fault("type-unknown", "address", _type, _one("type-unknown"), "rejected"),
    Fault("envelope-differs", "address", _envelope, _one("envelope-mismatch"), "quarantined"),
)


def rename(document: Document) -> None:
    """Give a spoilt document an id of its own; one that differs from its envelope keeps differing."""
    same = document.registered_id == document.id
    document.id = hashlib.sha256(document.id.encode()).hexdigest()[:32]
    if same:
        document.registered_id = document.id
