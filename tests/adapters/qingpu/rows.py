"""Rows with everything a table must have, to be varied by tests."""

from tests.parse.envelope import envelope, row, table

TABLES = {
    "patient": "TB_YL_PATIENT_INFORMATION",
    "outpatient": "TB_YL_MZ_MEDICAL_RECORD",
    "inpatient": "TB_YL_ZY_MEDICAL_RECORD",
    "report": "TB_LIS_REPORT",
    "result": "TB_LIS_INDICATORS",
    "imaging": "TB_RIS_REPORT",
    "summary": "TB_CIS_LEAVEHOSPITAL_SUMMARY",
    "diagnosis": "TB_IH_DIAGNOSIS_DETAIL",
}

FULL: dict[str, dict[str, str]] = {
    "patient": {"KH": "K1", "KLX": "1", "XM": "柯宁", "XB": "1", "CSRQ": "19511111"},
    "outpatient": {"JZLSH": "V1", "KH": "K1", "KLX": "1", "JZLX": "1", "JZSJ": "2026-04-02 08:15:00"},
    "inpatient": {"JZLSH": "V1", "KH": "K1", "KLX": "1", "RYSJ": "2026-04-03 10:20:00", "CYSJ": "-"},
    "report": {
        "BGRQ": "20260402",
        "BGDH": "L1",
        "JZLSH": "V1",
        "BGSJ": "2026-04-02 09:30:00",
        "CJSJ": "2026-04-02 08:40:00",
        "SHSJ": "2026-04-02 09:30:00",
        "BGDLBBM": "2",
        "BGDLB": "血常规",
    },
    "result": {
        "JYZBLSH": "I1",
        "BGRQ": "20260402",
        "BGDH": "L1",
        "JYZBDM": "1039001001",
        "JYZBMC": "白细胞计数",
        "JYZBJG": "6.20",
        "JLDW": "10^9/L",
        "CKZ": "3.5-9.5",
        "YCTS": "1",
    },
    "imaging": {
        "INSTANCEUID": "1.2.3",
        "JZLSH": "V1",
        "EXAMTYPE": "06",
        "JCMC": "甲状腺超声",
        "YXBX": "未见异常",
        "BGSJ": "2026-04-02 10:30:00",
        "JCSJ": "2026-04-02 10:00:00",
        "SHSJ": "2026-04-02 11:00:00",
    },
    "summary": {"JZLSH": "V1", "RYZD": "胸痛待查"},
    "diagnosis": {"ZYZDLSH": "D1", "JZLSH": "V1", "ZDLB": "2", "ZDBM": "I25.101", "ZDSM": "冠心病"},
}
"""Short name of a table -> columns of a row without any finding above info."""

EVERYTHING: dict[str, dict[str, str]] = {
    "patient": {"ZJLX": "01", "ZJHM": "32059819680417512x", "LXRXM": "柯安", "LXRGX": "子", "LXRDH": "12000000001"},
    "inpatient": {"JZKSBM": "0301", "JZKSMC": "内科", "JZYSXM": "程澄", "LYFS": "1"},
    "report": {"BBDM": "01", "BBMC": "全血", "JYSJ": "2026-04-02 08:50:00", "HZXM": "柯宁", "MZZYBZ": "2"},
    "result": {"MXXMBM": "H1", "MXXMBMYB": "Y1", "YQBH": "E1", "YQMC": "分析仪", "JYZBJG": "10.20", "YCTS": "3"},
    "imaging": {"STUDYUID": "1.2", "JCBW": "甲状腺", "YXZD": "结节"},
    "summary": {"CYQK": "2"},
    "diagnosis": {"CYZDBZ": "1", "YZDBZ": "1"},
}
"""Short name of a table -> more columns than a row must have."""

KEYS = {
    "patient": ("KH", "KLX"),
    "outpatient": ("JZLSH",),
    "inpatient": ("JZLSH",),
    "report": ("BGRQ", "BGDH"),
    "result": ("JYZBLSH",),
    "imaging": ("INSTANCEUID",),
    "summary": ("JZLSH",),
    "diagnosis": ("ZYZDLSH",),
}
"""Short name of a table -> key columns besides the organisation."""


def one(kind: str, **columns: str) -> bytes:
    """An envelope with one full row, varied by `columns`."""
    return upload((kind, columns))


def upload(*rows: tuple[str, dict[str, str]], batch: str = "B1", at: str = "2026-04-10 22:00:00") -> bytes:
    """An envelope with full rows, each varied by its columns."""
    tables = (table(TABLES[kind], row(n, **{**FULL[kind], **more})) for n, (kind, more) in enumerate(rows, 1))
    return envelope(*tables, PCH=batch, SCSJ=at)


def revocation(kind: str, batch: str = "B2", at: str = "2026-04-11 22:00:00", **columns: str) -> bytes:
    """An envelope that revokes a row, with its key only."""
    filled = {**FULL[kind], **columns}
    keys = {column: filled[column] for column in KEYS[kind]}
    return envelope(table(TABLES[kind], row(1, **keys, XGBZ="2", QT="-")), PCH=batch, SCSJ=at)
