"""The validator: FHIR resources against the base definitions and profiles."""

from collections.abc import Sequence
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.validate.bindings import Bindings
from hie.fhir.validate.engine import Engine
from hie.fhir.validate.issue import Issue, Place
from hie.fhir.validate.options import BASE, Options
from hie.fhir.validate.plan import Plans, Profiles
from hie.fhir.validate.shape import Shapes
from hie.fhir.validate.walk import Tools, Walk


class Validator:
    """Validates resources as parsed by `hie.wire.safejson`; one instance serves all threads.

    `profiles` tells definitions beyond the official ones; the official ones are asked when it is left out.
    """

    def __init__(self, definitions: Definitions, profiles: Profiles | None = None) -> None:
        engine = Engine(definitions)
        self._shapes = Shapes(definitions, engine)
        self._tools = Tools(Plans(definitions, profiles or definitions), engine, Bindings(definitions))

    def is_valid(self, resource: Any) -> bool:
        """Whether a resource certainly has no error under the base rules: a few microseconds.

        False means that only `validate` can tell.
        """
        return self._shapes.is_valid(resource)

    def write_issues(self, resource: Any) -> list[Issue]:
        """What the write path asks: the errors under the base rules, none for almost every resource."""
        return [] if self._shapes.is_valid(resource) else self.validate(resource, base_only=True)

    def validate(
        self,
        resource: Any,
        *,
        profiles: Sequence[str] = (),
        base_only: bool = False,
        raw: bytes | None = None,
        options: Options | None = None,
    ) -> list[Issue]:
        """Everything that is wrong with a resource, in document order.

        `profiles` are canonical URLs to hold it against, beside those of `meta.profile` (unless `base_only`). `raw` is
        the JSON or XML text it was read from: issues then tell line and column.
        """
        walk = Walk(self._tools, BASE if base_only else options or Options())
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        place = Place(kind if isinstance(kind, str) and kind.isalpha() else "Resource")
        walk.resource(resource, place)
        return walk.issues
