"""What hospitals of the three regions offer: organisations, departments, examinations, drugs, and why people come."""

from collections.abc import Mapping
from dataclasses import dataclass

from hie.simulate.laboratory import (
    BLOOD_COUNT,
    CARDIAC,
    CHEMISTRY,
    COAGULATION,
    GLYCATED,
    HEPATITIS_B,
    INFLAMMATION,
    LIPIDS,
    URINALYSIS,
    Panel,
)


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
class Drug:
    """A drug of a prescription: code, name, specification, dose and unit, times a day, days, pieces in all. `child`:
    what a child gets instead of it."""

    code: str
    name: str
    form: str
    dose: tuple[str, str]
    times: int
    days: int
    pieces: int
    child: "Drug | None" = None


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


_LUNGS_CT = Examination(
    "CT", "01", "胸部CT平扫", "胸部", "右肺上叶见磨玻璃结节，约6mm。", "右肺上叶结节，建议随访。", True
)
_PNEUMONIA_CT = Examination("CT", "01", "胸部CT平扫", "胸部", "右肺下叶见斑片状渗出影。", "右肺下叶炎症。", True)
_CHEST_FILM = Examination("X线", "04", "胸部正位片", "胸部", "两肺纹理清晰，心影不大。", "未见明显异常。", False)
_ABDOMEN = Examination("超声", "06", "腹部超声", "腹部", "肝胆胰脾未见占位。", "未见明显异常。", False)
_APPENDIX = Examination(
    "超声", "06", "阑尾超声", "腹部", "右下腹见盲管状结构，外径约10mm。", "阑尾炎声像图改变。", True
)
_KIDNEYS = Examination(
    "超声", "06", "泌尿系超声", "腹部", "双肾实质回声增强，皮髓质分界欠清。", "双肾弥漫性病变。", True
)
_THYROID = Examination(
    "超声", "06", "甲状腺超声", "颈部", "右叶低回声结节，边界清。", "甲状腺结节，TI-RADS 3类。", True
)
_HEART_ULTRASOUND = Examination(
    "超声", "06", "心脏超声", "心脏", "左室壁稍增厚，射血分数60%。", "左室舒张功能减退。", True
)


@dataclass(frozen=True, slots=True)
class Department:
    """A department: its number, name, and what its clinic and its ward are called where beds have addresses."""

    number: str
    name: str

    @property
    def clinic(self) -> tuple[str, str]:
        """Code and name of the clinic."""
        return f"M{self.number}", f"{self.name}门诊"

    @property
    def ward(self) -> tuple[str, str]:
        """Code and name of the ward."""
        return f"W{self.number}", f"{self.name}病区"


_MEDICINE, _CHEST = Department("11", "内科"), Department("12", "呼吸内科")
_HEART, _SURGERY = Department("13", "心血管内科"), Department("21", "普外科")

EMERGENCY = ("J01", "急诊科")
"""Where emergencies are seen."""

_GRANULES = Drug("YP1006", "阿莫西林颗粒", "0.125g*24袋", ("0.25", "g"), 3, 7, 42)
_SUSPENSION = Drug("YP1007", "布洛芬混悬液", "100ml:2g", ("10", "ml"), 3, 3, 1)
_AMOXICILLIN = Drug("YP1001", "阿莫西林胶囊", "0.25g*24粒", ("0.5", "g"), 3, 7, 42, _GRANULES)
_IBUPROFEN = Drug("YP1002", "布洛芬缓释胶囊", "0.3g*20粒", ("0.3", "g"), 2, 3, 6, _SUSPENSION)
_METFORMIN = Drug("YP1003", "二甲双胍片", "0.5g*60片", ("0.5", "g"), 2, 28, 56)
_AMLODIPINE = Drug("YP1004", "苯磺酸氨氯地平片", "5mg*28片", ("5", "mg"), 1, 28, 28)
_ATORVASTATIN = Drug("YP1005", "阿托伐他汀钙片", "20mg*28片", ("20", "mg"), 1, 28, 28)


