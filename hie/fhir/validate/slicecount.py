"""How many items each slice has, in which order, and whether others may stand beside them (profiling §5.1.0.14)."""

from hie.fhir.place import Place
from hie.fhir.validate.log import Log
from hie.fhir.validate.plan import Child, Slice


class SliceCount:
    """The slices of one element while its items are put into them, in order."""

    def __init__(self, child: Child, log: Log) -> None:
        self._child = child
        self._log = log
        self._slicing = child.element.slicing or {}
        self._order = [one.name for one in child.slices]
        self._counts = dict.fromkeys(self._order, 0)
        self._furthest = -1
        self._outside = False

    def put(self, mine: Slice | None, place: Place) -> None:
        """An item that belongs to a slice, or to none."""
        rules = self._slicing.get("rules")
        if mine is None:
            self._outside = True
            if rules == "closed":
                text = f"{self._child.element.name} belongs to no slice, and the profile allows no others"
                self._log.error("structure", "slice-closed", text, place)
            return
        if self._outside and rules == "openAtEnd":
            self._log.error("structure", "slice-open-at-end", "Items outside of slices come last", place)
        position = self._order.index(mine.name)
        if self._slicing.get("ordered") and position < self._furthest:
            self._log.error("structure", "slice-order", "The slices are not in the order of the profile", place)
        self._furthest = max(self._furthest, position)
        self._counts[mine.name] += 1

    def close(self, place: Place) -> None:
        """All items are in: hold the counts against what each slice allows; `place` holds the element."""
        name = self._child.element.name
        for one in self._child.slices:
            count = self._counts[one.name]
            if count < one.element.min:
                text = f"The slice {name}:{one.name} needs {one.element.min} item(s)"
                self._log.error("required", "slice-min", text, place)
            if one.element.max is not None and count > one.element.max:
                text = f"The slice {name}:{one.name} may have at most {one.element.max} item(s)"
                self._log.error("structure", "slice-max", text, place.member(name))
