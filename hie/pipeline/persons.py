"""Persons in one transaction: which golden Patient a local Patient belongs to, and pairs to review."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hie.base.resource import Json
from hie.identity.demographics import Demographics, demographics
from hie.identity.golden import golden_id, golden_patient
from hie.identity.match import LOOK_ALIKE, MAX_CARRIERS, Review, identifies_nobody, look_alike, match, review
from hie.identity.tables import NUMBER, RECORD, REVIEW
from hie.pipeline.codec import stored
from hie.store.port import Reader, Transaction
from hie.store.table import Row
from hie.wire.safejson import dumps, loads_own

MAX_LOOK_ALIKES = 10
"""How many records may have one name and year of birth for look-alikes among them to be listed: a name that more have
says nothing, and would drown the rest. Which of many are listed would go by the order of arrival."""

RULES = 5
"""Another number whenever records are linked by other rules, so that each is placed anew when it is next written or
replayed."""


class Circle(NamedTuple):
    """The records that share numbers, directly or through others: patient -> row. `common` are numbers that more than
    `MAX_CARRIERS` carry, but for those that one record may have led across that limit: these were followed too."""

    rows: dict[str, Row]
    common: set[str]

    def without(self, patient: str) -> "Circle":
        """The same after one of them is gone."""
        return Circle({one: row for one, row in self.rows.items() if one != patient}, self.common)

    def records(self) -> dict[str, Demographics]:
        """What is known of each, with the numbers that identify a person."""
        found = {patient: _demographics(self.rows[patient]) for patient in sorted(self.rows)}
        carriers: dict[str, list[Demographics]] = {}
        for record in found.values():
            for key in record.keys:
                carriers.setdefault(key, []).append(record)
        common = self.common | {key for key, carrying in carriers.items() if identifies_nobody(carrying)}
        if not common:
            return found
        return {p: replace(r, keys=tuple(key for key in r.keys if key not in common)) for p, r in found.items()}


class Persons:
    """Keeps identity rows, golden Patients and links in step with the local Patients that a transaction writes."""

    def __init__(self, tx: Transaction, now: int) -> None:
        self._tx = tx
        self._now = now

    async def place(self, patient: Json) -> Json:
        """Identify one local Patient: returns it with its link to the golden Patient, if it has one, and brings the
        golden Patient and the other members in step."""
        record = demographics(patient)
        before = await self._tx.get(RECORD, record.patient)
        if before is not None and before["body"] == _body(record):
            golden = before["golden"]
            if golden is not None:
                await self._refresh(str(golden), patient)
            return _linked(patient, None if golden is None else str(golden))
        former = () if before is None else _demographics(before).keys
        row = await self._save(record, former, None if before is None else before["golden"])
        circle = await self._circle({record.patient: row}, {*record.keys, *former})
        placed = await self._arrange(circle, {record.patient}, patient)
        if before is not None and (before["name"], before["year"]) != (row["name"], row["year"]):
            await self._left(before)
        return _linked(patient, placed.get(record.patient))

    async def remove(self, reference: str) -> None:
        """Forget a local Patient that is no more (it was re-keyed)."""
        row = await self._tx.get(RECORD, reference)
        if row is None:
            return
        circle = await self._circle({reference: row}, set(_demographics(row).keys))
        await self._tx.remove(NUMBER, {"patient": reference})
        await self._tx.remove(RECORD, {"patient": reference})
        await self._tx.remove(REVIEW, {"first": reference})
        await self._tx.remove(REVIEW, {"second": reference})
        await self._arrange(circle.without(reference), set(), None)
        if row["golden"] is not None:
            await self._retire({str(row["golden"])})
        await self._left(row)

    async def _save(self, record: Demographics, former: Iterable[str], golden: Any) -> Row:
        for number in set(former) - set(record.keys):
            await self._tx.remove(NUMBER, {"number": number, "patient": record.patient})
        for number in set(record.keys) - set(former):
            await self._tx.upsert(NUMBER, {"number": number, "patient": record.patient})
        row = _row(record, golden)
        await self._tx.upsert(RECORD, row)
        return row

    async def _circle(self, rows: dict[str, Row], numbers: set[str]) -> Circle:
        """Those that share these numbers with the records in `rows`, and all that share others with them in turn."""
        circle = Circle(rows, set())
        ahead = sorted(numbers)
        for number in ahead:
            carriers = await self._tx.select(NUMBER, {"number": number}, limit=MAX_CARRIERS + 2)
            if len(carriers) > MAX_CARRIERS + 1:
                circle.common.add(number)
                continue
            for patient in sorted(str(row["patient"]) for row in carriers):
                if patient in rows or (row := await self._tx.get(RECORD, patient)) is None:
                    continue
                rows[patient] = row
                further = [key for key in _demographics(row).keys if key not in numbers]
                numbers.update(further)
                ahead += further
        return circle

    async def _arrange(self, circle: Circle, changed: set[str], current: Json | None) -> dict[str, str]:
        """Group records into persons, write golden Patients, links and reviews; returns patient -> golden reference.

        `changed` are records that say something else than before. `current` is the Patient being written: it is not
        yet in the store.
        """
        records = circle.records()
        result = match(records.values())
        placed: dict[str, str] = {}
        for person in result.persons:
            golden = golden_id(person.key)
            placed.update(dict.fromkeys(person.patients, f"Patient/{golden}"))
            await self._write_golden(golden, person.patients, current)
        retired, moved = set(), set(changed)
        for patient, row in circle.rows.items():
            former = row["golden"]
            if former != placed.get(patient):
                moved.add(patient)
                await self._tx.upsert(RECORD, {**row, "golden": placed.get(patient)})
                if former is not None:
                    retired.add(str(former))
                if current is None or patient != f"Patient/{current['id']}":
                    await self._relink(patient, placed.get(patient))
        await self._retire(retired - set(placed.values()))
        await self._review(result.reviews, records)
        for patient in sorted(moved):
            await self._review_look_alikes(records[patient], placed.get(patient))
        return placed

    async def _refresh(self, golden: str, current: Json) -> None:
        """Bring the golden Patient in step when something of a member changed that does not matter to identity."""
        rows = await self._tx.select(RECORD, {"golden": golden})
        await self._write_golden(golden.partition("/")[2], sorted(str(row["patient"]) for row in rows), current)

    async def _write_golden(self, golden: str, patients: Sequence[str], current: Json | None) -> None:
        members = []
        for reference in patients:
            if current is not None and reference == f"Patient/{current['id']}":
                members.append(current)
                continue
            version = await self._tx.read("Patient", reference.partition("/")[2])
            if version is not None and not version.deleted:
                members.append(loads_own(version.body))
        await self._tx.put(golden_patient(golden, members), unless_same=True)

    async def _relink(self, patient: str, golden: str | None) -> None:
        version = await self._tx.read("Patient", patient.partition("/")[2])
        if version is not None and not version.deleted:
            await self._tx.put(_linked(loads_own(version.body), golden), unless_same=True)

    async def _retire(self, goldens: set[str]) -> None:
        """Delete golden Patients that no record is linked to any more."""
        for golden in sorted(goldens):
            if not await self._tx.count(RECORD, {"golden": golden}):
                await self._tx.delete("Patient", golden.partition("/")[2])

    async def _review(self, reviews: Collection[Review], records: Mapping[str, Demographics]) -> None:
        """List these pairs, and of those among `records` that were listed for a number they share no others."""
        apart = {(one.first, one.second) for one in reviews}
        for patient in records if len(records) > 1 else ():
            for row in await self._tx.select(REVIEW, {"first": patient}):
                pair = (patient, str(row["second"]))
                if pair[1] in records and pair not in apart and row["reason"] != LOOK_ALIKE:
                    await self._tx.remove(REVIEW, {"first": pair[0], "second": pair[1]})
        for one in reviews:
            await self._list(one)

    async def _review_look_alikes(self, record: Demographics, golden: str | None) -> None:
        """List records that look like this one, and no others; those known to be the same person do not count."""
        await self._tx.foresee(REVIEW, [{"first": record.patient}, {"second": record.patient}])
        named = await self._named(record.name, record.birth_year)
        if len(named) == MAX_LOOK_ALIKES + 1:
            for row in named:
                await self._keep_look_alikes(str(row["patient"]), ())
        few = named if len(named) <= MAX_LOOK_ALIKES else ()
        alike = sorted(str(row["patient"]) for row in few if _looks_alike(record, golden, row))
        await self._keep_look_alikes(record.patient, alike)
        for other in alike:
            await self._list(review(record.patient, other, LOOK_ALIKE))

    async def _named(self, name: Any, year: Any) -> list[Row]:
        """The records of that name and year, of many only as many as tell that they are; none without both."""
        if not name or not year:
            return []
        return await self._tx.select(RECORD, {"name": name, "year": year}, limit=MAX_LOOK_ALIKES + 2)

    async def _keep_look_alikes(self, patient: str, alike: Collection[str]) -> None:
        """Take the look-alikes of a record off the list, but for those that are."""
        for place, other in (("first", "second"), ("second", "first")):
            for row in await self._tx.select(REVIEW, {place: patient}):
                if row["reason"] == LOOK_ALIKE and row[other] not in alike:
                    await self._tx.remove(REVIEW, {"first": row["first"], "second": row["second"]})

    async def _left(self, before: Row) -> None:
        """List look-alikes of a name and year that one too many had until now."""
        named = await self._named(before["name"], before["year"])
        for row in named if len(named) == MAX_LOOK_ALIKES else ():
            patient, numbers = str(row["patient"]), set(_demographics(row).keys)
            records = (await self._circle({patient: row}, numbers)).records()
            await self._review_look_alikes(records[patient], str(row["golden"]) if row["golden"] else None)

    async def _list(self, one: Review) -> None:
        """Put a pair on the list, unless it is there for this reason."""
        before = await self._tx.get(REVIEW, one.first, one.second)
        if before is None or before["reason"] != one.reason:
            row: Row = {"first": one.first, "second": one.second, "reason": one.reason, "at": self._now}
            await self._tx.upsert(REVIEW, row)


async def linked(reader: Reader, patient_id: str) -> tuple[str, ...]:
    """The ids of all local Patients that the golden Patient `patient_id` links, none for any other Patient."""
    rows = await reader.select(RECORD, {"golden": f"Patient/{patient_id}"})
    return tuple(sorted(str(row["patient"]).partition("/")[2] for row in rows))


def _linked(patient: Json, golden: str | None) -> Json:
    """The Patient with its `refer` link to `golden` and no other golden one; links of merges stay."""
    links = [link for link in patient.get("link", ()) if link.get("type") != "refer"]
    if golden is not None:
        links.append({"other": {"reference": golden}, "type": "refer"})
    result = {k: v for k, v in patient.items() if k != "link"}
    if links:
        result["link"] = links
    return result


def _looks_alike(record: Demographics, golden: str | None, row: Row) -> bool:
    """Whether the record of a row looks like `record`, of the person `golden`, and is not known to be the same."""
    other = _demographics(row)
    known = golden is not None and row["golden"] == golden
    return not known and other.patient != record.patient and look_alike(record, other)


def _body(record: Demographics) -> bytes:
    return dumps([record.keys, record.name, record.birth_date, record.gender, record.phones, RULES])


def _row(record: Demographics, golden: Any) -> Row:
    return {
        "patient": record.patient,
        "name": record.name,
        "year": record.birth_year,
        "golden": golden,
        "body": _body(record),
    }


def _demographics(row: Row) -> Demographics:
    keys, name, birth_date, gender, phones, *_ = stored(row["body"])
    return Demographics(str(row["patient"]), tuple(keys), name, birth_date, gender, tuple(phones))
