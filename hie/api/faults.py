"""Errors as answers: an OperationOutcome, the status of the table, nothing about the inside (hie.base.errors)."""

import logging
import traceback
from collections.abc import Sequence

from hie.api.content import Rejected
from hie.api.message import Answer
from hie.api.router import NotAllowed
from hie.base.errors import Category, HieError
from hie.fhir.outcome import Problem, issue_of, outcome_bytes

_log = logging.getLogger(__name__)
_RETRY_AFTER = "2"


def answer_of(error: Exception) -> Answer:
    """The answer to any exception; one that is no `HieError` is logged by its place, without its message."""
    if isinstance(error, TimeoutError):
        error = HieError(Category.TIMEOUT, "The request took longer than this server allows")
    if not isinstance(error, HieError):
        log_place(error)
        error = HieError(Category.INTERNAL, "The server failed; nothing more is known here")
    answer = Answer(error.response.status, outcome_bytes(issues_of(error)))
    if isinstance(error, NotAllowed):
        answer.headers["Allow"] = ", ".join(error.allowed)
    if error.response.retry and error.response.status == 503:
        answer.headers["Retry-After"] = _RETRY_AFTER
    return answer


def issues_of(error: HieError) -> Sequence[Problem]:
    """The issues that an error stands for."""
    return error.issues if isinstance(error, Rejected) else [issue_of(error)]


def log_place(error: BaseException) -> None:
    """Log where an exception came from; its message could hold what a patient sent."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    _log.error("unexpected %s at %s", type(error).__name__, places)
