"""Operations: `$name` on the system, a type or an instance (FHIR R4 operations), from one table."""

from hie.api.message import Answer, Request
from hie.api.operations import codesystem, conceptmap, valueset
from hie.api.operations.document import document
from hie.api.operations.everyone import everyone
from hie.api.operations.everything import everything
from hie.api.operations.export import cancel_or_status, export, export_file
from hie.api.operations.lastn import lastn
from hie.api.operations.meta import meta, meta_add, meta_delete
from hie.api.operations.operation import Level, Operation
from hie.api.operations.reindex import reindex_status
from hie.api.operations.validate import validate
from hie.api.router import NotAllowed, Route
from hie.api.service import Service
from hie.base.errors import Category, HieError

_ALL = frozenset(Level)
_INSTANCE = frozenset({Level.INSTANCE})
_TYPE = frozenset({Level.TYPE})
_READ = ("GET", "POST")

OPERATIONS: tuple[Operation, ...] = (
    Operation("everything", everything, _INSTANCE, ("Patient", "Encounter"), _READ, "{type}-everything"),
    Operation("everything", everyone, _TYPE, ("Patient",), _READ, "{type}-everything"),
    Operation("meta", meta, _ALL, (), _READ, "Resource-meta"),
    Operation("meta-add", meta_add, _INSTANCE, (), ("POST",), "Resource-meta-add"),
    Operation("meta-delete", meta_delete, _INSTANCE, (), ("POST",), "Resource-meta-delete"),
    Operation("lastn", lastn, _TYPE, ("Observation",), _READ, "Observation-lastn"),
    Operation("document", document, _INSTANCE, ("Composition",), _READ, "Composition-document"),
    Operation("validate", validate, _TYPE | _INSTANCE, (), _READ, "Resource-validate"),
    Operation("lookup", codesystem.lookup, _TYPE, ("CodeSystem",), _READ, "CodeSystem-lookup", terminology=True),
    Operation("validate-code", codesystem.validate_code, _TYPE | _INSTANCE, ("CodeSystem",), _READ,
              "CodeSystem-validate-code", terminology=True),
    Operation("subsumes", codesystem.subsumes, _TYPE | _INSTANCE, ("CodeSystem",), _READ, "CodeSystem-subsumes",
              terminology=True),
    Operation("expand", valueset.expand, _TYPE | _INSTANCE, ("ValueSet",), _READ, "ValueSet-expand", terminology=True),
    Operation("validate-code", valueset.validate_code, _TYPE | _INSTANCE, ("ValueSet",), _READ,
              "ValueSet-validate-code", terminology=True),
    Operation("translate", conceptmap.translate, _TYPE | _INSTANCE, ("ConceptMap",), _READ, "ConceptMap-translate",
              terminology=True),
    Operation("export", export, frozenset({Level.SYSTEM}), (), _READ, "export", bulk=True),
    Operation("export", export, _TYPE, ("Patient",), _READ, "patient-export", bulk=True),
    Operation("export", export, _INSTANCE, ("Group",), _READ, "group-export", bulk=True),
    Operation("reindex-status", reindex_status, frozenset({Level.SYSTEM}), (), ("GET",)),
    Operation("export-status", cancel_or_status, frozenset({Level.SYSTEM}), (), ("GET", "DELETE"), bulk=True),
    Operation("export-file", export_file, frozenset({Level.SYSTEM}), (), ("GET",), bulk=True),
)  # fmt: skip
"""Every operation that is served; the CapabilityStatement lists those with a definition."""


async def operation(service: Service, request: Request, route: Route) -> Answer:
    """Run the operation that a route names; raises NOT_FOUND, `NotAllowed`."""
    name = (route.operation or "").removeprefix("$")
    found = next((row for row in OPERATIONS if row.name == name and row.serves(service, route)), None)
    if found is None:
        raise HieError(Category.NOT_FOUND, "There is no such operation here", issue="not-supported")
    if request.method not in (*found.methods, "HEAD"):
        raise NotAllowed(list(found.methods))
    return await found.run(service, request, route)
