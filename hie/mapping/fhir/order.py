"""The order key of a resource that a FHIR platform states (common rules §8): when it was last changed there."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from hie.base.moment import read
from hie.mapping.block import ORDER_SEPARATOR
from hie.mapping.context import Context
from hie.wire.submission import Submission


def order_of(resource: Mapping[str, Any], submission: Submission, context: Context) -> str:
    """`meta.lastUpdated`, else the time of the Bundle, else of its SubmissionSet; then the version number.

    A submission without any time is put where it was received, `value-missing` (warn): only then the order of arrival
    counts.
    """
    meta = resource.get("meta", {})
    time = str(meta.get("lastUpdated") or "") or submission.time or _submitted(submission)
    moment = read(time)
    if moment is None:
        context.note("value-missing", path="Bundle.timestamp")
    at = (context.received.astimezone(UTC) if moment is None else moment.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    version = str(meta.get("versionId", ""))
    return ORDER_SEPARATOR.join((at, version.zfill(10) if version.isdecimal() else version, submission.id))


def _submitted(submission: Submission) -> str:
    """The time of the SubmissionSet (IHE MHD: List.date)."""
    lists = (entry.resource for entry in submission.stating if entry.type == "List")
    return next((str(one["date"]) for one in lists if one.get("date")), "")