@dataclass(frozen=True, slots=True)
class Disease:
    """A reason to see a doctor: diagnosis, complaint, department, panels, shifted items, drugs, examinations.

    `share`: how often among those of its kind; `kinds`: shares of outpatients, emergencies and stays; `born`: nobody
    born later has it; `chronic` ones come back, one that happens `once` does not.
    """

    code: str
    name: str
    complaint: str
    department: Department
    panels: tuple[Panel, ...]
    shifts: Mapping[str, float]
    drugs: tuple[Drug, ...]
    examinations: tuple[Examination, ...]
    share: float
    kinds: tuple[float, float, float]
    born: int = 9999
    chronic: bool = False
    once: bool = False


DISEASES: tuple[Disease, ...] = (
    Disease("E11.900", "2型糖尿病", "多饮多尿", _MEDICINE, (GLYCATED, CHEMISTRY, URINALYSIS),
            {"GLU": 1.7, "HBA1C": 1.6, "UGLU": 2.6, "TG": 1.4},
            (_METFORMIN,), (_ABDOMEN, _THYROID, _LUNGS_CT), 0.3, (0.80, 0.05, 0.15), born=1990, chronic=True),
    Disease("I10.x05", "高血压病", "头晕", _HEART, (CHEMISTRY, LIPIDS), {"CREA": 1.2, "TC": 1.2, "TG": 1.3, "UA": 1.2},
            (_AMLODIPINE, _ATORVASTATIN), (_HEART_ULTRASOUND, _CHEST_FILM, _THYROID), 0.5, (0.82, 0.08, 0.10),
            born=1990, chronic=True),
    Disease("N18.900", "慢性肾脏病", "乏力", _MEDICINE, (CHEMISTRY, BLOOD_COUNT, URINALYSIS),
            {"CREA": 3.4, "UREA": 2.1, "K": 1.2, "P": 1.3, "RBC": 0.8, "UPRO": 2.8, "UBLD": 1.8},
            (_AMLODIPINE,), (_KIDNEYS, _HEART_ULTRASOUND), 0.2, (0.76, 0.06, 0.18), born=1990, chronic=True),
    Disease("J18.900", "肺炎", "发热咳嗽三天", _CHEST, (BLOOD_COUNT, INFLAMMATION, CHEMISTRY),
            {"WBC": 1.9, "LYMPH%": 0.5, "CRP": 9.0, "SAA": 12.0},
            (_AMOXICILLIN, _IBUPROFEN), (_PNEUMONIA_CT,), 0.2, (0.4, 0.2, 0.4)),
    Disease("J06.900", "上呼吸道感染", "咽痛", _CHEST, (BLOOD_COUNT, INFLAMMATION),
            {"WBC": 1.3, "LYMPH%": 0.8, "CRP": 2.0}, (_IBUPROFEN,), (_CHEST_FILM,),
            0.6, (0.85, 0.15, 0.0)),
    Disease("K35.900", "急性阑尾炎", "右下腹痛半天", _SURGERY, (BLOOD_COUNT, INFLAMMATION, COAGULATION, HEPATITIS_B),
            {"WBC": 2.1, "LYMPH%": 0.4, "CRP": 8.0, "SAA": 10.0, "FIB": 1.2},
            (_AMOXICILLIN,), (_APPENDIX,), 0.1, (0.0, 0.25, 0.75), once=True),
    Disease("I20.000", "不稳定性心绞痛", "胸痛", _HEART, (CARDIAC, CHEMISTRY, LIPIDS, COAGULATION),
            {"TNI": 3.0, "TC": 1.4, "TG": 1.4, "HDL": 0.8},
            (_ATORVASTATIN,), (_HEART_ULTRASOUND, _CHEST_FILM), 0.1, (0.3, 0.35, 0.35), born=1975),
)  # fmt: skip
"""Every disease; the first three are chronic and come back with a laboratory series."""

CHRONIC = ((1950, 0.7), (1965, 0.55), (1980, 0.4), (1990, 0.15))
"""Year of birth, and how many of those born until then have a chronic disease; of those born later, nobody."""

ADULT = 2011
"""Those born later get a child's drugs."""

STAFF = ("周闻", "孙谨", "陆明", "贺宁", "高展", "蒋禾", "童安", "祝清")
"""Doctors and technicians."""


def staff_number(hospital: Hospital, name: str) -> str:
    """The number of one of the staff in a hospital."""
    return f"D{hospital.number}{STAFF.index(name) + 1:02d}"


def colleague(name: str, place: int) -> str:
    """Somebody else of the staff."""
    return STAFF[(STAFF.index(name) + place) % len(STAFF)]
