"""Qingpu: a visit as TB_* rows in HieUpload envelopes (interface document `qingpu-xml`)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from hie.simulate.catalogue import colleague, staff_number
from hie.simulate.history import Visit
from hie.simulate.item import Act
from hie.simulate.reports import Report
from hie.simulate.results import Result

DOOR, ENDING = "qingpu-xml", "xml"
PATIENT, OUTPATIENT, INPATIENT = "TB_YL_PATIENT_INFORMATION", "TB_YL_MZ_MEDICAL_RECORD", "TB_YL_ZY_MEDICAL_RECORD"
REPORT, INDICATOR, IMAGING = "TB_LIS_REPORT", "TB_LIS_INDICATORS", "TB_RIS_REPORT"
SUMMARY, DIAGNOSIS = "TB_CIS_LEAVEHOSPITAL_SUMMARY", "TB_IH_DIAGNOSIS_DETAIL"
_FLAGS = {"N": "1", "A": "2", "H": "3", "HH": "3", "L": "4", "LL": "4"}
_NOTHING = "-"

Row = dict[str, str]


@dataclass
class Envelope:
    """An upload before it is written: `count` is HS when it is wrong, `cut` cuts the bytes off."""

    organisation: str
    batch: str
    uploaded: datetime
    declared: str
    charset: str
    rows: list[tuple[str, Row]] = field(default_factory=list)
    count: int | None = None
    cut: bool = False

    @property
    def type(self) -> str:
        """The tables it carries, each once."""
        return "+".join(dict.fromkeys(table for table, _ in self.rows))

    def of(self, table: str) -> list[Row]:
        """The rows of a table."""
        return [row for name, row in self.rows if name == table]

    def bytes(self) -> bytes:
        """The bytes as they are sent."""
        head = f'<?xml version="1.0" encoding="{self.declared}"?>\n<HieUpload version="1.0">\n'
        head += f"<Header><YLJGYQDM>{self.organisation}</YLJGYQDM><JYM>UPLOAD</JYM><PCH>{self.batch}</PCH>"
        count = len(self.rows) if self.count is None else self.count
        head += f"<SCSJ>{_time(self.uploaded)}</SCSJ><HS>{count}</HS></Header>\n"
        body = (head + "".join(self._tables()) + "</HieUpload>\n").encode(self.charset)
        return body[: body.index(b">", len(body) // 2) - 1] if self.cut else body

    def _tables(self) -> Iterator[str]:
        for number, (table, row) in enumerate(self.rows, start=1):
            columns = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in row.items())
            yield f'<Table name="{table}"><Row seq="{number}">{columns}</Row></Table>\n'


def acts(visit: Visit) -> list[Act]:
    """The uploads of a visit: the visit, each report, its results, what was corrected, the discharge."""
    found = [Act(visit.start + timedelta(minutes=10), "visit")]
    if visit.cancelled:
        return [*found, Act(visit.start + timedelta(minutes=40), "revoke")]
    for number, report in enumerate(visit.reports):
        thread = f"report/{number}"
        found.append(Act(report.issued, "report", number, thread, swaps=True))
        found.append(Act(report.issued + timedelta(minutes=1), "results", number, thread))
        if report.again:
            found.append(Act(report.issued + timedelta(hours=3), "again", number))
    if visit.examination:
        found.append(Act(visit.start + timedelta(minutes=95, seconds=30), "imaging"))
    if visit.end:
        found.append(Act(visit.end + timedelta(hours=1), "discharge"))
    return sorted(found, key=lambda act: act.at)


def message(visit: Visit, act: Act) -> Envelope:
    """The envelope of an act."""
    hospital = visit.hospital
    declared = "UTF-8" if hospital.code == "QPYP" else hospital.label
    envelope = Envelope(hospital.uscc, f"{visit.number}-{act.what}{act.report}", act.at, declared, hospital.charset)
    envelope.rows += _ROWS[act.what](visit, act)
    return envelope


def _opening(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    """A front-end uploads the person once, and later only what is new."""
    person = [(PATIENT, _patient(visit))] if visit.fresh else []
    return [*person, _visit(visit, act)]


def _closing(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    return [_visit(visit, act), (SUMMARY, _summary(visit)), (DIAGNOSIS, _diagnosis(visit, act))]


def _report(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    return [(REPORT, _report_row(visit, visit.reports[act.report], act.report))]


def _results(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    report = visit.reports[act.report]
    return [(INDICATOR, row) for row in _indicators(visit, report, act.report)]


def _again(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    report = visit.reports[act.report]
    return [(INDICATOR, _indicator(visit, report, act.report, report.repeated, report.corrected[report.repeated]))]


def _imaging(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    done = visit.examination
    if done is None:
        return []
    study = f"1.2.156.9.{visit.hospital.number}.{int(visit.number)}"
    row = {
        "YLJGYQDM": visit.hospital.uscc, "INSTANCEUID": f"{study}.1", "JZLSH": f"JZ{visit.number}", "STUDYUID": study,
        "EXAMTYPE": done.type, "JCBW": done.site, "JCMC": done.name, "YXBX": done.findings, "YXZD": done.impression,
        "YYS": "1" if done.positive else "0", "JCSJ": _time(visit.start + timedelta(minutes=40)),
        "BGSJ": _time(act.at - timedelta(minutes=20)), "SHSJ": _time(act.at - timedelta(minutes=10)), "XGBZ": "1",
    }  # fmt: skip
    return [(IMAGING, row)]


def _revocation(visit: Visit, act: Act) -> list[tuple[str, Row]]:
    return [(OUTPATIENT, {"YLJGYQDM": visit.hospital.uscc, "JZLSH": f"JZ{visit.number}", "XGBZ": "2"})]


_ROWS = {
    "visit": _opening,
    "report": _report,
    "results": _results,
    "again": _again,
    "imaging": _imaging,
    "discharge": _closing,
    "revoke": _revocation,
}


def _patient(visit: Visit) -> Row:
    record, person = visit.record, visit.record.person
    return {
        "YLJGYQDM": visit.hospital.uscc, "KH": f"KH{record.local:08d}", "KLX": "1", "YYDAH": f"YY{record.local:08d}",
        "XM": record.name, "XB": "1" if person.male else "2", "CSRQ": f"{person.born:%Y%m%d}", "ZJLX": "01",
        "ZJHM": record.national_id or _NOTHING, "GJJKKID": record.health_card or _NOTHING,
        "HYZK": "20" if person.spouse else "10", "MZ": "01", "GJ": "CHN", "SJHM": person.phone, "DHHM": _NOTHING,
        "JZDZ": person.address, "HKDZ": _NOTHING, "LXRXM": _NOTHING, "LXRGX": _NOTHING, "LXRDH": _NOTHING, "XGBZ": "1",
    }  # fmt: skip


def _visit(visit: Visit, act: Act) -> tuple[str, Row]:
    row = {
        "YLJGYQDM": visit.hospital.uscc, "JZLSH": f"JZ{visit.number}", "KH": f"KH{visit.record.local:08d}", "KLX": "1",
        "JZKSBM": visit.department[0], "JZKSMC": visit.department[1],
    }  # fmt: skip
    if visit.end is None:
        row |= {"JZLX": "2" if visit.kind == "emergency" else "1", "JZSJ": _time(visit.start)}
        return OUTPATIENT, row | {"JZYSXM": visit.doctor, "XGBZ": "1"}
    left = act.what == "discharge"
    row |= {"RYSJ": _time(visit.start), "CYSJ": _time(visit.end) if left else "1900-01-01 00:00:00"}
    row |= {"CISID": f"ZY{visit.number}", "BAH": f"BA{visit.record.local:08d}", "LYFS": "1" if left else _NOTHING}
    return INPATIENT, row | {"JZYSXM": visit.doctor, "XGBZ": "1"}


def _report_row(visit: Visit, report: Report, number: int) -> Row:
    return {
        "YLJGYQDM": visit.hospital.uscc, **_report_key(visit, report, number), "JZLSH": f"JZ{visit.number}",
        "MZZYBZ": "2" if visit.end else "1", "HZXM": visit.record.name, "BRXB": _NOTHING, "BRNL": _NOTHING,
        "SQYHRYID": visit.doctor_number, **_signed(visit), "BGSJ": _time(report.issued),
        "CJSJ": _time(report.sampled), "JYSJ": _NOTHING, "SHSJ": _time(report.issued), "BBDM": report.panel.specimen[0],
        "BBMC": report.panel.specimen[1], "BGDLBBM": report.panel.group, "BGDLB": report.panel.name, "XGBZ": "1",
    }  # fmt: skip


def _signed(visit: Visit) -> Row:
    """Who wrote and who checked a report: colleagues of the doctor."""
    names = {"BGYHRYID": colleague(visit.doctor, 2), "SHYHRYID": colleague(visit.doctor, 3)}
    return {column: staff_number(visit.hospital, name) for column, name in names.items()}


def _report_key(visit: Visit, report: Report, number: int) -> Row:
    """The report number starts again every day: it is the same at each visit of a person."""
    return {"BGRQ": f"{report.issued:%Y%m%d}", "BGDH": f"L{visit.record.local:08d}{number}"}


def _indicators(visit: Visit, report: Report, number: int) -> Iterator[Row]:
    for place, result in enumerate(report.results):
        yield _indicator(visit, report, number, place, result)


def _indicator(visit: Visit, report: Report, number: int, place: int, result: Result) -> Row:
    analyte = result.analyte
    row = {
        "YLJGYQDM": visit.hospital.uscc, "JYZBLSH": f"I{visit.number}{number}{place}",
        **_report_key(visit, report, number), "JYZBDM": analyte.qingpu or analyte.code, "JYZBMC": analyte.name,
        "JYZBJG": result.value, "JLDW": analyte.unit or _NOTHING, "CKZ": result.interval.replace("-", "～"),
        "YCTS": _FLAGS[result.flag],
    }  # fmt: skip
    return row | ({"WJZBZ": "1"} if len(result.flag) == 2 else {}) | {"JYFF": _NOTHING, "XGBZ": "1"}


def _summary(visit: Visit) -> Row:
    return {
        "YLJGYQDM": visit.hospital.uscc, "JZLSH": f"JZ{visit.number}", "RYZD": visit.disease.complaint,
        "RYZZTZ": _NOTHING, "JCHZ": "见检验检查报告", "ZLGC": "予对症治疗", "CYZD": visit.disease.name, "CYQK": "2",
        "CYQKMS": "症状好转", "CYYZ": "门诊随访", "XGBZ": "1",
    }  # fmt: skip


def _diagnosis(visit: Visit, act: Act) -> Row:
    return {
        "YLJGYQDM": visit.hospital.uscc, "ZYZDLSH": f"D{visit.number}", "JZLSH": f"JZ{visit.number}", "ZDLB": "2",
        "ZDBM": visit.disease.code, "ZDSM": visit.disease.name, "CYZDBZ": "1", "YZDBZ": _NOTHING,
        "ZDSJ": _time(act.at), "XGBZ": "1",
    }  # fmt: skip


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
