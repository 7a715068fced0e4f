"""What the terminology operations share: codes read out of the inputs, Parameters written as answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from hie.api.content import encoded
from hie.api.message import Answer, Request
from hie.api.operations.operation import Inputs
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.terminology.language import wanted_languages
from hie.terminology.service import Terminology, Verdict

Coded = tuple[str | None, str, str | None]
"""(system, code, display)."""

_TRUE = {"true": True, "false": False, "True": True, "False": False}
_MOST_CODINGS = 100


def answers_of(service: Service) -> Terminology:
    """The terminology service; the table of operations lets nobody come here without one."""
    if service.terminology is None:
        raise HieError(Category.NOT_SUPPORTED, "This server has no terminology service")
    return service.terminology.answers


def flag(asked: Inputs, name: str, default: bool = False) -> bool:
    """A boolean parameter; raises INVALID for anything else."""
    text = asked.text(name)
    if text is None:
        return default
    if text not in _TRUE:
        raise HieError(Category.INVALID, "This parameter is true or false", issue="value", expression=name)
    return _TRUE[text]


def number(asked: Inputs, name: str) -> int | None:
    """A parameter that is a number, 0 or more; raises INVALID."""
    text = asked.text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HieError(Category.INVALID, "This parameter is a number, 0 or more", issue="value", expression=name)
    return int(text)


def languages(request: Request, asked: Inputs) -> tuple[str, ...]:
    """The languages to answer in: displayLanguage, else Accept-Language (FHIR R4 valueset-operation-expand)."""
    return wanted_languages(asked.text("displayLanguage") or request.header("accept-language"))


def structure(asked: Inputs, name: str) -> Json | None:
    """A parameter that is a datatype or resource, posted in a Parameters resource; raises INVALID for text."""
    value = asked.first(name)
    if value is not None and not isinstance(value, dict):
        raise HieError(
            Category.INVALID, "Post this parameter in a Parameters resource", issue="structure", expression=name
        )
    return value


def required(value: str | None, name: str) -> str:
    """`value`, which must be given."""
    if not value:
        raise HieError(Category.INVALID, f"The parameter {name} is needed", issue="required", expression=name)
    return value


def coding_of(row: Any, name: str) -> Coded:
    """A Coding as system, code, display; raises INVALID for one without a code."""
    code = row.get("code") if isinstance(row, Mapping) else None
    if not isinstance(code, str) or not code:
        raise HieError(Category.INVALID, "A Coding with a code is needed here", issue="required", expression=name)
    system, display = row.get("system"), row.get("display")
    return system if isinstance(system, str) else None, code, display if isinstance(display, str) else None


def codings(asked: Inputs, system: str | None) -> list[Coded]:
    """The one of code, coding and codeableConcept that is given; raises INVALID when it is none or several."""
    code, coding, concept = asked.text("code"), structure(asked, "coding"), structure(asked, "codeableConcept")
    given = [name for name, value in (("code", code), ("coding", coding), ("codeableConcept", concept)) if value]
    if len(given) != 1:
        message = "Give one of code, coding and codeableConcept"
        raise HieError(Category.INVALID, message, issue="required" if not given else "invalid", expression="code")
    if code:
        return [(system, code, asked.text("display"))]
    if coding:
        return [coding_of(coding, "coding")]
    rows = (concept or {}).get("coding")
    if not isinstance(rows, list) or not rows or len(rows) > _MOST_CODINGS:
        raise HieError(Category.INVALID, "A CodeableConcept with a coding is needed", issue="required",
                       expression="codeableConcept")  # fmt: skip
    return [coding_of(row, "codeableConcept") for row in rows]


def refuse(asked: Inputs, names: Sequence[str]) -> None:
    """Raise INVALID (`not-supported`) for a parameter of the standard that is not honoured here."""
    for name in names:
        if asked.first(name) is not None:
            message = f"The parameter {name} is not supported here"
            raise HieError(Category.INVALID, message, issue="not-supported", expression=name)


def parameter(name: str, kind: str, value: Any) -> Json:
    """One parameter: `parameter("result", "Boolean", True)`."""
    return {"name": name, f"value{kind}": value}


def parameters(rows: Sequence[Json]) -> Answer:
    """A Parameters resource as answer."""
    return Answer(200, encoded({"resourceType": "Parameters", "parameter": list(rows)}))


def verdict(found: Verdict) -> Answer:
    """The answer of a `$validate-code`."""
    rows = [parameter("result", "Boolean", found.result)]
    if found.message:
        rows.append(parameter("message", "String", found.message))
    if found.display:
        rows.append(parameter("display", "String", found.display))
    return parameters(rows)
