"""What hospitals of the three regions offer: organisations, wards, laboratory panels, examinations, drugs, diagnoses.

Item codes, names and units are those of common rules §7.2 and §7.5 and Qingpu §4.4; the rest is invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hospital:
    """A registered organisation (common rules §3); `charset` is what its systems write; `label` what they declare."""

    code: str
    uscc: str
    name: str
    region: str
    charset: str
    label: str
    inpatients: bool
    number: int


HOSPITALS: Mapping[str, tuple[Hospital, ...]] = {
    "wujiang": (
        Hospital("WJYY", "12320509MBHE01015B", "吴江区第一人民医院", "wujiang", "utf-8", "UNICODE UTF-8", True, 1),
        Hospital("WJZY", "12320509MBHE010236", "吴江区中医医院", "wujiang", "gb18030", "GB18030", True, 2),
        Hospital("WJSL", "12320509MBHE010311", "吴江区松陵街道社区卫生服务中心", "wujiang", "gb18030", "", False, 3),
    ),
    "jiashan": (
        Hospital("JSYY", "12330421MBHE020186", "嘉善县第一人民医院", "jiashan", "utf-8", "UTF-8", True, 4),
        Hospital("JSZY", "12330421MBHE020261", "嘉善县中医医院", "jiashan", "gb18030", "GB18030", True, 5),
        Hospital("JSWT", "12330421MBHE02034U", "嘉善县魏塘街道社区卫生服务中心", "jiashan", "utf-8", "UTF-8", False, 6),
    ),
    "qingpu": (
        Hospital("QPZS", "12310118MBHE03010J", "青浦区中山医院", "qingpu", "utf-8", "UTF-8", True, 7),
        Hospital("QPZJ", "12310118MBHE03029F", "青浦区朱家角人民医院", "qingpu", "gb18030", "GB18030", True, 8),
        Hospital("QPYP", "12310118MBHE03037A", "青浦区盈浦街道社区卫生服务中心", "qingpu", "utf-8", "UTF-8", False, 9),
    ),
}
"""Region -> its hospitals; the third is a community health centre without beds."""

REGIONS = tuple(HOSPITALS)


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory item: zone code, name, unit, reference range, decimals, and Qingpu's and WJZY's own numbers."""

    code: str
    name: str
    unit: str
    low: float
    high: float
    decimals: int
    qingpu: str = ""
    number: str = ""

    @property
    def interval(self) -> str:
        """The reference range as hospitals write it."""
        return f"{self.low:g}-{self.high:g}"


