"""The result of a table row: value, unit, range, flag and critical mark of one indicator (Qingpu §4.4, common §7)."""

from collections.abc import Sequence
from typing import Any

from hie.base.slots import CRITICAL, DEFAULT, UNIT
from hie.base.text import trimmed
from hie.mapping.context import Context
from hie.mapping.transforms import results

MARKED = "1"
"""The mark of a critical result; any other says that it is not."""


def row_result(
    value: Sequence[str], context: Context, *, paths: Sequence[str], flags: str, critical: str = ""
) -> dict[str, Any]:
    """The slots that (value, unit, range, flag, critical mark) state; `unit` is that of the value and its range, the
    mark that of the flag, also when an earlier or later row states them.

    `paths` are the source paths of the parts, for findings; `flags` is the code map of the flag, `critical` that from
    an interpretation to the critical one, with the fifth part; without it there are four. No flag: no interpretation,
    unless the result is marked critical (AA).
    """
    number, unit, limits, flag, mark = value if critical else (*value, "")
    context.path = paths[1]
    chosen = results.result_value(number, context, unit=unit)
    slots: dict[str, Any] = {"value[x]": chosen} if chosen else {f"dataAbsentReason{DEFAULT}": results.absent()}
    parts = results.unit_of(chosen, unit, context)
    if parts:
        slots[UNIT] = parts
    if trimmed(limits):
        context.path = paths[2]
        slots["referenceRange[]"] = [results.reference_range(limits, context, unit=parts)]
    context.path = paths[3]
    concept = results.interpretation(flag, context, table=flags)
    if concept:
        slots["interpretation[]"] = [concept]
        sent = trimmed(limits)
        codes = [str(coding.get("code")) for coding in concept.get("coding", ()) if "userSelected" not in coding]
        results.judge(results.read_number(number.strip()), results.read_range(sent) if sent else None, codes, context)
    if critical and mark:
        slots[CRITICAL] = _raised(context, critical) if trimmed(mark) == MARKED else None
        if slots[CRITICAL]:
            context.note("critical-value", path=paths[4])
    return slots


def _raised(context: Context, critical: str) -> dict[str, Any]:
    """Interpretation code -> coding of the critical one."""
    return {code: row.target for code, row in context.codes[critical].rows.items() if row.target}
