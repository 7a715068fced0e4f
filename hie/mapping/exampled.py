"""The example of a field, held against the field's own transform: one that it refuses misleads who reads the map."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from hie.base.finding import Severity
from hie.mapping.codes import CodeTable
from hie.mapping.context import Context
from hie.mapping.dialect import Dialect
from hie.mapping.guarded import guarded, is_failure
from hie.mapping.toml import Table
from hie.mapping.transforms.registry import Transform

_WHEN = datetime(2100, 1, 1, tzinfo=UTC)
"""When examples are received: no date in one lies in the future then."""


def refused(
    table: Table, transforms: Mapping[str, Transform], dialect: Dialect, codes: Mapping[str, CodeTable]
) -> str | None:
    """Why the transform of a field states nothing of its `example`; None when it takes it, and where nobody can tell:
    of components, of several values and parts, and of elements."""
    name, example, source = table.get("transform"), table.get("example"), table.get("source", ())
    paths = source if isinstance(source, list) else [source]
    if example is None or name not in transforms or not paths or table.get("all"):
        return None
    if any(dialect.is_composed(str(path)) for path in paths):
        return None
    context = Context(region="", organisation="", feed="", received=_WHEN, codes=codes)
    change = guarded(name, partial(transforms[name], **table.get("options", {})))
    if change(example, context) is not None:
        return None
    noted = (one for one in context.findings if one.severity is not Severity.INFO and not is_failure(one))
    return next((f"{name!r} states nothing of {example!r}: {one.text}" for one in noted), None)
