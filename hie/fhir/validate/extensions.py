"""Extensions: known or not, in the right place, modifying or not (FHIR R4 extensibility §2.4.0)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hie.base.systems import CORE
from hie.fhir.definitions import Definitions
from hie.fhir.element import TypeDefinition
from hie.fhir.validate.options import Options
from hie.fhir.validate.plan import Plans

Fault = tuple[str, str, str]
"""(severity, rule, sentence)."""

_EXAMPLE = re.compile(r"https?://(?:[^/]+\.)?(?:example\.(?:org|com|net)|acme\.(?:org|com))(?:/|$)")
_CROSS_VERSION = re.compile(r"http://hl7\.org/fhir/[1345]\.[0-9]/StructureDefinition/extension-([A-Z][A-Za-z]+)\.(.+)")
HL7 = (CORE, "http://hl7.org/fhir/tools/StructureDefinition/")
"""Where HL7 publishes core extensions: newer ones than those of R4 exist there, so an unknown one is no error."""

_INDEX = re.compile(r"\[[0-9]+\]")


@dataclass(frozen=True, slots=True)
class Use:
    """Where an extension stands.

    `resource` type, FHIRPath `path` below it, definition path of the element that holds it (`HumanName.family`), the
    type `kind` of that element, and whether the extension came as `modifierExtension`.
    """

    resource: str
    path: str
    holder: str
    kind: str
    modifying: bool

    def names(self, definitions: Definitions) -> set[str]:
        """Every way a context may name the holder: path from the resource, element path, type and its ancestors."""
        steps = _INDEX.sub("", self.path).split(".")[:-1]
        names = {".".join([self.resource, *steps[1:]]), self.holder.replace("[x]", "")}
        kind: str | None = self.kind
        while kind is not None:
            names.add(kind)
            kind = definitions.base_of(kind)
        return names | {"Element"}


def extension_faults(value: Any, use: Use, plans: Plans, options: Options, definitions: Definitions) -> Iterator[Fault]:
    """What is wrong with the use of an extension."""
    url = value.get("url") if isinstance(value, dict) else None
    if not isinstance(url, str):
        return
    if ":" not in url:
        if use.kind != "Extension":
            yield "error", "extension-url", "The url of an extension is absolute"
        return
    definition = plans.profile(url)
    if definition is None:
        yield from _unknown(url, use.modifying, options)
    elif definition.type != "Extension":
        yield "error", "extension-type", "The url names a definition that is no extension"
    else:
        yield from _misplaced(definition, use, definitions)


def _unknown(url: str, modifying: bool, options: Options) -> Iterator[Fault]:
    if _EXAMPLE.match(url) or _CROSS_VERSION.match(url):
        return
    severity = "error" if modifying else "warning" if url.startswith(HL7) else options.unknown_extensions
    yield severity, "extension-unknown", "The definition of the extension is not known"


def _misplaced(definition: TypeDefinition, use: Use, definitions: Definitions) -> Iterator[Fault]:
    root = next(iter(definition.elements.values()))
    if root.is_modifier != use.modifying:
        rightly = "modifierExtension" if root.is_modifier else "extension"
        yield "error", "extension-modifier", f"This extension belongs into {rightly}"
    names = use.names(definitions)
    allowed = [row for row in definition.context if row.get("type") == "element"]
    if allowed and len(allowed) == len(definition.context):
        spelled = {row["expression"].replace("[x]", "") for row in allowed}
        if not spelled & names and "*" not in spelled:
            yield "error", "extension-context", "The extension is not for this place"
