"""Pinyin of Chinese names: toneless readings and initials, surnames read as surnames (单 shan, not dan)."""

from functools import lru_cache

_SURNAMES: dict[str, str] = {
    "单": "shan", "單": "shan", "曾": "zeng", "仇": "qiu", "解": "xie", "查": "zha", "区": "ou", "區": "ou",
    "朴": "piao", "盖": "ge", "蓋": "ge", "翟": "zhai", "乐": "yue", "樂": "yue", "覃": "qin", "种": "chong",
    "秘": "bi", "员": "yun", "冼": "xian", "召": "shao", "缪": "miao", "宓": "mi", "折": "she", "黑": "he",
    "任": "ren", "华": "hua", "纪": "ji", "应": "ying", "燕": "yan", "卜": "bu", "牟": "mou", "哈": "ha", "郗": "xi",
    "逄": "pang", "隗": "wei", "尉": "wei", "谌": "chen", "洗": "xian", "祭": "zhai", "阚": "kan", "乜": "nie",
    "繁": "po", "那": "na", "柏": "bai", "晟": "cheng", "万俟": "moqi", "尉迟": "yuchi", "长孙": "zhangsun",
    "长": "chang", "令狐": "linghu", "澹台": "tantai", "呼延": "huyan", "宿": "su", "车": "che", "能": "nai",
    "殷": "yin", "贾": "jia", "沈": "shen", "侯": "hou", "葛": "ge", "干": "gan", "俞": "yu", "臧": "zang",
    "洪": "hong", "莘": "shen", "过": "guo", "佴": "nai", "於": "yu", "宁": "ning", "曲": "qu", "石": "shi",
    "重": "chong", "褚": "chu", "幺": "yao", "撒": "sa", "茹": "ru", "邬": "wu", "粘": "nian", "芮": "rui",
}  # fmt: skip
_COMPOUND = frozenset(
    (
        "万俟", "上官", "东方", "东郭", "亓官", "令狐", "仲孙", "公冶", "公孙", "公羊", "南宫", "司寇", "司徒",
        "司空", "司马", "呼延", "夏侯", "太叔", "太史", "子车", "宇文", "宗政", "尉迟", "左丘", "慕容", "拓跋",
        "欧阳", "澹台", "濮阳", "独孤", "申屠", "百里", "皇甫", "端木", "第五", "西门", "诸葛", "赫连", "钟离",
        "长孙", "闻人", "闾丘", "鲜于",
    )
)  # fmt: skip


def is_chinese(text: str) -> bool:
    """Whether `text` holds a Han character."""
    return any("\u3400" <= char <= "\u9fff" or "\U00020000" <= char <= "\U0003ffff" for char in text)


def surname_length(name: str) -> int:
    """How many leading characters of a full Chinese name are the surname: 2 for a compound one, else 1."""
    return 2 if name[:2] in _COMPOUND and len(name) > 2 else min(1, len(name))


@lru_cache(maxsize=16384)
def syllables(text: str, surname: bool) -> tuple[str, ...]:
    """Toneless pinyin of each Han character of `text`, other characters kept; 吕 gives `lv`.

    With `surname` the text starts with a surname, which gets its reading as a name.
    """
    from pypinyin import Style, lazy_pinyin

    head = surname_length(text) if surname else 0
    special = _SURNAMES.get(text[:head])
    rest = text[head:] if special else text
    read: list[str] = lazy_pinyin(rest, style=Style.NORMAL, v_to_u=False) if rest else []
    return (special, *read) if special else tuple(read)


@lru_cache(maxsize=16384)
def readings(name: str, surname: bool = True) -> tuple[str, ...]:
    """How a Chinese name may be typed in Latin letters: joined, spaced, initials; empty for other names.

    `readings("单晓东")` is `("shanxiaodong", "shan xiaodong", "sxd")`; ü is found as `v`, `u` and `yu`.
    Set `surname` to False for a given name alone.
    """
    name = "".join(name.split())
    if not is_chinese(name):
        return ()
    parts = syllables(name, surname)
    head = 1 if surname and _SURNAMES.get(name[: surname_length(name)]) else surname_length(name) if surname else 0
    spaced = " ".join(part for part in ("".join(parts[:head]), "".join(parts[head:])) if part)
    initials = "".join(part[:1] for part in parts)
    if head == 1 and surname_length(name) == 2:
        initials = "".join(syllable[:1] for syllable in syllables(name, False))
    forms = ["".join(parts), spaced, initials]
    for form in forms[:2]:
        if "v" in form:
            forms += [form.replace("v", "u"), form.replace("v", "yu")]
    return tuple(dict.fromkeys(form.lower() for form in forms))
