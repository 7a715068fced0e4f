"""The translations that the interface documents agree on, written down a second time: a slip in a code map would change
what a doctor reads and nothing else would show it (common rules §6, §7; Wujiang §3 to §5; Jiashan §4; Qingpu §4)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from adapters import jiashan, wujiang
from hie.base.data import data_path
from hie.fhir.definitions import official as official_definitions
from hie.mapping.codefile import load_codes
from hie.plugin import Adapter

CODES = load_codes(data_path("mappings", "codes"))

LOINC = (
    "WBC 白细胞计数 6690-2, RBC 红细胞计数 789-8, HGB 血红蛋白 718-7, HCT 红细胞压积 4544-3, PLT 血小板计数 777-3, "
    "GLU 葡萄糖 14749-6, K 钾 2823-3, NA 钠 2951-2, CL 氯 2075-0, CREA 肌酐 14682-9, UREA 尿素 22664-7, "
    "ALT 丙氨酸氨基转移酶 1742-6, AST 天门冬氨酸氨基转移酶 1920-8, ALB 白蛋白 1751-7, TC 总胆固醇 14647-2, "
    "TG 甘油三酯 14927-8, HDL 高密度脂蛋白胆固醇 14646-4, LDL 低密度脂蛋白胆固醇 22748-8, UA 尿酸 14933-6, "
    "HBA1C 糖化血红蛋白 4548-4, CRP C反应蛋白 1988-5, TNI 肌钙蛋白I 10839-9"
)
"""Item, name and LOINC (common rules §7.5)."""

ITEMS = [one.split() for one in LOINC.split(", ")]
BY_ITEM = {item: code for item, _, code in ITEMS}
NAMES = {item: name for item, name, _ in ITEMS}
NUMBERS = "05051101 WBC, 05051102 RBC, 05051103 HGB, 05051104 PLT"
QINGPU = (
    "1039001001 WBC, 1039001002 RBC, 1039001003 HGB, 1039001004 PLT, 1039002001 GLU, 1039002002 K, 1039002003 CREA, "
    "1039002004 UREA, 1039002005 ALT, 1039003001 CRP, 1039003002 TNI, 1039003003 HBA1C"
)
WITHOUT = {"wujiang-lab-item": "HBSAG UPRO DD PCT MICTXT", "qingpu-lab-item": "1039004001"}
"""Items of which the documents say that they have no LOINC here."""

TARGETS = {
    "gender": "1 male, 2 female, 0 unknown, 9 unknown",
    "wujiang-gender": "M male, 1 male, 男 male, F female, 2 female, 女 female, U unknown, 0 unknown, 9 unknown",
    "marital-status": "10 S, 20 M, 21 M, 22 M, 23 M, 30 W, 40 D, 90 UNK",
    "wujiang-marital-status": "10 S, 20 M, 21 M, 22 M, 23 M, 30 W, 40 D, 90 UNK, S S, M M, D D, W W",
    "patient-type": "1 AMB, 2 EMER, 3 IMP, 9 AMB",
    "discharge-way": "1 home, 2 other-hcf, 3 other-hcf, 4 aadvice, 5 exp, 9 oth",
    "admission-way": "1 emd, 2 outp, 3 hosp-trans, 9 other",
    "interpretation": "N N, H H, L L, HH HH, LL LL, A A, AA AA",
    "qualitative": "阴性 neg, (-) neg, 阴性(-) neg, 阳性 pos, (+) pos, 阳性(+) pos, + pos, ++ pos, +++ pos, ++++ pos, "
    "1+ pos, 2+ pos, 3+ pos, 4+ pos, 弱阳性 weak, ± weak, (±) weak, +- weak",
    "unit": "10^9/L 10*9/L, 10*9/L 10*9/L, 10^12/L 10*12/L, 10*12/L 10*12/L, g/L g/L, mmol/L mmol/L, mg/L mg/L, "
    "ng/mL ng/mL, ng/L ng/L, ug/L ug/L, U/L U/L, % %, fL fL, pg pg, mg/dL mg/dL, s s, umol/L umol/L, mIU/L m[IU]/L, "
    "IU/mL [IU]/mL, mmHg mm[Hg], ℃ Cel, 次/分 /min, 个/HP /[HPF], /HP /[HPF]",
    "wujiang-identifier-type": "LocalID 2.16.156.10011.2.5.1.4, 1 2.16.156.10011.2.5.1.4, IDCard card, 21 card, "
    "PatientNO 2.16.156.10011.1.12, 25 2.16.156.10011.1.12, Outpatient 2.16.156.10011.1.11, "
    "IdentifyNO 2.16.156.10011.1.3, 51 2.16.156.10011.1.3, InsuranceNO 2.16.156.10011.1.15, "
    "HealthCard 2.16.156.10011.1.19",
    "wujiang-visit-class": "I IMP, O AMB, T AMB, E EMER, P IMP",
    "wujiang-diagnosis-type": "A AD, F DD, W CM",
    "wujiang-flag": "N N, H H, L L, HH HH, LL LL, A A, AA AA, M N, ↑ H, ↓ L",
    "wujiang-report-status": "O registered, I registered, S registered, A partial, P preliminary, R preliminary, "
    "F final, C corrected, X cancelled",
    "wujiang-result-status": "N registered, O registered, P preliminary, R preliminary, I preliminary, S preliminary, "
    "F final, U final, V final, C corrected, A amended, B amended, X cancelled, D entered-in-error, W entered-in-error",
    "wujiang-order-control": "NW active, XO active, CA revoked, OC revoked, DC revoked, CM completed",
    "wujiang-priority": "S stat, A asap, R routine",
    "jiashan-result-code": "1 N, 2 A, 3 H, 4 L, 5 AA",
    "jiashan-exam-category": "CT CT, MR NMR, X线 RAD, 超声 RUS, 病理 SP, 心电 EC, 内镜 OTH",
    "qingpu-visit-type": "1 AMB, 2 EMER, 3 AMB",
    "qingpu-flag": "1 N, 2 A, 3 H, 4 L",
    "qingpu-critical-flag": "H HH, L LL, A AA",
    "qingpu-exam-type": "01 CT, 02 NMR, 03 RAD, 04 RAD, 05 RAD, 06 RUS, 07 SP, 08 OTH, 09 NMS, 10 OTH",
    "qingpu-diagnosis-class": "1 AD, 2 DD",
    "lab-item": ", ".join(f"{item} {code}" for item, code in BY_ITEM.items()),
    "wujiang-lab-item": ", ".join(f"{item} {code}" for item, code in BY_ITEM.items()),
    "jiashan-lab-item": ", ".join(f"{name} {code}" for _, name, code in ITEMS),
    "qingpu-lab-item": ", ".join(f"{n} {BY_ITEM[i]}" for n, i in (one.split() for one in QINGPU.split(", "))),
}
"""Code map -> its source codes, each with its target."""

NAMED = {
    "ethnic-group": "01 02 03 04 05 06 07 08",
    "employment": "11 17 21 24 27 31 37 51 54 13 70 80 90",
    "drug-route": "1 2 3 4 401 402 403 404 5 6 9",
    "wujiang-insurance-type": "01 02 03 99",
    "qingpu-card-type": "0 1 2 3 5 6 9",
    "qingpu-id-type": "01 02 03 04 05 06 07 99",
    "qingpu-change-flag": "1 2",
    "qingpu-visit-source": "1 2 6",
    "qingpu-report-class": "1 2 3 4 5 6 7 9999",
    "qingpu-yys": "0 1 2",
    "discharge-condition": "1 2 3 4 5",
}
"""Code map -> its codes, where the documents name codes without a translation."""


SAID = {
    "qingpu-card-type": "0 社保卡, 1 医保卡, 2 统一自费卡, 3 非统一自费卡, 5 新农合, 6 健康卡, 9 其他",
    "qingpu-change-flag": "1 正常, 2 撤销",
    "qingpu-visit-type": "1 普通门诊, 2 急诊, 3 体检",
    "qingpu-visit-source": "1 门急诊, 2 住院, 6 体检",
    "qingpu-report-class": "1 一般临床, 2 血液, 3 化学, 4 免疫, 5 微生物, 6 寄生虫, 7 分子, 9999 其他",
    "qingpu-flag": "1 正常, 2 无法识别的异常, 3 偏高, 4 偏低",
    "qingpu-exam-type": "01 CT, 02 MR, 03 DSA, 04 X光, 05 特殊X光, 06 超声, 07 病理, 08 内镜, 09 核医学, 10 其他",
    "qingpu-yys": "0 阴性, 1 阳性, 2 未定",
    "qingpu-diagnosis-class": "1 入院, 2 出院",
    "qingpu-lab-item": "1039004001 乙肝表面抗原, "
    + ", ".join(f"{n} {NAMES[i]}" for n, i in (one.split() for one in QINGPU.split(", "))),
    "discharge-condition": "1 治愈, 2 好转, 3 未愈, 4 死亡, 5 其他",
}
"""Code map -> its codes, each with its name, where the Qingpu document names them."""


@pytest.mark.parametrize("name", SAID)
def test_a_code_is_called_what_was_agreed(name: str) -> None:
    agreed = dict(one.split() for one in SAID[name].split(", "))
    assert {code: row.display for code, row in CODES[name].rows.items()} == agreed


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_translation_is_called_what_its_code_system_calls_it(name: str) -> None:
    table = CODES[name]
    made = [(row.target_system, row.target_code, row.target_display) for row in table.rows.values()]
    made.append((table.target_system, table.unknown, table.unknown_display))
    for system, code, display in made:
        official = dict(_named((official_definitions().code_system(system) or {}).get("concept", ())))
        if display and code in official:
            assert display == " ".join(official[code].split())


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_source_code_is_one_of_its_code_system(name: str) -> None:
    """Of the tables of the exchange; lint lets others state what a sender sends, as an unknown code is mended so."""
    for row in CODES[name].rows.values():
        official = official_definitions().code_system(row.source_system) or {}
        assert official.get("content") != "complete" or row.code in dict(_named(official["concept"]))


@pytest.mark.parametrize("name", sorted(CODES.keys() - {"unit", "qualitative"}))
def test_two_codes_that_say_different_things_are_not_both_equivalent_to_one(name: str) -> None:
    """初婚 and 再婚 are both Married; translated back, neither is what it means (ways to write one thing may be)."""
    said: dict[tuple[str, str, str], set[str]] = {}
    for row in CODES[name].rows.values():
        if row.target_code and row.equivalence == "equivalent":
            said.setdefault((row.source_system, row.target_system, row.target_code), set()).add(row.display or row.code)
    assert {made: found for made, found in said.items() if len(found) > 1} == {}


def test_a_translation_has_one_name_in_all_tables() -> None:
    names: dict[tuple[str, str], set[str]] = {}
    for row in (row for table in CODES.values() for row in table.rows.values() if row.target_display):
        names.setdefault((row.target_system, row.target_code), set()).add(row.target_display)
    assert {target: found for target, found in names.items() if len(found) > 1} == {}


def _named(concepts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in concepts:
        yield one["code"], one.get("display", "")
        yield from _named(one.get("concept", ()))


def test_the_tables_that_lack_codes_are_those_that_were_agreed() -> None:
    """Common rules §5.6: a code beyond a closed table is `code-unknown`, beyond an open one `code-unmapped`."""
    opened = {name for name, table in CODES.items() if name.startswith("qingpu-") and not table.closed}
    assert opened == {"qingpu-lab-item", "qingpu-diagnosis-class"}


@pytest.mark.parametrize("name", TARGETS)
def test_a_code_means_what_was_agreed(name: str) -> None:
    agreed = dict(one.split() for one in TARGETS[name].split(", "))
    rows = CODES[name].rows
    assert {code: row.target_code for code, row in rows.items() if row.target_code} == agreed
    assert sorted(code for code, row in rows.items() if not row.target_code) == sorted(WITHOUT.get(name, "").split())


def test_a_number_of_wjzy_means_the_item_that_was_agreed() -> None:
    rows = CODES["wujiang-lab-number"].rows
    for number, item in (one.split() for one in NUMBERS.split(", ")):
        assert rows[number].target_code == BY_ITEM[item]
    others = {code: row.target_code for code, row in rows.items() if code in BY_ITEM}
    assert others == BY_ITEM


@pytest.mark.parametrize("name", NAMED)
def test_a_table_has_the_codes_that_were_agreed(name: str) -> None:
    assert sorted(CODES[name].rows) == sorted(NAMED[name].split())
    assert all(row.display for row in CODES[name].rows.values())


def test_every_name_belongs_to_the_item_that_was_agreed() -> None:
    for table in ("lab-item", "wujiang-lab-item"):
        assert {item: CODES[table].rows[item].display for item, _, _ in ITEMS} == NAMES


@pytest.mark.parametrize(
    ("adapter", "agreed"),
    [
        (
            wujiang.adapter,
            "WJYY 12320509MBHE01015B 吴江区第一人民医院, WJZY 12320509MBHE010236 吴江区中医医院, "
            "WJSL 12320509MBHE010311 吴江区松陵街道社区卫生服务中心",
        ),
        (
            jiashan.adapter,
            "JSYY 12330421MBHE020186 嘉善县第一人民医院, JSZY 12330421MBHE020261 嘉善县中医医院, "
            "JSWT 12330421MBHE02034U 嘉善县魏塘街道社区卫生服务中心",
        ),
    ],
)
def test_the_organisations_are_those_that_were_agreed(adapter: Adapter, agreed: str) -> None:
    """Common rules §3."""
    found = [f"{one.code} {one.uscc} {one.name}" for one in adapter.organisations]
    assert found == agreed.split(", ")
