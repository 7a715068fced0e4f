"""The sections of Jiashan's documents (interface document §6), as XML text."""

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from hie.simulate.catalogue import Drug
from hie.simulate.history import Visit
from hie.simulate.item import compact
from hie.simulate.reports import Report
from hie.simulate.results import Result

_LOINC = 'codeSystem="2.16.840.1.113883.6.1" codeSystemName="LOINC"'
_FLAGS = {
    "N": ("1", "正常"), "A": ("2", "异常"), "H": ("3", "偏高"), "L": ("4", "偏低"),
    "HH": ("5", "危急"), "LL": ("5", "危急"),
}  # fmt: skip
_ICD10, _ICD9 = "2.16.156.10011.2.3.3.11", "2.16.156.10011.2.3.3.12"

Sections = Callable[[Visit, Report | None, tuple[Result, ...]], str]


def observation(code: str, shown: str, value: str, time: str = "", inner: str = "") -> str:
    """An observation entry: DE code, its name, the value element, effective time and what is nested in it."""
    return (
        f'<observation classCode="OBS" moodCode="EVN"><code code="{code}" codeSystem="2.16.156.10011.2.2.1"'
        f' displayName="{shown}"/>{time}{value}{inner}</observation>'
    )


def _text(value: str) -> str:
    return f'<value xsi:type="ST">{escape(value)}</value>'


def _coded(code: str, shown: str, system: str) -> str:
    return f'<value xsi:type="CD" code="{code}" codeSystem="{system}" displayName="{shown}"/>'


def _section(code: str, shown: str, *entries: str) -> str:
    head = f'<code code="{code}" displayName="{shown}" {_LOINC}/>' if code else f'<code displayName="{shown}"/>'
    body = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f"<component><section>{head}<text></text>{body}</section></component>\n"


def _diagnosis(visit: Visit, shown: str = "诊断代码") -> str:
    return observation("DE05.01.024.00", shown, _coded(visit.disease.code, visit.disease.name, _ICD10))


def _outpatient(visit: Visit, _: Report | None, __: tuple[Result, ...]) -> str:
    complaint = observation("DE04.01.119.00", "主诉", _text(visit.disease.complaint))
    history = observation("DE02.10.071.00", "现病史", _text("患者既往体健。"))
    return (
        _section("10154-3", "CHIEF COMPLAINT", complaint)
        + _section("10164-2", "HISTORY OF PRESENT ILLNESS", history)
        + _section("29548-5", "Diagnosis", _diagnosis(visit))
    )


def _prescription(visit: Visit, _: Report | None, __: tuple[Result, ...]) -> str:
    drugs = [_administration(drug) for drug in visit.drugs]
    return _section("29548-5", "Diagnosis", _diagnosis(visit)) + _section(
        "10160-0", "HISTORY OF MEDICATION USE", *drugs
    )


def _administration(drug: Drug) -> str:
    nested = (
        observation("DE08.50.043.00", "药物规格", _text(drug.form)),
        observation("DE06.00.135.00", "药物使用总剂量", f'<value xsi:type="INT" value="{drug.pieces}"/>'),
        observation("DE06.00.294.00", "用药天数", f'<value xsi:type="PQ" value="{drug.days}" unit="天"/>'),
        observation("DE08.50.056.00", "处方药品组号", '<value xsi:type="INT" value="1"/>'),
    )
    return (
        '<substanceAdministration classCode="SBADM" moodCode="EVN"><text/>'
        '<routeCode code="1" displayName="口服" codeSystem="2.16.156.10011.2.3.1.158"/>'
        f'<doseQuantity value="{drug.dose[0]}" unit="{drug.dose[1]}"/><rateQuantity value="{drug.times}" unit="次/日"/>'
        "<consumable><manufacturedProduct><manufacturedLabeledDrug>"
        f"<code>{drug.code}</code><name>{drug.name}</name>"
        "</manufacturedLabeledDrug></manufacturedProduct></consumable>"
        + "".join(f'<entryRelationship typeCode="COMP">{inner}</entryRelationship>' for inner in nested)
        + "</substanceAdministration>"
    )


