"""Random items of each region about the same few people, visits, reports and documents.

Everything that the fold must put in order is in them: transfers, cancellations, discharges and their undoing, merges,
corrections, deletions, withdrawals, replacements, revocations, rows before their parents, control ids used twice.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random

from adapters.jiashan import adapter as jiashan
from tests.mapping.wujiang import message, pv1

Item = tuple[str, bytes]
"""A door and the bytes that come through it."""

_QPZS = "12310118MBHE03010J"
_NATIONAL = ("320598196804175127", "330498195701010010")
_DOCUMENTS = ("01", "02", "03", "06", "07")
_DOCUMENT_IDS = tuple(letter * 32 for letter in "abcdef")


def wujiang(random: Random) -> list[Item]:
    """Four to nine messages of one hospital; merges all lead to one survivor, so that none is refused as inverse."""
    return [("wujiang-hl7v2", _message(random, number)) for number in range(random.randint(4, 9))]


def _message(random: Random, number: int) -> bytes:
    time = f"202604{random.randint(1, 2):02}{random.randint(8, 12):02}{random.choice(['00', '30'])}00"
    header = {"f7": time, "f10": random.choice([f"C{number}", f"C{number}", "SAME"])}
    kind = random.choice(["visit", "visit", "visit", "person", "merge", "order", "report", "report"])
    if kind == "merge":
        return _at(message("ADT^A40", _pid(random, "L1"), f"MRG|L{random.randint(2, 4)}^^^^LocalID", **header), time)
    pid = _pid(random, random.choice(["L1", "L2", "L3"]))
    if kind == "person":
        return _at(message(f"ADT^{random.choice(['A28', 'A31', 'ZP1'])}", pid, **header), time)
    visit = _visit(random)
    if kind == "visit":
        event = random.choice(["A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A11", "A12", "A13"])
        diagnoses = [f"DG1|{n}||I1{n}^高血压|||{random.choice('AFW')}" for n in range(random.randint(0, 2))]
        return _at(message(f"ADT^{event}", pid, visit, *diagnoses, **header), time)
    if kind == "order":
        control = random.choice(["NW", "CA", "XO", "CM"])
        return message("ORM^O01", pid, visit, f"ORC|{control}|O1|||||||{time}", "OBR|1|O1||CBC^血常规", **header)
    results = [_result(random, n) for n in range(random.randint(0, 4))]
    obr = f"OBR|1|{random.choice(['O1', ''])}|R{random.randint(1, 2)}|CBC^血常规|||20260401080000"
    issued = f"{'|' * 15}{random.choice([time, ''])}|||{random.choice('FFCPX')}"
    specimen = random.choice(["SPM|1|S1||BLD^血", "SPM|1|||BLD^血", "ZZZ|1"])
    return message(random.choice(["ORU^R01", "OUL^R24"]), pid, visit, obr + issued, specimen, *results, **header)


def _at(body: bytes, time: str) -> bytes:
    return body.replace(b"20260401115900", time.encode())


def _pid(random: Random, number: str) -> str:
    more = random.choice(["", f"~{_NATIONAL[0]}^^^^IdentifyNO", "~C1^^^^IDCard"])
    name, birth = random.choice(["张三", "李四", "", '""']), random.choice(["19680417", "1990", ""])
    gender, place = random.choice(["M", "F", ""]), random.choice(["地址一", "地址二", "", '""'])
    return f"PID|1||{number}^^^^LocalID{more}||{name}||{birth}|{gender}|||{place}"


def _visit(random: Random) -> str:
    return pv1(
        f2=random.choice(["I", "O", "E", "X", ""]),
        f3=random.choice(["", "W1^1^1", "W2^1^2"]),
        f7=random.choice(["", "D1^王", "D2^李"]),
        f19=random.choice(["V1", "V1", "V2"]),
        f36=random.choice(["", "1", "5"]),
        f44=random.choice(["", "20260401080000"]),
        f45=random.choice(["", "20260402180000"]),
    )


def _result(random: Random, number: int) -> str:
    item, status = random.choice(["WBC", "RBC", "HGB"]), random.choice("FFFCDWXP")
    return f"OBX|{number}|NM|{item}||{random.randint(1, 9)}|g/L|1-5|{random.choice(['', 'H', 'N'])}|||{status}"


def jiashan_documents(random: Random) -> list[Item]:
    """Three to eight documents: the samples with other ids, versions, parents, people, visits, numbers and entries."""
    return [("jiashan-cda", _document(random)) for _ in range(random.randint(3, 8))]


def _document(random: Random) -> bytes:
    number = random.choice(_DOCUMENTS)
    own = _DOCUMENT_IDS[_DOCUMENTS.index(number)]
    identity = random.choice([own, own, random.choice(_DOCUMENT_IDS)])
    parent = random.choice(["", "", "", random.choice(_DOCUMENT_IDS)])
    effective = f"2026030{random.randint(2, 3)}1{random.randint(0, 5)}0000"
    version = random.choice(["", "", "0", "1", "2", "-1"])
    numbers = {"3": random.choice(["", "", *_NATIONAL])}
    for root, values in {"19": ["A800000517", "", ""], "11": ["MZ1", "MZ2", ""], "12": ["ZY1", "", ""]}.items():
        numbers[root] = random.choice(values)
    text = document(number, identity, effective, numbers, version, parent)
    for root, values in {"33": ["JY1", "JY2"], "20": ["CF1"]}.items():
        if f'2.16.156.10011.1.{root}" extension' in text:
            text = _with_number(text, root, random.choice(values))
    entries = re.findall(r"<entry[^>]*>.*?</entry>", text, re.DOTALL)
    if entries and random.random() < 0.3:
        text = text.replace(random.choice(entries), "", 1)
    return text.encode()


def document(
    number: str, identity: str, effective: str, numbers: Mapping[str, str], version: str = "", parent: str = ""
) -> str:
    """A Jiashan sample with another id, time, version and parent; `numbers` are those of the patient by their root, an
    empty one is left out."""
    text = next(jiashan.samples.glob(f"{number}-*.xml")).read_text(encoding="utf-8")
    for pattern, text_instead in (
        (r'(<id root="2\.16\.156\.10011\.1\.1" extension=")[^"]*', rf"\g<1>{identity}"),
        (r'(</title>\s*<effectiveTime value=")[^"]*', rf"\g<1>{effective}"),
        (r"<versionNumber>[^<]*</versionNumber>", f"<versionNumber>{version}</versionNumber>"),
        (r"(<parentDocument>\s*)<id></id>", rf"\g<1><id>{parent}</id>"),
        (r'(<id root="2\.16\.156\.10011\.1\.3" extension=")[^"]*', rf"\g<1>{numbers.get('3', '')}"),
    ):
        text = re.sub(pattern, text_instead, text, count=1)
    for root in ("19", "11", "12"):
        text = _with_number(text, root, numbers.get(root, ""))
    return text


def _with_number(text: str, root: str, value: str) -> str:
    oid = f"2.16.156.10011.1.{root}"
    text = re.sub(rf'<id root="{re.escape(oid)}" extension="[^"]*"/>', "", text)
    added = f'<id root="{oid}" extension="{value}"/>' if value else ""
    return text.replace('<patientRole classCode="PAT">', f'<patientRole classCode="PAT">{added}', 1)


def qingpu(random: Random) -> list[Item]:
    """Three to nine envelopes of one hospital, each with one to four rows of any table; the first has two people."""
    people = [("TB_YL_PATIENT_INFORMATION", {"KH": card, "KLX": "1", "XM": "张三"}) for card in ("K1", "K2")]
    envelopes = [people, *([_row(random) for _ in range(random.randint(1, 4))] for _ in range(random.randint(2, 8)))]
    return [("qingpu-xml", _envelope(random, number, rows)) for number, rows in enumerate(envelopes)]


def _row(random: Random) -> tuple[str, "Columns"]:
    return random.choice(_ROWS)(random)


def _envelope(random: Random, number: int, rows: Sequence[tuple[str, "Columns"]]) -> bytes:
    tables = "".join(
        f'<Table name="{table}"><Row seq="{seq}"><YLJGYQDM>{_QPZS}</YLJGYQDM>'
        + "".join(f"<{column}>{value}</{column}>" for column, value in columns.items())
        + "</Row></Table>"
        for seq, (table, columns) in enumerate(rows, 1)
    )
    uploaded = f"2026-04-0{random.randint(1, 3)} 1{random.randint(0, 4)}:00:00"
    header = {"YLJGYQDM": _QPZS, "JYM": "UPLOAD", "PCH": f"P{number}", "SCSJ": uploaded, "HS": len(rows)}
    head = "".join(f"<{column}>{value}</{column}>" for column, value in header.items())
    return f'<HieUpload version="1.0"><Header>{head}</Header>{tables}</HieUpload>'.encode()


Columns = dict[str, str]


def _flagged(random: Random, columns: Columns, unsaid: Sequence[str] = ()) -> Columns:
    """The columns with XGBZ; a revoking row does not say its parent."""
    flag = random.choice(["1", "1", "1", "-", "2"])
    hidden = dict.fromkeys(unsaid, "-") if flag == "2" else {}
    return {**columns, **hidden, "XGBZ": flag}


def _patient(random: Random) -> tuple[str, Columns]:
    columns = {"KH": random.choice(["K1", "K2"]), "KLX": "1", "XM": "张三", "XB": random.choice("12-")}
    more = {
        "GJJKKID": random.choice(["A1", "-"]),
        "JZDZ": random.choice("甲乙-"),
        "LXRXM": random.choice(["李四", "-"]),
    }
    return "TB_YL_PATIENT_INFORMATION", _flagged(random, {**columns, **more})


def _stay(random: Random) -> tuple[str, Columns]:
    table = random.choice(["TB_YL_MZ_MEDICAL_RECORD", "TB_YL_ZY_MEDICAL_RECORD"])
    columns = {"JZLSH": random.choice(["V1", "V2"]), "KH": random.choice(["K1", "K2"]), "KLX": "1", "JZLX": "2"}
    times = {"RYSJ": "2026-04-01 08:00:00", "CYSJ": random.choice(["1900-01-01", "2026-04-05 10:00:00"])}
    return table, _flagged(random, {**columns, **times}, ("KH", "KLX"))


def _report(random: Random) -> tuple[str, Columns]:
    columns = {"BGRQ": "20260401", "BGDH": random.choice(["B1", "B2"]), "JZLSH": random.choice(["V1", "V2"])}
    more = {"MZZYBZ": random.choice("12"), "SHSJ": random.choice(["-", "2026-04-01 10:00:00"]), "BBMC": "全血"}
    return "TB_LIS_REPORT", _flagged(random, {**columns, **more}, ("JZLSH",))


def _indicator(random: Random) -> tuple[str, Columns]:
    columns = {"JYZBLSH": f"I{random.randint(1, 3)}", "BGRQ": "20260401", "BGDH": random.choice(["B1", "B2"])}
    more = {"JYZBDM": "1039001001", "JYZBMC": "白细胞计数", "JYZBJG": random.choice("56")}
    return "TB_LIS_INDICATORS", _flagged(random, {**columns, **more}, ("BGRQ", "BGDH"))


def _diagnosis(random: Random) -> tuple[str, Columns]:
    columns = {"ZYZDLSH": random.choice(["D1", "D2"]), "JZLSH": random.choice(["V1", "V2"]), "ZDBM": "I10"}
    return "TB_IH_DIAGNOSIS_DETAIL", _flagged(random, {**columns, "ZDLB": random.choice("12")}, ("JZLSH",))


def _summary(random: Random) -> tuple[str, Columns]:
    columns = {"JZLSH": random.choice(["V1", "V2"]), "RYZD": random.choice("甲-"), "CYQK": random.choice("14-")}
    return "TB_CIS_LEAVEHOSPITAL_SUMMARY", _flagged(random, columns)


def _imaging(random: Random) -> tuple[str, Columns]:
    columns = {"INSTANCEUID": "R1", "JZLSH": random.choice(["V1", "V2"]), "STUDYUID": random.choice(["1.2.3", "-"])}
    more = {"EXAMTYPE": "01", "JCMC": "CT", "YXBX": random.choice(["所见", "-"]), "YXZD": "诊断"}
    return "TB_RIS_REPORT", _flagged(random, {**columns, **more}, ("JZLSH",))


_ROWS: tuple[Callable[[Random], tuple[str, Columns]], ...] = (
    _patient,
    _patient,
    _stay,
    _stay,
    _report,
    _report,
    _indicator,
    _indicator,
    _diagnosis,
    _summary,
    _imaging,
)
