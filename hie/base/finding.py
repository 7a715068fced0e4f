"""Findings: what is wrong with data, as values (interface control document, common rules §9)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

_INDEX = re.compile(r"\[\d+\]")


class Severity(StrEnum):
    """How grave a finding is; declared from the lightest to the gravest.

    `score` counts in the scores of a sender and is shown to operators and integrators, never in an answer: rules that
    go beyond the interface documents have it.
    """

    SCORE = "score"
    INFO = "info"
    WARN = "warn"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """-1 for score, 0 for info to 3 for reject."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity, -1)}


class Disposition(StrEnum):
    """What became of a received item or of one of its parts (common rules §2.1)."""

    ACCEPTED = "accepted"
    ACCEPTED_WITH_WARNINGS = "accepted-with-warnings"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


STORED = frozenset({Disposition.ACCEPTED, Disposition.ACCEPTED_WITH_WARNINGS, Disposition.DUPLICATE})
"""Those of what is in the store."""

_DISPOSITION = {
    Severity.SCORE: Disposition.ACCEPTED,
    Severity.INFO: Disposition.ACCEPTED,
    Severity.WARN: Disposition.ACCEPTED_WITH_WARNINGS,
    Severity.QUARANTINE: Disposition.QUARANTINED,
    Severity.REJECT: Disposition.REJECTED,
}


@dataclass(frozen=True)
class FindingCode:
    """One row of the table of common rules §9.

    `err` is the HL7 table 0357 code for ERR-3, `issue` the FHIR IssueType, `zh` and `en` the sentence shown.
    """

    severity: Severity
    err: int
    issue: str
    zh: str
    en: str


_row = FindingCode
_R, _Q, _W, _I, _S = Severity.REJECT, Severity.QUARANTINE, Severity.WARN, Severity.INFO, Severity.SCORE

