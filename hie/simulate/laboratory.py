"""What the laboratories report: items with their ranges, and panels of items as hospitals print them.

Item codes, names and numbers that common rules §7.5, Wujiang §5.2 and Qingpu §4.4 list are theirs; ranges are those of
WS/T 404, 405 and of usual reagents. The other items have no LOINC in the zone, as with any laboratory's own list.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Range = tuple[float | None, float | None]
"""Lowest and highest usual value; None on a side that has no limit."""


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory item: the zone's code, name, unit, decimals and range.

    `males`: the range of males where it is another one. `critical`: below or above this somebody is called. `least`:
    what is below cannot be measured. `words`: what is reported instead of a number, the usual first. `qingpu` and
    `number` are Qingpu's and WJZY's own numbers.
    """

    code: str
    name: str
    unit: str = ""
    decimals: int = 0
    range: Range = (None, None)
    males: Range | None = None
    critical: Range = (None, None)
    least: float = 0.0
    words: tuple[str, ...] = ()
    qingpu: str = ""
    number: str = ""

    def usual(self, male: bool) -> Range:
        """The range that goes for this sex."""
        return self.males if male and self.males else self.range


_MINUS_TO_PLUS = ("阴性", "±", "1+", "2+")

ANALYTES: Mapping[str, Analyte] = {
    analyte.code: analyte
    for analyte in (
        Analyte("WBC", "白细胞计数", "10^9/L", 2, (3.5, 9.5), None, (1.5, 30), qingpu="1039001001", number="05051101"),
        Analyte("NEUT%", "中性粒细胞百分比", "%", 1, (40, 75), number="05051105"),
        Analyte("LYMPH%", "淋巴细胞百分比", "%", 1, (20, 50), number="05051106"),
        Analyte("MONO%", "单核细胞百分比", "%", 1, (3, 10), number="05051107"),
        Analyte("EO%", "嗜酸性粒细胞百分比", "%", 1, (0.4, 8), number="05051108"),
        Analyte("BASO%", "嗜碱性粒细胞百分比", "%", 1, (0, 1), number="05051109"),
        Analyte("NEUT#", "中性粒细胞计数", "10^9/L", 2, (1.8, 6.3), number="05051110"),
        Analyte("LYMPH#", "淋巴细胞计数", "10^9/L", 2, (1.1, 3.2), number="05051111"),
        Analyte("MONO#", "单核细胞计数", "10^9/L", 2, (0.1, 0.6), number="05051112"),
        Analyte("EO#", "嗜酸性粒细胞计数", "10^9/L", 2, (0.02, 0.52), number="05051113"),
        Analyte("BASO#", "嗜碱性粒细胞计数", "10^9/L", 2, (0, 0.06), number="05051114"),
        Analyte("RBC", "红细胞计数", "10^12/L", 2, (3.8, 5.1), (4.3, 5.8), qingpu="1039001002", number="05051102"),
        Analyte("HGB", "血红蛋白", "g/L", 0, (115, 150), (130, 175), (60, 200), qingpu="1039001003", number="05051103"),
        Analyte("HCT", "红细胞压积", "%", 1, (35, 45), (40, 50), number="05051115"),
        Analyte("MCV", "平均红细胞体积", "fL", 1, (82, 100), number="05051116"),
        Analyte("MCH", "平均红细胞血红蛋白量", "pg", 1, (27, 34), number="05051117"),
        Analyte("MCHC", "平均红细胞血红蛋白浓度", "g/L", 0, (316, 354), number="05051118"),
        Analyte("RDW", "红细胞体积分布宽度", "%", 1, (11.5, 14.5), number="05051119"),
        Analyte("MPV", "平均血小板体积", "fL", 1, (7, 11), number="05051120"),
        Analyte("PDW", "血小板体积分布宽度", "fL", 1, (9, 17), number="05051121"),
        Analyte("PLT", "血小板计数", "10^9/L", 0, (125, 350), None, (30, 1000), qingpu="1039001004", number="05051104"),
        Analyte("ALT", "丙氨酸氨基转移酶", "U/L", 0, (7, 40), (9, 50), qingpu="1039002005"),
        Analyte("AST", "天门冬氨酸氨基转移酶", "U/L", 0, (13, 35), (15, 40)),
        Analyte("GGT", "γ-谷氨酰转移酶", "U/L", 0, (7, 45), (10, 60)),
        Analyte("ALP", "碱性磷酸酶", "U/L", 0, (35, 100), (45, 125)),
        Analyte("TP", "总蛋白", "g/L", 1, (65, 85)),
        Analyte("ALB", "白蛋白", "g/L", 1, (40, 55)),
        Analyte("GLB", "球蛋白", "g/L", 1, (20, 40)),
        Analyte("A/G", "白蛋白球蛋白比值", "", 2, (1.2, 2.4)),
        Analyte("TBIL", "总胆红素", "umol/L", 1, (None, 21), (None, 26)),
        Analyte("DBIL", "直接胆红素", "umol/L", 1, (None, 8)),
        Analyte("IBIL", "间接胆红素", "umol/L", 1, (None, 18)),
        Analyte("UREA", "尿素", "mmol/L", 2, (2.6, 7.5), (3.1, 8), qingpu="1039002004"),
        Analyte("UA", "尿酸", "umol/L", 0, (155, 357), (208, 428)),
        Analyte("CREA", "肌酐", "umol/L", 0, (41, 73), (57, 97), (None, 650), qingpu="1039002003"),
        Analyte("GLU", "葡萄糖", "mmol/L", 2, (3.9, 6.1), critical=(2.8, 22.2), qingpu="1039002001"),
        Analyte("NA", "钠", "mmol/L", 0, (137, 147), critical=(120, 160)),
        Analyte("CL", "氯", "mmol/L", 0, (99, 110)),
        Analyte("CA", "钙", "mmol/L", 2, (2.11, 2.52), critical=(1.6, 3.5)),
        Analyte("P", "无机磷", "mmol/L", 2, (0.85, 1.51)),
        Analyte("MG", "镁", "mmol/L", 2, (0.75, 1.02)),
        Analyte("K", "钾", "mmol/L", 2, (3.5, 5.3), critical=(2.8, 6.2), qingpu="1039002002"),
        Analyte("TC", "总胆固醇", "mmol/L", 2, (2.8, 5.2)),
        Analyte("HDL", "高密度脂蛋白胆固醇", "mmol/L", 2, (1.04, None)),
        Analyte("LDL", "低密度脂蛋白胆固醇", "mmol/L", 2, (None, 3.4)),
        Analyte("APOA1", "载脂蛋白A1", "g/L", 2, (1.0, 1.6)),
        Analyte("APOB", "载脂蛋白B", "g/L", 2, (0.6, 1.1)),
        Analyte("TG", "甘油三酯", "mmol/L", 2, (None, 1.7)),
        Analyte("HBA1C", "糖化血红蛋白", "%", 1, (4, 6), qingpu="1039003003"),
        Analyte("CRP", "C反应蛋白", "mg/L", 1, (None, 10), least=0.5, qingpu="1039003001"),
        Analyte("SAA", "血清淀粉样蛋白A", "mg/L", 1, (None, 10), least=1.0),
        Analyte("PT", "凝血酶原时间", "s", 1, (9.4, 12.5), critical=(None, 30)),
        Analyte("INR", "国际标准化比值", "", 2, (0.8, 1.2)),
        Analyte("APTT", "活化部分凝血活酶时间", "s", 1, (25.4, 38.4), critical=(None, 70)),
        Analyte("FIB", "纤维蛋白原", "g/L", 2, (2, 4)),
        Analyte("TT", "凝血酶时间", "s", 1, (10.3, 16.6)),
        Analyte("DD", "D-二聚体", "mg/L", 2, (None, 0.55), least=0.05),
        Analyte("TNI", "肌钙蛋白I", "ng/mL", 3, (None, 0.04), critical=(None, 0.5), least=0.01, qingpu="1039003002"),
        Analyte("CKMB", "肌酸激酶同工酶", "U/L", 0, (None, 25)),
        Analyte("MYO", "肌红蛋白", "ng/mL", 1, (None, 70)),
        Analyte("USG", "尿比重", "", 3, (1.003, 1.03)),
        Analyte("UPH", "尿酸碱度", "", 1, (5, 8)),
        Analyte("UCOL", "尿颜色", words=("淡黄色", "黄色")),
        Analyte("UPRO", "尿蛋白", words=_MINUS_TO_PLUS),
        Analyte("UGLU", "尿葡萄糖", words=_MINUS_TO_PLUS),
        Analyte("UKET", "尿酮体", words=_MINUS_TO_PLUS),
        Analyte("UBIL", "尿胆红素", words=_MINUS_TO_PLUS),
        Analyte("UBLD", "尿潜血", words=_MINUS_TO_PLUS),
        Analyte("UNIT", "尿亚硝酸盐", words=("阴性", "阳性")),
        Analyte("ULEU", "尿白细胞酯酶", words=_MINUS_TO_PLUS),
        Analyte("UWBC", "尿白细胞", "个/HP", 0, (None, 5)),
        Analyte("URBC", "尿红细胞", "个/HP", 0, (None, 3)),
        Analyte("HBSAG", "乙肝表面抗原", words=("阴性", "阳性"), qingpu="1039004001"),
        Analyte("HBSAB", "乙肝表面抗体", words=("阴性", "阳性")),
        Analyte("HBEAG", "乙肝e抗原", words=("阴性", "阳性")),
        Analyte("HBEAB", "乙肝e抗体", words=("阴性", "阳性")),
        Analyte("HBCAB", "乙肝核心抗体", words=("阴性", "阳性")),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """A laboratory report type: local code, name, class of Qingpu §4.3, specimen, and items.

    `repeated` is the item that is measured once more when a report is corrected; no other item follows from it.
    `analyser`: WJZY's machine sends it under its own numbers.
    """

    code: str
    name: str
    group: str
    specimen: tuple[str, str]
    analytes: tuple[str, ...]
    repeated: str
    analyser: bool = False


_BLOOD, _SERUM, _PLASMA, _URINE = ("0101", "全血"), ("0102", "血清"), ("0103", "血浆"), ("0201", "尿液")

BLOOD_COUNT = Panel(
    "XCG", "血常规", "2", _BLOOD,
    ("WBC", "NEUT%", "LYMPH%", "MONO%", "EO%", "BASO%", "NEUT#", "LYMPH#", "MONO#", "EO#", "BASO#",
     "RBC", "HGB", "HCT", "MCV", "MCH", "MCHC", "RDW", "PLT", "MPV", "PDW"),
    repeated="PLT", analyser=True,
)  # fmt: skip
CHEMISTRY = Panel(
    "SH", "生化", "3", _SERUM,
    ("ALT", "AST", "GGT", "ALP", "TP", "ALB", "GLB", "A/G", "TBIL", "DBIL", "IBIL",
     "UREA", "UA", "CREA", "GLU", "K", "NA", "CL", "CA", "P", "MG"),
    repeated="K",
)  # fmt: skip
LIPIDS = Panel("XZ", "血脂", "3", _SERUM, ("TC", "TG", "HDL", "LDL", "APOA1", "APOB"), repeated="APOB")
GLYCATED = Panel("TH", "糖化血红蛋白", "3", _BLOOD, ("HBA1C", "GLU"), repeated="HBA1C")
INFLAMMATION = Panel("CRP", "C反应蛋白", "4", _SERUM, ("CRP", "SAA"), repeated="CRP")
COAGULATION = Panel("NX", "凝血功能", "2", _PLASMA, ("PT", "INR", "APTT", "FIB", "TT", "DD"), repeated="DD")
CARDIAC = Panel("XJ", "心肌标志物", "4", _SERUM, ("TNI", "CKMB", "MYO"), repeated="TNI")
HEPATITIS_B = Panel("YG", "乙肝五项", "4", _SERUM, ("HBSAG", "HBSAB", "HBEAG", "HBEAB", "HBCAB"), repeated="HBSAB")
URINALYSIS = Panel(
    "NCG", "尿常规", "1", _URINE,
    ("USG", "UPH", "UCOL", "UPRO", "UGLU", "UKET", "UBIL", "UBLD", "UNIT", "ULEU", "UWBC", "URBC"),
    repeated="UPRO",
)  # fmt: skip
