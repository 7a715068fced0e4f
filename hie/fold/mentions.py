"""Mentions: references to other resources, settled when the resource that holds them is written.

A reference stays literal while its target is known; otherwise what else it says (identifier, display, type) stays, and
the literal comes back as soon as the target does. So the order of arrival never shows.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hie.wire.safejson import ExactDecimal

_PLAIN = frozenset({bool, int, float, Decimal, ExactDecimal, type(None)})
"""Types of values that hold nothing; asking an abstract class about each took longer than all the rest."""


def settled(value: Any, targets: Mapping[str, str | None]) -> Any:
    """The value with every mentioned reference replaced by its target, or without it where that is None.

    A plain text that is a mentioned reference (Attachment.url) is replaced too; it stays while nothing is known.
    """
    kind = value.__class__
    if kind is str:
        return targets.get(value) or value
    if kind is list:
        return [settled(one, targets) for one in value]
    if kind is not dict and (kind in _PLAIN or not isinstance(value, Mapping)):
        return value
    made = {}
    for name, part in value.items():
        kind = part.__class__
        if kind is str:
            target = targets.get(part, part)
            if target is not None:
                made[name] = target
            elif name != "reference":
                made[name] = part
        else:
            made[name] = part if kind in _PLAIN else settled(part, targets)
    return made