CODES: dict[str, FindingCode] = {
    "message-malformed": _row(_R, 100, "structure", "消息格式错误或不完整", "The message is malformed or cut off"),
    "doctype-forbidden": _row(_R, 207, "security", "XML 中不允许 DOCTYPE", "A DOCTYPE is not allowed"),
    "too-large": _row(_R, 207, "too-long", "超过大小上限 (默认 16 MiB)", "The item is over the limit (default 16 MiB)"),
    "charset-undecodable": _row(_R, 102, "structure", "无法按任何字符集解码", "No charset decodes the bytes"),
    "charset-mismatch": _row(_W, 102, "structure", "声明的字符集与内容不符", "The declared charset does not fit"),
    "type-unknown": _row(_R, 200, "not-supported", "未知的消息、文档或表类型", "Unknown message, document or table"),
    "event-unknown": _row(_R, 201, "not-supported", "未知的触发事件", "Unknown trigger event"),
    "processing-id": _row(_R, 202, "not-supported", "不是生产数据", "Not a production item"),
    "version-unsupported": _row(_R, 203, "not-supported", "不支持的版本", "Unsupported version"),
    "segment-sequence": _row(_R, 100, "structure", "段的顺序无法组合", "Segments cannot be grouped"),
    "key-missing": _row(_R, 101, "required", "缺少关键字段", "A key field is missing"),
    "value-missing": _row(_W, 101, "required", "缺少必填字段", "A must-have field is missing"),
    "org-unknown": _row(_R, 103, "not-found", "机构未在本通道登记", "Organisation not registered for the feed"),
    "count-mismatch": _row(_R, 207, "invariant", "声明数量与实际数量不符", "Declared and actual counts differ"),
    "envelope-mismatch": _row(_Q, 207, "conflict", "信封与内容不一致", "Envelope and content disagree"),
    "field-too-long": _row(_Q, 102, "too-long", "字段过长", "A field is too long"),
    "orphan-reference": _row(_Q, 204, "not-found", "上级记录尚未到达", "The parent record is not known yet"),
    "merge-inverse": _row(_Q, 207, "conflict", "与先前的合并方向相反", "Reverses an earlier merge"),
    "resource-invalid": _row(_Q, 102, "invariant", "不符合 FHIR 规则", "The resource breaks a rule of FHIR"),
    "pairing-broken": _row(_Q, 100, "structure", "结果出现在项目之前", "Results before any item"),
    "merge-stub": _row(_W, 204, "not-found", "被合并的标识未知, 已登记停用", "Merged-away id was not known"),
    "nothing-to-cancel": _row(_W, 204, "not-found", "没有可撤销的记录", "Nothing known to cancel"),
    "stale-update": _row(_W, 207, "conflict", "晚到的旧数据, 已按时间归位", "Older than what is already stored"),
    "control-id-reused": _row(_W, 205, "duplicate", "消息编号被不同内容重复使用", "Message id reused for other bytes"),
    "id-checksum": _row(_W, 102, "value", "证件号校验位或格式错误", "National id fails its check digit"),
    "id-masked": _row(_W, 102, "value", "证件号被遮盖, 未采用", "Masked national id left out"),
    "id-birthdate-conflict": _row(_W, 102, "conflict", "证件号与出生日期不符", "National id and birth date disagree"),
    "id-gender-conflict": _row(_W, 102, "conflict", "证件号与性别不符", "National id and gender disagree"),
    "date-invalid": _row(_W, 102, "value", "日期无效, 未采用", "Not a date; left out"),
    "date-future": _row(_W, 102, "value", "日期在未来", "Date lies in the future"),
    "time-order": _row(_W, 102, "invariant", "时间先后顺序矛盾", "Times are in the wrong order"),
    "code-unknown": _row(_W, 103, "code-invalid", "代码不在值域内", "Code is not in its closed table"),
    "code-name-conflict": _row(_W, 103, "conflict", "代码与名称不一致", "Code and name disagree"),
    "value-not-numeric": _row(_W, 102, "value", "声明为数值但不是数字", "Declared numeric but is no number"),
    "value-ambiguous": _row(_W, 102, "value", "结果含义不明", "The result is ambiguous"),
    "range-flag-conflict": _row(_W, 102, "invariant", "结果、参考区间与标志矛盾", "Value, range and flag disagree"),
    "pairing-assumed": _row(_W, 207, "informational", "按文档顺序配对", "Paired by document order"),
    "id-legacy": _row(_I, 0, "informational", "15 位旧证件号", "Legacy 15-digit id"),
    "null-text": _row(_I, 0, "informational", "空值文本视为无值", "Null text read as no value"),
    "date-partial": _row(_I, 0, "informational", "日期不完整", "Partial date"),
    "date-sentinel": _row(_I, 0, "informational", "占位日期视为无值", "Sentinel date read as no value"),
    "code-unmapped": _row(_I, 0, "informational", "代码尚无映射", "Code has no translation"),
    "unit-unmapped": _row(_I, 0, "informational", "单位尚无映射", "Unit has no translation"),
    "critical-value": _row(_I, 0, "informational", "危急值", "Critical value"),
    "segment-unmapped": _row(_I, 0, "informational", "段未映射, 已保留原文", "Segment kept, not mapped"),
    "field-unmapped": _row(_I, 0, "informational", "字段未映射, 已保留原文", "Field kept, not mapped"),
    "visit-created": _row(_I, 0, "informational", "由非入院事件建立就诊", "Visit made from a later event"),
    "retired-id": _row(_I, 0, "informational", "使用了已停用的标识", "A retired id was used"),
    "merge-repeat": _row(_I, 0, "informational", "重复的合并", "The same merge again"),
    "document-level-only": _row(_I, 0, "informational", "仅按文档级保存", "Kept at document level only"),
    "value-malformed": _row(_S, 0, "value", "值的形式不合规范", "A value does not have its form"),
    "value-implausible": _row(_S, 0, "value", "值超出合理范围", "A value is not plausible"),
    "content-conflict": _row(_S, 0, "conflict", "内容相互矛盾", "Two statements disagree"),
    "link-missing": _row(_S, 0, "not-found", "缺少应有的关联", "A link to another record is missing"),
    "repeated-content": _row(_S, 0, "duplicate", "内容重复", "The same content is stated twice"),
    "upload-late": _row(_S, 0, "timeout", "上传不及时", "Sent later than agreed"),
    "feed-silent": _row(_S, 0, "timeout", "通道无数据", "The feed is silent against its own rhythm"),
    "not-recognisable": _row(_S, 0, "incomplete", "不满足互认条件", "Does not meet mutual recognition"),
    "internal-error": _row(_Q, 207, "exception", "平台内部错误, 已保留原文", "The exchange failed; the item is kept"),
}
"""Every finding code of common rules §9, and those of rules beyond it (severity `score`).

`docs/generated/findings.md` is built from it.
"""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with, or worth knowing about, received data.

    `code` is a key of `CODES`; `path` says where in the *source's* own terms (`PID-3`, `XM`, an XPath); `detail`
    may add words but never a value of the patient; `severity` is that of the code unless the rule says otherwise.
    `rule` is the id of the quality rule that noted it, empty when a stage noted it itself. `dimension` is the quality
    dimension that it was counted against, empty for none, None when nothing was kept about that; it is no part of what
    was found, which is compared without it.
    """

    code: str
    path: str = ""
    detail: str = ""
    severity: Severity = Severity.INFO
    rule: str = ""
    dimension: str | None = field(default=None, compare=False)

    @property
    def row(self) -> FindingCode:
        """The table row of the code."""
        return CODES[self.code]

    @property
    def text(self) -> str:
        """English sentence with the detail, free of patient data."""
        return f"{self.row.en}: {self.detail}" if self.detail else self.row.en


def finding(code: str, path: str = "", detail: str = "") -> Finding:
    """A `Finding` with the severity its code has in `CODES`; raises `KeyError` for a code not in the table."""
    return Finding(code, path, detail, CODES[code].severity)


def place_of(path: str) -> str:
    """A source path without its indexes: the place that every repetition shares."""
    return _INDEX.sub("", path) if "[" in path else path


def gravest(findings: Iterable[Finding]) -> Severity:
    """The gravest severity among `findings`, at least `INFO`."""
    worst, rank = Severity.INFO, _RANK[Severity.INFO]
    for found in findings:
        if _RANK[found.severity] > rank:
            worst, rank = found.severity, _RANK[found.severity]
    return worst


def disposition(findings: Iterable[Finding]) -> Disposition:
    """The disposition that follows from the gravest finding (common rules §2.1)."""
    return _DISPOSITION[gravest(findings)]


def answered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that an answer names: all but those that only count in the scores."""
    return tuple(f for f in findings if f.severity is not Severity.SCORE)
