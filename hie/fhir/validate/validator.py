"""The validator: FHIR resources against the base definitions and profiles."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hie.base.data import data_path
from hie.base.errors import HieError
from hie.fhir.definitions import Definitions
from hie.fhir.outcome import Issue
from hie.fhir.place import Place
from hie.fhir.validate.bindings import Bindings
from hie.fhir.validate.codes import OfficialCodes, Terms
from hie.fhir.validate.conform import Conforming
from hie.fhir.validate.engine import Engine
from hie.fhir.validate.options import BASE, Options
from hie.fhir.validate.plan import Plans, Profiles
from hie.fhir.validate.positions import Pointer, text_issue, with_positions
from hie.fhir.validate.references import root_of
from hie.fhir.validate.shape import Shapes
from hie.fhir.validate.structures import ProfileSet, load_structures
from hie.fhir.validate.walk import Tools, Walk
from hie.fhir.xml import from_xml
from hie.wire.safejson import loads


class Validator:
    """Validates resources as parsed by `hie.wire.safejson`; one instance serves all threads.

    `profiles` tells definitions beyond the official ones; `terms` is the terminology service, without which codes are
    held against the official value sets and code systems alone.
    """

    def __init__(
        self,
        definitions: Definitions,
        profiles: Profiles | None = None,
        terms: Terms | None = None,
    ) -> None:
        terms = terms or OfficialCodes(definitions)
        engine = Engine(definitions, terms.member_of)
        plans = Plans(definitions, profiles or definitions)
        self._shapes = Shapes(definitions, engine)
        bindings = Bindings(terms)
        self._conforming = Conforming(definitions, plans, engine, bindings)
        self._tools = Tools(definitions, plans, engine, bindings)

    def is_valid(self, resource: Any) -> bool:
        """Whether a resource certainly has no error under the base rules: a few microseconds.

        False means that only `validate` can tell.
        """
        return self._shapes.is_valid(resource)

    def write_issues(self, resource: Any) -> list[Issue]:
        """What the write path asks: the errors under the base rules, none for almost every resource."""
        return [] if self._shapes.is_valid(resource) else self.validate(resource, base_only=True)

    def all_issues(
        self, resource: Any, profiles: Sequence[str] = (), raw: bytes | None = None, within: Pointer = ()
    ) -> list[Issue]:
        """What `$validate` answers: everything, against the profiles that are named; `raw` and `within` as in
        `validate`."""
        return self.validate(resource, profiles=profiles, raw=raw, within=within)

    def profile_issues(self, resource: Any, url: str) -> list[Issue]:
        """What the write path asks of a resource that keeps the base rules: the errors under those that a profile adds,
        none for almost every resource, and with them its warnings."""
        return [] if self._conforming.conforms(resource, url) else self.profile_walk(resource, url)

    def knows(self, url: str) -> bool:
        """Whether there is a profile of that canonical URL."""
        return self._tools.plans.profile(url) is not None

    def profile_walk(self, resource: Any, url: str) -> list[Issue]:
        """Everything that a profile finds beyond the base rules, warnings too, by the full walk."""
        walk = Walk(self._tools, Options())
        place = Place(resource["resourceType"])
        walk.profile(resource, url, place, root_of(resource), place, "error")
        return walk.log.issues

    def validate(
        self,
        resource: Any,
        *,
        profiles: Sequence[str] = (),
        base_only: bool = False,
        raw: bytes | None = None,
        within: Pointer = (),
        options: Options | None = None,
    ) -> list[Issue]:
        """Everything that is wrong with a resource, in document order.

        `profiles` are canonical URLs to hold it against, beside those of `meta.profile` (unless `base_only`). `raw` is
        the JSON or XML text it was read from: issues then tell line and column; `within` leads to it in that text.
        """
        walk = Walk(self._tools, BASE if base_only else options or Options())
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        place = Place(kind if isinstance(kind, str) and kind.isalpha() else "Resource")
        try:
            walk.resource(resource, place)
            if isinstance(kind, str) and self._tools.definitions.is_resource(kind):
                for url in profiles:
                    walk.profile(resource, url, place, root_of(resource), place, "error")
        except RecursionError:
            walk.log.report("fatal", "too-costly", "too-deep", "The resource is nested too deeply", place)
        return walk.log.issues if raw is None else with_positions(walk.log.issues, raw, self._tools.definitions, within)

    def validate_text(self, raw: bytes, *, profiles: Sequence[str] = (), options: Options | None = None) -> list[Issue]:
        """Like `validate`, from the JSON or XML text itself; text that cannot be read is a fatal issue."""
        try:
            is_xml = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
            resource = from_xml(raw, self._tools.definitions) if is_xml else loads(raw)
        except HieError as error:
            issue = text_issue(error, raw, self._tools.definitions)
            return [replace(issue, severity="fatal", code="structure", rule="text")]
        return self.validate(resource, profiles=profiles, raw=raw, options=options)


def load_validator(definitions: Definitions, terms: Terms) -> Validator:
    """The validator over the official definitions and our profiles (`profiles/hie`); `terms` knows their value sets."""
    return Validator(definitions, ProfileSet(definitions, load_structures(data_path("profiles", "hie"))), terms)