ANALYTES: Mapping[str, Analyte] = {
    analyte.code: analyte
    for analyte in (
        Analyte("WBC", "白细胞计数", "10^9/L", 3.5, 9.5, 2, "1039001001", "05051101"),
        Analyte("RBC", "红细胞计数", "10^12/L", 3.8, 5.1, 2, "1039001002", "05051102"),
        Analyte("HGB", "血红蛋白", "g/L", 115, 150, 0, "1039001003", "05051103"),
        Analyte("PLT", "血小板计数", "10^9/L", 125, 350, 0, "1039001004", "05051104"),
        Analyte("GLU", "葡萄糖", "mmol/L", 3.9, 6.1, 2, "1039002001"),
        Analyte("K", "钾", "mmol/L", 3.5, 5.3, 2, "1039002002"),
        Analyte("NA", "钠", "mmol/L", 137, 147, 0),
        Analyte("CL", "氯", "mmol/L", 99, 110, 0),
        Analyte("CREA", "肌酐", "umol/L", 41, 73, 0, "1039002003"),
        Analyte("UREA", "尿素", "mmol/L", 2.6, 7.5, 2, "1039002004"),
        Analyte("ALT", "丙氨酸氨基转移酶", "U/L", 7, 40, 0, "1039002005"),
        Analyte("TC", "总胆固醇", "mmol/L", 2.8, 5.2, 2),
        Analyte("TG", "甘油三酯", "mmol/L", 0.5, 1.7, 2),
        Analyte("LDL", "低密度脂蛋白胆固醇", "mmol/L", 1.5, 3.4, 2),
        Analyte("CRP", "C反应蛋白", "mg/L", 0, 10, 1, "1039003001"),
        Analyte("HBA1C", "糖化血红蛋白", "%", 4, 6, 1, "1039003003"),
    )
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A laboratory report type: local code, name, class of Qingpu §4.3, specimen, and items."""

    code: str
    name: str
    group: str
    specimen: tuple[str, str]
    analytes: tuple[str, ...]


BLOOD_COUNT = Panel("XCG", "血常规", "2", ("0101", "全血"), ("WBC", "RBC", "HGB", "PLT"))
CHEMISTRY = Panel("SH", "生化", "3", ("0102", "血清"), ("GLU", "K", "NA", "CL", "CREA", "UREA", "ALT"))
LIPIDS = Panel("XZ", "血脂", "3", ("0102", "血清"), ("TC", "TG", "LDL"))
GLYCATED = Panel("TH", "糖化血红蛋白", "3", ("0101", "全血"), ("HBA1C", "GLU"))
INFLAMMATION = Panel("CRP", "C反应蛋白", "4", ("0102", "血清"), ("CRP",))


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug of a prescription: code, name, specification, dose and unit, times a day, days, pieces in all."""

    code: str
    name: str
    form: str
    dose: tuple[str, str]
    times: int
    days: int
    pieces: int


@dataclass(frozen=True, slots=True)
class Disease:
    """A reason to see a doctor: diagnosis, complaint, ward, panels, shifted items, drugs; `chronic` ones come back."""

    code: str
    name: str
    complaint: str
    ward: tuple[str, str]
    panels: tuple[Panel, ...]
    shifts: Mapping[str, float]
    drugs: tuple[Drug, ...]
    chronic: bool = False


_AMOXICILLIN = Drug("YP1001", "阿莫西林胶囊", "0.25g*24粒", ("0.5", "g"), 3, 7, 42)
_IBUPROFEN = Drug("YP1002", "布洛芬缓释胶囊", "0.3g*20粒", ("0.3", "g"), 2, 3, 6)
_METFORMIN = Drug("YP1003", "二甲双胍片", "0.5g*60片", ("0.5", "g"), 2, 28, 56)
_AMLODIPINE = Drug("YP1004", "苯磺酸氨氯地平片", "5mg*28片", ("5", "mg"), 1, 28, 28)
_ATORVASTATIN = Drug("YP1005", "阿托伐他汀钙片", "20mg*28片", ("20", "mg"), 1, 28, 28)

_MEDICINE = ("W11", "内科病区")
_CHEST = ("W12", "呼吸内科病区")
_HEART = ("W13", "心血管内科病区")
_SURGERY = ("W21", "普外科病区")

DISEASES: tuple[Disease, ...] = (
    Disease("E11.900", "2型糖尿病", "多饮多尿", _MEDICINE, (GLYCATED, CHEMISTRY), {"GLU": 1.7, "HBA1C": 1.6},
            (_METFORMIN,), chronic=True),
    Disease("I10.x05", "高血压病", "头晕", _HEART, (CHEMISTRY, LIPIDS), {"CREA": 1.2, "LDL": 1.2},
            (_AMLODIPINE, _ATORVASTATIN), chronic=True),
    Disease("N18.900", "慢性肾脏病", "乏力", _MEDICINE, (CHEMISTRY, BLOOD_COUNT), {"CREA": 3.4, "UREA": 2.1, "K": 1.2},
            (_AMLODIPINE,), chronic=True),
    Disease("J18.900", "肺炎", "发热咳嗽三天", _CHEST, (BLOOD_COUNT, INFLAMMATION), {"WBC": 1.9, "CRP": 6.0},
            (_AMOXICILLIN, _IBUPROFEN)),
    Disease("J06.900", "上呼吸道感染", "咽痛", _CHEST, (BLOOD_COUNT,), {"WBC": 1.3}, (_IBUPROFEN,)),
    Disease("K35.900", "急性阑尾炎", "右下腹痛半天", _SURGERY, (BLOOD_COUNT, INFLAMMATION), {"WBC": 2.1, "CRP": 5.0},
            (_AMOXICILLIN,)),
    Disease("I20.000", "不稳定性心绞痛", "胸痛", _HEART, (CHEMISTRY, LIPIDS), {"TC": 1.3, "LDL": 1.4},
            (_ATORVASTATIN,)),
)  # fmt: skip
"""Every disease; the first three are chronic and come back with a laboratory series."""


@dataclass(frozen=True, slots=True)
class Examination:
    """An imaging examination: category text of Jiashan, EXAMTYPE of Qingpu, name, site, findings and impression."""

    category: str
    type: str
    name: str
    site: str
    findings: str
    impression: str
    positive: bool


EXAMINATIONS: tuple[Examination, ...] = (
    Examination("CT", "01", "胸部CT平扫", "胸部", "右肺上叶见磨玻璃结节，约6mm。", "右肺上叶结节，建议随访。", True),
    Examination("X线", "04", "胸部正位片", "胸部", "两肺纹理清晰，心影不大。", "未见明显异常。", False),
    Examination("超声", "06", "腹部超声", "腹部", "肝胆胰脾未见占位。", "未见明显异常。", False),
    Examination("超声", "06", "甲状腺超声", "甲状腺", "右叶低回声结节，边界清。", "甲状腺结节，TI-RADS 3类。", True),
)

STAFF = ("周闻", "孙谨", "陆明", "贺宁", "高展", "蒋禾", "童安", "祝清")
"""Doctors and technicians."""
