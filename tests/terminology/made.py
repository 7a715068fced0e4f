"""Invented code lists of any size, in the form of ICD-10: blocks, categories, subcategories, extensions."""

import csv
from collections.abc import Iterator
from pathlib import Path

_SITES = "心肺肝肾胃脑骨皮眼耳鼻喉血肌腺膜管瓣窦囊"
_KINDS = ("急性炎症", "慢性炎症", "良性肿瘤", "恶性肿瘤", "先天性畸形", "功能障碍", "损伤", "结核", "梗死", "出血")
_GRADES = ("未特指", "伴有并发症", "不伴有并发症", "轻度", "中度", "重度", "其他特指")


def codes(count: int) -> Iterator[tuple[str, str]]:
    """`count` codes with names; each letter has blocks of ten categories, `A00-A09` first."""
    made = 0
    for number in range(26 * 100):
        letter, place = chr(65 + number // 100), number % 100
        for code, name in _below(letter, place):
            if made == count:
                return
            made += 1
            yield code, name


def _below(letter: str, place: int) -> Iterator[tuple[str, str]]:
    site = _SITES[(ord(letter) + place) % len(_SITES)] + _SITES[place % len(_SITES)]
    if place % 10 == 0:
        yield f"{letter}{place:02d}-{letter}{place + 9:02d}", f"{site}部疾病 {letter}{place // 10}"
    category = f"{letter}{place:02d}"
    yield category, f"{site}{_KINDS[place % 10]}"
    for sub in range(10):
        name = f"{site}{_KINDS[(place + sub) % 10]}{_GRADES[sub % 7]}"
        yield f"{category}.{sub}", name
        for extension in range(7):
            yield f"{category}.{sub}{extension:02d}", f"{name}型{extension}"


def write(path: Path, count: int, latin: bool = False) -> Path:
    """A CSV of `count` codes (at most some 208,000), with `latin` names that need no pinyin when asked for."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["疾病编码", "疾病名称"])
        rows.writerows((code, f"disease {code} of somewhere" if latin else name) for code, name in codes(count))
    return path