def _examination(visit: Visit, _: Report | None, __: tuple[Result, ...]) -> str:
    done = visit.examination
    if done is None:
        return ""
    code = ("2", "异常") if done.positive else ("1", "正常")
    nested = (
        observation("DE04.30.018.00", "检查类别", _text(done.category)),
        observation("DE04.30.017.00", "检查结果代码", _coded(*code, "2.16.156.10011.2.3.2.38")),
    )
    inner = "".join(f'<entryRelationship typeCode="COMP">{one}</entryRelationship>' for one in nested)
    time = f'<effectiveTime value="{compact(visit.start)}"/>'
    item = observation("DE04.30.019.00", "检查项目", _text(done.name), time, inner)
    organizer = f'<organizer classCode="CLUSTER" moodCode="EVN"><statusCode/><component>{item}</component></organizer>'
    seen = observation("DE04.50.131.00", "检查报告结果-客观所见", _text(done.findings))
    concluded = observation("DE04.50.131.00", "检查报告结果-主观提示", _text(done.impression))
    return _section("", "检查报告", organizer, seen, concluded)


def _laboratory(visit: Visit, report: Report | None, results: tuple[Result, ...]) -> str:
    if report is None:
        return ""
    category = observation("DE04.30.018.00", "检验类别", _text(report.panel.name))
    if visit.hospital.code == "JSWT":
        flat = [entry for result in results for entry in _flat(report, result)]
        return _section("", "检验报告", category, *flat)
    items = "".join(f"<component>{_nested(report, result)}</component>" for result in results)
    organizer = f'<organizer classCode="CLUSTER" moodCode="EVN"><statusCode/>{items}</organizer>'
    return _section("", "检验报告", category, organizer)


def _flat(report: Report, result: Result) -> tuple[str, ...]:
    return (_item(report, result), _specimen(report), *_values(result))


def _specimen(report: Report) -> str:
    low, high = compact(report.sampled), compact(report.issued)
    time = f'<effectiveTime><low value="{low}"/><high value="{high}"/></effectiveTime>'
    return observation("DE04.50.134.00", "标本类别", _text(report.panel.specimen[1]), time)


def _nested(report: Report, result: Result) -> str:
    parts = (_specimen(report), *_values(result))
    inner = "".join(f'<entryRelationship typeCode="COMP">{part}</entryRelationship>' for part in parts)
    return _item(report, result, inner)


def _item(report: Report, result: Result, inner: str = "") -> str:
    time = f'<effectiveTime value="{report.sampled:%Y%m%d}"/>'
    return observation("DE04.30.019.00", "检验项目", _text(result.analyte.name), time, inner)


def _values(result: Result) -> tuple[str, ...]:
    flag = _coded(*_FLAGS[result.flag], "2.16.156.10011.2.3.2.38")
    value = _real(result.value) if result.numeric else _text(result.value)
    stated = (
        observation("DE04.30.017.00", "检验结果代码", flag),
        observation("DE04.30.015.00", "检验定量结果", value),
    )
    unit = result.analyte.unit
    return (*stated, observation("DE04.30.016.00", "检查定量结果计量单位", _text(unit))) if unit else stated


def _real(value: str) -> str:
    """A REAL with four decimals; a word in the place of a number is sent as REAL all the same."""
    number = f"{float(value):.4f}" if value.replace(".", "", 1).isdigit() else value
    return f'<value xsi:type="REAL" value="{number}"/>'


def _discharge(visit: Visit, _: Report | None, __: tuple[Result, ...]) -> str:
    condition = observation("DE06.00.193.00", "出院情况", _text("好转"))
    course = observation("DE06.00.296.00", "诊疗过程描述", _text("入院后完善检查，予对症治疗。"))
    orders = observation("DE06.00.287.00", "出院医嘱", _text("注意休息，两周后复诊。"))
    text = _section("46241-6", "HOSPITAL ADMISSION DX", _diagnosis(visit, "入院诊断-西医诊断编码"))
    text += _section("11535-2", "Discharge Diagnosis", _diagnosis(visit, "出院诊断-西医诊断编码"), condition)
    if visit.disease.code == "K35.900":
        when = compact(visit.start.replace(hour=20))
        text += _section(
            "47519-4",
            "HISTORY OF PROCEDURES",
            f'<procedure classCode="PROC" moodCode="EVN"><code code="47.0100" displayName="腹腔镜下阑尾切除术"'
            f' codeSystem="{_ICD9}"/><statusCode/><effectiveTime value="{when}"/></procedure>',
        )
    return text + _section("8648-8", "Hospital Course", course) + _section("46209-3", "Provider Orders", orders)


SECTIONS: Mapping[str, Sections] = {
    "C0002": _outpatient,
    "C0004": _prescription,
    "C0006": _examination,
    "C0007": _laboratory,
    "C0053": _discharge,
}
"""Document code -> what writes its sections."""
