"""Mentions: references to other resources, settled when the resource that holds them is written.

A reference stays literal while its target is known; otherwise what else it says (identifier, display, type) stays, and
the literal comes back as soon as the target does. So the order of arrival never shows.
"""

from collections.abc import Mapping
from typing import Any


def settled(value: Any, targets: Mapping[str, str | None]) -> Any:
    """The value with every mentioned reference replaced by its target, or without it where that is None.

    A plain text that is a mentioned reference (Attachment.url) is replaced too; it stays while nothing is known.
    """
    if isinstance(value, list):
        return [settled(one, targets) for one in value]
    if isinstance(value, str):
        return targets.get(value) or value
    if not isinstance(value, Mapping):
        return value
    reference = value.get("reference")
    if isinstance(reference, str) and reference in targets and targets[reference] is None:
        return {name: settled(part, targets) for name, part in value.items() if name != "reference"}
    return {name: settled(part, targets) for name, part in value.items()}
