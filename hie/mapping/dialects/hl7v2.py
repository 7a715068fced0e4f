"""HL7 v2 as a source language.

Paths: `PID-5` gives the components of each repeat as a tuple; `PID-5.1` one component of each repeat as text,
`OBR-15.1.2` one of its sub-components;
`OBX-5:text` each repeat whole and unsplit, `OBX-5:name` what each repeat of a coded element is called. Escapes are
resolved. `""` gives `DELETED`; as a repeat or component beside others it is empty, as one of blanks always is. A
path is looked up in the node at hand and then in those around it (`hie.wire.hl7v2_group`), so a result sees its OBR and
its PID; an order sees the OBX of its results, one value for each.
Contexts: `OBR` the order groups of a message, `OBX` the results of an order, any other segment name one node each.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from hie.mapping.dialect import DELETED, Coverage, ReadPath, SourcePath, Value
from hie.mapping.problem import meant
from hie.wire.hl7v2 import DELETION, Delimiters, Segment, unescape, without_controls
from hie.wire.hl7v2_group import Group
from hie.wire.hl7v2_segments import MOST_COMPONENTS, SEGMENTS, is_segment

_SEGMENT = r"(?:[A-Z][A-Z0-9]{2}/)?[A-Z][A-Z0-9]{2}"
PATH = re.compile(
    rf"(?P<segment>{_SEGMENT})-(?P<field>[1-9]\d*)"
    r"(?:\.(?P<component>[1-9]\d*)(?:\.(?P<part>[1-9]\d*))?|:(?P<form>text|name))?"
)
IGNORED = re.compile(rf"(?P<segment>{_SEGMENT})-(?:\*|(?P<field>[1-9]\d*)(?:\.(?P<component>[1-9]\d*))?)")
"""What may be left out on purpose: a segment (`MSH-*`), a field, a component."""

NAMES = (1, 4, 8, 0, 3)
"""Where a coded element is called something, the best first: name, other name, original text, code, other code
(HL7 v2.5.1 §2.A.13)."""

Take = Callable[[str, Segment], Value]


class Hl7v2:
    """The dialect `hl7v2`; nodes are `hie.wire.hl7v2_group.Group`."""

    name = "hl7v2"
    filled: frozenset[str] = frozenset()

    def compile_path(self, path: str) -> ReadPath:
        """`PID-5`, `PID-5.1`, `OBR-15.1.2`, `NTE-3:text`, `OBX-5:name`."""
        match = PATH.fullmatch(path)
        if match is None:
            raise ValueError(f"{path!r} is no HL7 path (PID-5, PID-5.1, OBR-15.1.2, NTE-3:text, OBX-5:name)")
        take = _take(match["component"], match["part"], match["form"])
        read = _reader(match["segment"], int(match["field"]), take)
        if match["component"] is None or match["part"] is not None:
            return read
        return _component_reader(match["segment"], int(match["field"]), int(match["component"]) - 1, read)

    def compile_context(self, path: str) -> Callable[[Group], Iterable[Group]]:
        """A segment name."""
        if not re.fullmatch(_SEGMENT, path):
            raise ValueError(f"{path!r} is no segment name")
        return lambda group: group.each(path)

    def compile_coverage(
        self, source_paths: frozenset[SourcePath], ignored: frozenset[str]
    ) -> Callable[[Group], Coverage]:
        """Fields by number; a segment of which no field is mentioned or ignored is `segment-unmapped`."""
        known = _known({path for _, path in source_paths}, ignored)
        return lambda group: _cover(group, *known)

    def is_composed(self, path: str) -> bool:
        """A field without component and form (`PID-5`)."""
        match = PATH.fullmatch(path)
        return match is not None and not (match["component"] or match["form"])

    def doubt(self, path: str) -> str | None:
        """A segment that HL7 does not define and that is no Z segment, which reads nothing."""
        for name in path.partition("-")[0].split("/"):
            if not is_segment(name):
                swapped = [one for one in SEGMENTS if sorted(one) == sorted(name)]
                return f"HL7 has no segment {name!r} and local ones begin with Z{meant(name, swapped or SEGMENTS)}"
        return None

    def beyond(self, path: str, around: Sequence[str] = ()) -> str | None:
        """A field behind the last that HL7 defines for the segment, or a component that no data type has."""
        match = PATH.fullmatch(path) or IGNORED.fullmatch(path)
        if match is None or match["field"] is None:
            return None
        name = match["segment"].rpartition("/")[2]
        last = SEGMENTS.get(name)
        if last is not None and int(match["field"]) > last:
            return f"{name} ends with {name}-{last} in HL7 (up to v2.8): there is no {name}-{match['field']}"
        component = match.groupdict().get("component")
        if component is not None and int(component) > MOST_COMPONENTS:
            return f"no data type of HL7 has {component} components"
        return None

    def locate(self, node: Group, path: str) -> str:
        """The path of a finding: field level, with the number of the segment when it repeats (`OBX[2]-5`)."""
        match = PATH.fullmatch(path)
        if match is None:
            return path
        name = match["segment"]
        around: Group | None = node
        while around is not None and around.parent is not None:
            if name in around.segments and (name == around.segment.fields[0] or name in ("OBR", "ORC")):
                return f"{name}[{around.position}]-{match['field']}"
            around = around.parent
        return f"{name}-{match['field']}"


def _reader(name: str, field: int, take: Take) -> ReadPath:
    def read(group: Group, context: object = None) -> Sequence[Value]:
        segments = group.segments.get(name) or group.find(name)
        if not segments:
            return ()
        if len(segments) == 1:
            segment = segments[0]
            fields = segment.fields
            return _values(fields[field], segment, take) if field < len(fields) and fields[field] else ()
        return [value for segment in segments for value in _values(segment.field(field), segment, take)]

    return read


def _component_reader(name: str, field: int, index: int, otherwise: ReadPath) -> ReadPath:
    """Reads a component where no repeat, escape or deletion may be in the field, which most paths find nearly always;
    anything else is left to `otherwise`."""

    def read(group: Group, context: object = None) -> Sequence[Value]:
        segments = group.segments.get(name)
        if not segments or len(segments) > 1:
            return otherwise(group, context)
        segment = segments[0]
        raw = segment.fields[field] if field < len(segment.fields) else ""
        if not raw:
            return ()
        delimiters = segment.delimiters
        if '"' in raw or delimiters.repeat in raw or delimiters.escape in raw:
            return otherwise(group, context)
        if delimiters.component in raw:
            parts = raw.split(delimiters.component)
            raw = parts[index] if index < len(parts) else ""
        elif index:
            return ()
        return (raw,) if raw and not raw.isspace() else ()

    return read


def _values(raw: str, segment: Segment, take: Take) -> Sequence[Value]:
    """The values of one field of one segment, as it was sent."""
    if not raw:
        return ()
    if raw == DELETION:
        return (DELETED,)
    repeat = segment.delimiters.repeat
    if repeat not in raw:
        value = take(raw, segment)
        return (value,) if value else ()
    return [value for part in raw.split(repeat) if part and part != DELETION and (value := take(part, segment))]


def _take(component: str | None, part: str | None, form: str | None) -> Take:
    if form:
        return _text if form == "text" else _name
    if component is None:
        return components
    index = int(component) - 1
    inner = int(part) - 1 if part is not None else None

    def take(raw: str, segment: Segment) -> str:
        delimiters = segment.delimiters
        if delimiters.component in raw:
            parts = raw.split(delimiters.component)
            raw = parts[index] if index < len(parts) and parts[index] != DELETION else ""
        elif index:
            return ""
        if inner is not None:
            pieces = raw.split(delimiters.subcomponent)
            raw = pieces[inner] if inner < len(pieces) else ""
        text = _text(raw, segment) if delimiters.escape in raw else raw
        return "" if text.isspace() else text

    return take


def _text(raw: str, segment: Segment) -> str:
    delimiters: Delimiters = segment.delimiters
    if delimiters.escape not in raw:
        return raw
    return without_controls(unescape(raw, delimiters, segment.charset))


def _name(raw: str, segment: Segment) -> str:
    parts = components(raw, segment)
    return next((parts[n] for n in NAMES if n < len(parts) and parts[n].strip()), "")


def components(raw: str, segment: Segment) -> tuple[str, ...]:
    """The components of a repeat, unescaped; none when all are blank."""
    parts = ["" if part == DELETION else part for part in raw.split(segment.delimiters.component)]
    if segment.delimiters.escape in raw:
        parts = [_text(part, segment) for part in parts]
    return tuple(parts) if any(part and not part.isspace() for part in parts) else ()


def _known(paths: set[str], ignored: frozenset[str]) -> tuple[dict[str, set[int]], dict[str, set[int]], set[str]]:
    """Mentioned fields and ignored fields by segment, and segments ignored as a whole; a component that is ignored says
    nothing of its field."""
    used: dict[str, set[int]] = {}
    skipped: dict[str, set[int]] = {}
    whole: set[str] = set()
    for path in paths:
        if match := PATH.fullmatch(path):
            used.setdefault(match["segment"], set()).add(int(match["field"]))
    for path in ignored:
        match = IGNORED.fullmatch(path)
        if match is None:
            raise ValueError(f"{path!r} cannot be ignored (PID-1, PID-3.5, MSH-*)")
        if match["field"] is None:
            whole.add(match["segment"])
        elif match["component"] is None:
            skipped.setdefault(match["segment"], set()).add(int(match["field"]))
    return used, skipped, whole


def _cover(group: Group, used: dict[str, set[int]], skipped: dict[str, set[int]], whole: set[str]) -> Coverage:
    seen: dict[str, None] = {}
    missed: dict[tuple[str, str], None] = {}
    left: dict[str, None] = {}
    for name, segment in group.flat:
        mine, other = used.get(name), skipped.get(name)
        if mine is None and other is None and name not in whole:
            missed[name, "segment-unmapped"] = None
            continue
        for number in segment.populated():
            if mine is not None and number in mine:
                seen[f"{name}-{number}"] = None
            elif name in whole or (other is not None and number in other):
                left[f"{name}-{number}"] = None
            else:
                missed[f"{name}-{number}", "field-unmapped"] = None
    return Coverage(tuple(seen), tuple(missed), tuple(left))
