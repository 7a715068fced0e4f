"""What mapping hands to the rest: contributions to resources, keyed and ordered, as plain values.

A resource built from feeds is the fold of the contributions about it, sorted by order key, so the result does not
depend on the order of arrival (common rules §8, design decision 4).

**Slots.** A contribution states *slots*: names of places in a resource.

- `birthDate`, `status`: one element. `period.start`: a nested element.
- `name[]`: a repeating element; the value is one item or a list of items. `identifier[]#card`: one named share of a
  repeating element; all shares of `identifier[]` are joined in the order in which they were first stated, those named
  by a number (`section[]#2`) in the order of the numbers.
- `code#default`, `deceased[x]#default`: what an element is while nothing states it.
- `code+`, `identifier[]#card+`: the value is joined to the one that was stated before: what it does not have stays.
- `value[x]`, `deceased[x]`: a choice; the value is a dict with the one chosen key, `{"valueQuantity": {...}}`.
- `_gender`: the extensions of a primitive element.

A slot that is absent states nothing. The value `None` deletes what earlier contributions stated.
References between resources of a feed are literal (`Key.reference`), because ids follow from keys; whether a subject
was merged or re-keyed is resolved when the resource is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hie.base.finding import Finding
from hie.base.ids import resource_id

Slots = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """The natural key of a resource built from feeds; equal keys are the same resource.

    `organisation` is the USCC of the issuing organisation, `kind` an OID or local kind of common rules §4.
    """

    region: str
    organisation: str
    type: str
    kind: str
    value: str

    @property
    def id(self) -> str:
        """The resource id: UUIDv5 of all parts."""
        return resource_id(self.region, self.organisation, self.type, self.kind, self.value)

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Member:
    """A resource that lives with its root: an Observation of a report, a Condition of a document.

    Its slots replace those of earlier contributions as a whole, or are added to them (`adds`). `gone` takes it out:
    `entered-in-error`, and no longer listed by the root. `listed` names the slot of the root that refers to it
    (`result[]`, `specimen[]`), if any. `aside`: said in passing of a member that is there; it makes none.
    """

    key: Key
    slots: Slots
    gone: bool = False
    listed: str | None = None
    adds: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a visit, for the state machine of Encounter.

    `code`: admit, register, preadmit, transfer, cancel-transfer, discharge, cancel-discharge, cancel, to-inpatient,
    to-outpatient. `at` is the FHIR dateTime of the event; `location` an Encounter.location item without status and
    period.
    """

    code: str
    at: str | None = None
    location: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one part states about one root resource and its members.

    `order` sorts contributions about the same root (text, event time first). `tier`: what a higher tier states wins
    whatever the order. `seed`: counts only where nothing else states a slot, and only the earliest seed counts;
    `only_new`: not even there when the root was stated before, by order. `complete`: members of earlier
    contributions that this one does not restate are gone. `correcting`: a `final` status becomes `corrected` when
    something was stated before and the content differs. `revoke`: everything stated so far is taken back
    (`entered-in-error`, `active: false`); a younger statement starts afresh. `source`: the document that states
    this; `withdraw` takes back all that the same source stated. `exists` False: a statement about a resource that
    must not create it. `subject` and `encounter` are references (`Patient/id`, `Encounter/id`); `parent` is the
    root this one hangs on and inherits from (Qingpu indicator -> report -> visit). `digest` recognises unchanged
    rows. `creates` is the finding to note when this statement is the first about its root (`visit-created`).
    `whole`: what was stated before counts no more (a FHIR PUT). `mentions` are references in its slots that are
    settled when the resource is written: they follow merges and aliases, and stay literal only while their target
    is known.
    """

    target: Key
    order: str
    slots: Slots = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    events: tuple[Event, ...] = ()
    tier: int = 0
    seed: bool = False
    only_new: bool = False
    complete: bool = False
    correcting: bool = False
    revoke: bool = False
    withdraw: bool = False
    exists: bool = True
    source: str = ""
    subject: str | None = None
    encounter: str | None = None
    parent: Key | None = None
    digest: str = ""
    creates: str = ""
    whole: bool = False
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """Two keys of one patient: records known only as `alias` belong to `target` (Jiashan §3.1).

    `order` is the order key of the statement; among several targets the earliest statement counts. `together`: nobody
    is known by `target` either, so both belong to the person who is stated to have one of them, if it is one.
    """

    alias: Key
    target: Key
    order: str
    together: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """The patient `prior` is the same as `target`, in one organisation (HL7 ADT^A40; Wujiang §6).

    The prior one is retired: its resources get the target as subject, whenever they come. `path` is where it stands.
    """

    prior: Key
    target: Key
    order: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a part says in passing about a resource that it does not state, to be held against the stored one.

    `about` is that resource, or with `subject` the Patient that it belongs to; `element` its element as dotted names,
    of repeating ones the first (`name.text`, `class.code`). The value must be one of `equals` (if any are given) and
    none of `differs`; a resource without the element cannot contradict. `finding` is noted at `path` when it does.
    """

    about: Key
    element: str
    finding: str
    path: str = ""
    equals: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    subject: bool = False

    def holds(self, resource: Mapping[str, Any] | None) -> bool:
        """Whether `resource` (the one meant, None when it is not known) does not contradict the claim."""
        value: Any = resource
        for name in self.element.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
            if isinstance(value, list):
                value = value[0] if value else None
        if value is None:
            return True
        return (not self.equals or value in self.equals) and value not in self.differs


@dataclass(frozen=True, slots=True)
class Draft:
    """What mapping makes of one part.

    `message_id` is MSH-10, SOAP message id or PCH with the sender, for `control-id-reused`; `key` the key columns shown
    in a receipt; `needs` are parents that must be known before the part may be stored (`orphan-reference`); `claims`
    are held against what is stored once the parents are known, `merges` join two patients; `unmapped` are source paths
    that no map mentions; `binaries` are verbatim documents (key, content type, bytes). `issues` is a document that this
    part states as new, and how the order keys of such statements end: a second one is `control-id-reused`, whatever
    message it came in. `ids` are keys in this draft that are the id of some server, which may be the exchange.
    """

    contributions: tuple[Contribution, ...] = ()
    findings: tuple[Finding, ...] = ()
    aliases: tuple[Alias, ...] = ()
    needs: tuple[Key, ...] = ()
    claims: tuple[Claim, ...] = ()
    merges: tuple[Merge, ...] = ()
    issues: tuple[Key, str] | None = None
    message_id: str = ""
    order: str = ""
    key: str = ""
    used: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()
    binaries: tuple[tuple[Key, str, bytes], ...] = ()
    ids: tuple[Key, ...] = ()
