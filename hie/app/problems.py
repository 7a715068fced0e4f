"""What a route refuses, whoever refuses it, in one form: `application/problem+json` (RFC 9457)."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hie.app.maps import UnfitTables
from hie.base.errors import Category, HieError
from hie.feeds.problem import OUR_FAILURE, problem


def answer_problems(app: FastAPI) -> None:
    """Let `app` answer so: situations, addresses and methods that nothing serves, bodies and parameters of a wrong
    shape, failures of ours. `/fhir`, `/browse` and the pages of `/quality` have forms of their own."""
    app.add_exception_handler(HieError, _situation)
    app.add_exception_handler(HTTPException, _unserved)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(Exception, _failed)


async def _situation(_: Request, error: Exception) -> Response:
    assert isinstance(error, HieError)
    return problem(error, {"problems": list(error.problems)} if isinstance(error, UnfitTables) else {})


async def _failed(_: Request, __: Exception) -> Response:
    return problem(OUR_FAILURE)


async def _unserved(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    told = {
        404: HieError(Category.NOT_FOUND, "There is nothing at this address; GET /openapi.json lists what there is."),
        405: HieError(Category.NOT_ALLOWED, f"This address takes {headers.get('Allow', 'other methods')} only."),
    }
    return problem(told.get(error.status_code) or HieError(Category.INVALID, str(error.detail)), headers=headers)


async def _misshapen(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return problem(HieError(Category.UNPROCESSABLE, f"{told}."))
