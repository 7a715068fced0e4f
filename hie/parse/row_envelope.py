"""How an upload of rows is wrapped: the table `[envelope]` of `mappings/rows/<feed>.toml`.

```toml
[envelope]
root = "HieUpload"        # the root element
version = "1.0"           # its attribute `version`; leave out what an envelope does not have
namespace = "urn:…"       # of every element; `*`: whichever each has
header = "Header"         # path from the root to the header; `.` (also without it): its columns stand in the root
organisation = "YLJGYQDM" # columns of the header: social credit code of the sender,
batch = "PCH"             # batch number, unique for a sender,
uploaded = "SCSJ"         # time of the upload,
forms = ["%Y年%m月%d日 %H:%M"]  # in one of these forms, where it is not a usual one,
count = "HS"              # number of rows,
transaction = "JYM"       # what is done, and
upload = ["UPLOAD"]       # the codes by which it is an upload
table = "Table"           # path from the root to what holds rows; `.`: the root does
name = "@name"            # what names the table: an attribute, `.` (the element's own name), else a header column
row = "Row"               # path from there to a row; `.`: the element is the row
number = "seq"            # attribute with the number of a row; rows without are counted
sender = "YLJGYQDM"       # column in which each row repeats the sender
```

`root`, `organisation`, `batch`, `uploaded`, `table` and `row` must be there. Columns are the elements in a header or
row and the attributes of it, without namespace; `XB@code` is the attribute of an element. `number` and `name` are none.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any

from hie.base.finding import Finding, finding
from hie.base.moment import SENTINEL, Moment, Precision, is_form, no_form, read_as
from hie.base.text import half_width, is_null_text, trimmed
from hie.wire.row import Header

AGAIN = "[2]"
"""Behind the name of a column that stands twice in a row: its other value."""

NO_VALUE = "-"

_ANY = "*"
"""The `namespace` of envelopes whose elements have several."""

_OF_XML = ("{http://www.w3.org/2001/XMLSchema-instance}", "{http://www.w3.org/XML/1998/namespace}")
"""Namespaces of attributes that say something of the XML and nothing of what is sent."""

_STEP = r"(?:[^\W\d][\w.-]*|\*)"
_PATH = re.compile(rf"\.|{_STEP}(?:/{_STEP})*")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The names of an envelope, as this module explains each; `""` is what an envelope does not have."""

    root: str
    organisation: str
    batch: str
    uploaded: str
    table: str
    row: str
    version: str = ""
    namespace: str = ""
    header: str = "."
    count: str = ""
    transaction: str = ""
    upload: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    name: str = "@name"
    number: str = "seq"
    sender: str = ""

    def columns(self, root: Any) -> dict[str, str]:
        """Column name -> value of the header; null text is no value (common rules §5.3)."""
        header = next(iter(self.inside(root, self.header)), None)
        found = self.values(header) if header is not None else {}
        return {column: half_width(value) for column, value in found.items() if not is_null_text(value)}

    def rows(self, root: Any, columns: Mapping[str, str]) -> Iterable[tuple[str, Any]]:
        """Each row with the name of its table, in the order of the envelope; `columns` are those of the header."""
        for table in self.inside(root, self.table):
            name = self._table_name(table, columns)
            for row in self.inside(table, self.row):
                yield name, row

    def inside(self, element: Any, path: str) -> Iterable[Any]:
        """The elements at a path from `element`."""
        return (element,) if path == "." else element.iterfind(self._steps(path))

    def values(self, element: Any) -> dict[str, str]:
        """Column name -> trimmed value; empty and `-` are no value. Of an element that stands twice the first counts,
        and another value is that of `XM[2]`, so that nobody takes it for nothing; of an element and an attribute of one
        name the element counts."""
        found: dict[str, str] = {}
        attributed: list[tuple[str, Sequence[tuple[str, str]]]] = []
        for child in element:
            column = self._local(child)
            _add(found, column, "".join(child.itertext()) if len(child) else child.text, AGAIN)
            if attributes := child.items():
                attributed.append((column, attributes))
        for column, text in self._attributes(element.items()):
            if column != self.number and (self.row != "." or f"@{column}" != self.name):
                _add(found, column, text)
        for column, attributes in attributed:
            for name, text in self._attributes(attributes):
                _add(found, f"{column}@{name}", text)
        return found

    def _attributes(self, sent: Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
        return ((self._plain(name), text) for name, text in sent if not name.startswith(_OF_XML))

    def findings(
        self, root: Any, columns: Mapping[str, str], rows: int, organisations: Collection[str], received: datetime
    ) -> Iterable[Finding]:
        """What is wrong with the envelope as a whole (Qingpu §2); each of them refuses it, but for an upload time in
        the future, which makes all that comes after it old (common rules §5.2)."""
        if self._local(root) != self.root:
            yield finding("message-malformed", detail=f"the root element is not {self.root}")
            return
        if self.version and root.get("version") != self.version:
            yield finding("version-unsupported", f"{self.root}/@version")
        for column in filter(None, (self.organisation, self.transaction, self.batch, self.uploaded, self.count)):
            if column not in columns:
                yield finding("key-missing", self._at(column))
        uploaded = self._time(columns.get(self.uploaded, ""))
        if self.uploaded in columns and uploaded is None:
            yield finding("key-missing", self._at(self.uploaded), "no date and time")
        elif uploaded is not None and uploaded.is_future(received):
            yield finding("date-future", self._at(self.uploaded))
        if self.upload and self.transaction in columns and columns[self.transaction] not in self.upload:
            yield finding("type-unknown", self._at(self.transaction))
        if self.organisation in columns and columns[self.organisation].upper() not in organisations:
            yield finding("org-unknown", self._at(self.organisation))
        if self.count in columns and not _counts(columns[self.count], rows):
            yield finding("count-mismatch", self._at(self.count), f"{rows} rows found")

    def head(self, columns: Mapping[str, str]) -> Header:
        """Sender, batch and upload time of an envelope without findings."""
        moment = self._time(columns[self.uploaded])
        text, order = (moment.text, moment.utc.strftime("%Y-%m-%dT%H:%M:%SZ")) if moment else ("", "")
        return Header(columns[self.organisation].upper(), columns[self.batch], text, order)

    def _time(self, text: str) -> Moment | None:
        """The time of an upload; None without a time of day, or before 1900."""
        moment = read_as(half_width(text), self.forms)
        if moment is None or moment.precision is not Precision.TIME or moment.date <= SENTINEL:
            return None
        return moment

    def _at(self, column: str) -> str:
        return f"{self.root if self.header == '.' else self.header}/{column}"

    def _table_name(self, table: Any, columns: Mapping[str, str]) -> str:
        if self.name.startswith("@"):
            return (table.get(self.name[1:]) or "").strip()
        return self._local(table) if self.name == "." else columns.get(self.name, "")

    def _local(self, element: Any) -> str:
        """The name of an element, without the namespace of the envelope."""
        return self._plain(str(element.tag))

    def _plain(self, name: str) -> str:
        if self.namespace == _ANY:
            return name.rpartition("}")[2]
        return name.removeprefix(f"{{{self.namespace}}}") if self.namespace else name

    def _steps(self, path: str) -> str:
        """A path as lxml takes it."""
        if not self.namespace:
            return path
        return "/".join(step if step == "*" else f"{{{self.namespace}}}{step}" for step in path.split("/"))


class WrongField(ValueError):
    """What cannot be used in a table of the file, for a reason; `field` is where, empty for what is not there."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def _add(found: dict[str, str], column: str, text: str | None, again: str = "") -> None:
    value = trimmed(text)
    if value is None or (len(value) == len(NO_VALUE) and half_width(value) == NO_VALUE):
        return
    if found.setdefault(column, value) != value and again:
        found.setdefault(f"{column}{again}", value)


def read_envelope(table: Mapping[str, Any]) -> Envelope:
    """The envelope of a table. Raises `WrongField` when it cannot be used."""
    known = {field.name: field for field in fields(Envelope)}
    for name, value in table.items():
        if name not in known:
            raise WrongField(name, f"unknown field {name}: an envelope has {', '.join(known)}")
        if name not in _LISTS and not isinstance(value, str):
            raise WrongField(name, f"{name} must be text")
    for name, field in known.items():
        if field.default is MISSING and not table.get(name):
            raise WrongField(name, f"an envelope needs {name}")
    lists = {name: _texts(name, table[name]) for name in _LISTS if name in table}
    for form in (form for form in lists.get("forms", ()) if not is_form(form)):
        raise WrongField("forms", no_form(form))
    envelope = Envelope(**{**table, **lists})
    for name in ("header", "table", "row"):
        check_path(name, getattr(envelope, name))
    return envelope


def check_path(field: str, path: str) -> None:
    """Raises `WrongField` for what is no path of element names."""
    if not _PATH.fullmatch(path):
        raise WrongField(field, f"{path!r} is no path of elements, such as data/record")


_LISTS = {"upload": "codes", "forms": "forms of dates"}
"""Keys of an envelope that are lists, and what of."""


def _texts(name: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise WrongField(name, f"{name} must be a list of {_LISTS[name]}")
    return tuple(given)


def _counts(declared: str, rows: int) -> bool:
    return declared.isascii() and declared.isdigit() and (declared.lstrip("0") or "0") == str(rows)
