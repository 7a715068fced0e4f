"""Search parameters that clients post (FHIR R4 searchparameter): what they must fulfil to be served."""

import hashlib
import re

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.fhir.element import SearchParameter
from hie.search.entries import KINDS
from hie.search.extract import covers

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9\-_]{0,63}")
_ANY_TYPE = {"Resource": "Basic", "DomainResource": "Basic"}
"""Abstract base -> the type that a parameter of all types is tried on."""


def fingerprint(parameter: SearchParameter) -> str:
    """A short hash of all that decides which entries a parameter makes."""
    parts = (parameter.code, parameter.type, parameter.expression, parameter.base, parameter.components)
    return hashlib.sha256(repr((*parts, parameter.usage)).encode()).hexdigest()[:16]


def types_of(parameter: SearchParameter, definitions: Definitions) -> tuple[str, ...]:
    """The resource types that a parameter is for; an abstract base means every type below it."""
    return tuple(
        kind
        for kind in definitions.resource_types
        if any(definitions.is_subtype(kind, base) for base in parameter.base)
    )


def check_parameter(parameter: SearchParameter, definitions: Definitions) -> None:
    """Raise UNPROCESSABLE, with the element at fault, when a posted parameter cannot be served beside `definitions`.

    It needs a URL of its own, a code that no other parameter of its types has, and an expression that leads to values
    its search type knows on every base.
    """
    if not parameter.url:
        raise _refused("url", "a search parameter that is served needs a url", "required")
    if definitions.search_parameter(parameter.url) is not None:
        raise _refused("url", "another search parameter has this url", "duplicate")
    if not _CODE.fullmatch(parameter.code):
        raise _refused("code", "a code is a letter, then letters, digits, hyphens and underscores", "value")
    if parameter.type not in KINDS or parameter.type == "special":
        raise _refused("type", "a parameter of this type cannot be posted", "not-supported")
    if parameter.usage not in ("normal", "phonetic"):
        raise _refused("xpathUsage", "only normal and phonetic are served", "not-supported")
    _check_types(parameter, definitions)
    _check_expression(parameter, definitions)


def _check_types(parameter: SearchParameter, definitions: Definitions) -> None:
    if not parameter.base:
        raise _refused("base", "a search parameter names the types it is for", "required")
    if not all(definitions.is_resource(base) or base in _ANY_TYPE for base in parameter.base):
        raise _refused("base", "this is no resource type of R4", "value")
    if not all(definitions.is_resource(target) or target == "Resource" for target in parameter.target):
        raise _refused("target", "this is no resource type of R4", "value")
    for kind in types_of(parameter, definitions):
        if parameter.code in definitions.search_parameters(kind):
            raise _refused("code", f"{kind} has a search parameter of this code", "duplicate")


def _check_expression(parameter: SearchParameter, definitions: Definitions) -> None:
    if not parameter.expression:
        raise _refused("expression", "without an expression there is nothing to index", "required")
    _check_components(parameter, definitions)
    for base in parameter.base:
        try:
            found = covers(_ANY_TYPE.get(base, base), parameter, definitions)
        except HieError as error:
            raise _refused("expression", f"this is no usable FHIRPath: {error.message}", "invalid") from None
        if not found:
            raise _refused("expression", f"it leads to nothing on {base} that makes a {parameter.type}", "value")


def _check_components(parameter: SearchParameter, definitions: Definitions) -> None:
    if (parameter.type == "composite") != bool(parameter.components):
        raise _refused("component", "a composite has components, no other type has", "structure")
    for component in parameter.components:
        defined = definitions.search_parameter(component.definition)
        if defined is None or defined.type in ("composite", "special"):
            raise _refused("component.definition", "no search parameter of this url can be a component", "not-found")


def _refused(element: str, why: str, issue: str) -> HieError:
    where = f"SearchParameter.{element}"
    return HieError(Category.UNPROCESSABLE, f"{where}: {why}.", issue=issue, expression=where)
