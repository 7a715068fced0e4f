"""`_include` and `_revinclude` (FHIR R4 search §3.1.1.5.3)."""

from hie.base.errors import HieError
from hie.search import params
from hie.search.clause import Kind
from hie.search.plan import Include
from hie.search.setting import Setting, invalid


def parse_include(setting: Setting, name: str, text: str) -> Include:
    """`_include[:iterate]=[source]:[parameter][:target]`, `[source]:*` or `*`; INVALID for anything else."""
    word, _, modifier = name.partition(":")
    if modifier not in ("", "iterate", "recurse"):
        raise invalid(name, "has no modifier but iterate")
    reverse, iterate = word == "_revinclude", bool(modifier)
    if text == "*":
        return Include(None, None, None, iterate, reverse, _codes(setting, None) if reverse else ())
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not setting.definitions.is_resource(parts[0]):
        raise invalid(name, "takes [type]:[reference parameter][:target type]")
    source, code, target = parts[0], parts[1], parts[2] if len(parts) == 3 else None
    if target is not None and not setting.definitions.is_resource(target):
        raise invalid(name, "has a target that is no resource type")
    if code == "*":
        return Include(source, None, target, iterate, reverse, _codes(setting, source) if reverse else ())
    try:
        definition = params.parameter(setting, (source,), code)
    except HieError as error:
        raise invalid(name, f"names a parameter that {source} does not have") from error
    if definition.type != Kind.REFERENCE:
        raise invalid(name, f"names {code}, which is not a reference parameter")
    return Include(source, code, target, iterate, reverse)


def _codes(setting: Setting, source: str | None) -> tuple[str, ...]:
    """The reference parameters of a type, or of all."""
    definitions = setting.definitions
    types = definitions.resource_types if source is None else (source,)
    return tuple(sorted({
        code
        for kind in types
        for code, parameter in definitions.search_parameters(kind).items()
        if parameter.type == Kind.REFERENCE
    }))  # fmt: skip
