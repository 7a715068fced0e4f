"""Transforms at work: a value that one fails on costs its field, which is named, and never the item."""

from collections.abc import Callable
from typing import Any

from hie.base.finding import Finding, Severity
from hie.mapping.context import Context

_CODE = "value-malformed"
_SAID = "the transform "


def guarded(name: str, function: Callable[[Any, Context], Any]) -> Callable[[Any, Context], Any]:
    """A transform that states nothing of a value on which it fails, and notes that as `value-malformed`.

    It is a mistake in the transform, so it is a warning with the name of the transform and of the exception, whose
    message may hold what was sent and is not said. The adapter contract does not let it pass (`is_failure`).
    """

    def changed(value: Any, context: Context) -> Any:
        try:
            return function(value, context)
        except Exception as error:
            failed(name, error, context)
            return None

    return changed


def failed(name: str, error: Exception, context: Context) -> None:
    """Note at the path at work that the transform of that name failed."""
    context.note(_CODE, f"{_SAID}{name!r} failed: {type(error).__name__}", severity=Severity.WARN)


def is_failure(found: Finding) -> bool:
    """Whether a finding says that a transform failed."""
    return found.code == _CODE and found.detail.startswith(_SAID)
