"""Persons in one transaction: which golden Patient a local Patient belongs to, and pairs to review."""

from typing import Any

from hie.identity.demographics import Demographics, demographics
from hie.identity.golden import golden_id, golden_patient
from hie.identity.match import Review, look_alike, match, review
from hie.identity.tables import NUMBER, RECORD, REVIEW
from hie.pipeline.codec import stored
from hie.store.port import Reader, Transaction
from hie.store.table import Row
from hie.wire.safejson import dumps, loads_own

MAX_LOOK_ALIKES = 5
"""How many look-alikes of one record are listed; common names would drown the rest."""

Resource = dict[str, Any]


class Persons:
    """Keeps identity rows, golden Patients and links in step with the local Patients that a transaction writes."""

    def __init__(self, tx: Transaction, now: int) -> None:
        self._tx = tx
        self._now = now

    async def place(self, patient: Resource, region: str) -> Resource:
        """Identify one local Patient: returns it with its link to the golden Patient, if it has one, and brings the
        golden Patient and the other members in step."""
        record = demographics(patient)
        before = await self._tx.get(RECORD, record.patient)
        if before is not None and before["body"] == _body(record):
            golden = before["golden"]
            if golden is not None:
                await self._refresh(str(golden), patient)
            return _linked(patient, None if golden is None else str(golden))
        await self._save(record, before)
        neighbours = await self._neighbours(record)
        if before is not None:
            for other in _demographics(before).keys:
                if other not in record.keys:
                    neighbours |= await self._carriers(other)
        goldens = await self._arrange(neighbours | {record.patient}, patient)
        await self._review_look_alikes(record, goldens.get(record.patient))
        return _linked(patient, goldens.get(record.patient))

    async def remove(self, reference: str) -> None:
        """Forget a local Patient that is no more (it was re-keyed)."""
        row = await self._tx.get(RECORD, reference)
        if row is None:
            return
        neighbours = await self._neighbours(_demographics(row)) - {reference}
        await self._tx.remove(NUMBER, {"patient": reference})
        await self._tx.remove(RECORD, {"patient": reference})
        await self._tx.remove(REVIEW, {"first": reference})
        await self._tx.remove(REVIEW, {"second": reference})
        golden = row["golden"]
        if neighbours:
            await self._arrange(neighbours, None)
        if golden is not None:
            await self._retire({str(golden)})

    async def _save(self, record: Demographics, before: Row | None) -> None:
        old = set() if before is None else set(_demographics(before).keys)
        for number in old - set(record.keys):
            await self._tx.remove(NUMBER, {"number": number, "patient": record.patient})
        for number in set(record.keys) - old:
            await self._tx.upsert(NUMBER, {"number": number, "patient": record.patient})
        golden = None if before is None else before["golden"]
        await self._tx.upsert(RECORD, _row(record, golden))

    async def _carriers(self, number: str) -> set[str]:
        return {str(row["patient"]) for row in await self._tx.select(NUMBER, {"number": number})}

    async def _neighbours(self, record: Demographics) -> set[str]:
        """Every record that shares a number with `record`, directly or through others."""
        found: set[str] = {record.patient}
        numbers: set[str] = set()
        open_numbers = list(record.keys)
        while open_numbers:
            number = open_numbers.pop()
            if number in numbers:
                continue
            numbers.add(number)
            for patient in await self._carriers(number) - found:
                found.add(patient)
                open_numbers += [str(row["number"]) for row in await self._tx.select(NUMBER, {"patient": patient})]
        return found

    async def _arrange(self, patients: set[str], current: Resource | None) -> dict[str, str]:
        """Group `patients` into persons, write golden Patients and links; returns patient -> golden reference.

        `current` is the Patient being written: it is not yet in the store.
        """
        rows = [row for p in sorted(patients) if (row := await self._tx.get(RECORD, p)) is not None]
        result = match([_demographics(row) for row in rows])
        placed: dict[str, str] = {}
        for person in result.persons:
            reference = f"Patient/{golden_id(person.key)}"
            placed.update(dict.fromkeys(person.patients, reference))
            await self._write_golden(person.key, person.patients, current)
        retired = set()
        for row in rows:
            patient, golden = str(row["patient"]), row["golden"]
            if golden != placed.get(patient):
                await self._tx.upsert(RECORD, {**row, "golden": placed.get(patient)})
                if golden is not None:
                    retired.add(str(golden))
                if current is None or patient != f"Patient/{current['id']}":
                    await self._relink(patient, placed.get(patient))
        await self._retire(retired - set(placed.values()))
        await self._review(result.reviews, {str(row["patient"]) for row in rows})
        return placed

    async def _refresh(self, golden: str, current: Resource) -> None:
        """Bring the golden Patient in step when an address or other element outside identity changed: it has none."""
        rows = await self._tx.select(RECORD, {"golden": golden})
        patients = [str(row["patient"]) for row in rows]
        result = match([_demographics(row) for row in rows])
        for person in result.persons:
            if f"Patient/{golden_id(person.key)}" == golden and f"Patient/{current['id']}" in patients:
                await self._write_golden(person.key, person.patients, current)

    async def _write_golden(self, key: str, patients: tuple[str, ...], current: Resource | None) -> None:
        members = []
        for reference in patients:
            if current is not None and reference == f"Patient/{current['id']}":
                members.append(current)
                continue
            version = await self._tx.read("Patient", reference.partition("/")[2])
            if version is not None and not version.deleted:
                members.append(loads_own(version.body))
        await self._tx.put(golden_patient(key, members), unless_same=True)

    async def _relink(self, patient: str, golden: str | None) -> None:
        version = await self._tx.read("Patient", patient.partition("/")[2])
        if version is not None and not version.deleted:
            await self._tx.put(_linked(loads_own(version.body), golden), unless_same=True)

    async def _retire(self, goldens: set[str]) -> None:
        """Delete golden Patients that no record is linked to any more."""
        for golden in sorted(goldens):
            if not await self._tx.count(RECORD, {"golden": golden}):
                await self._tx.delete("Patient", golden.partition("/")[2])

    async def _review(self, reviews: tuple[Review, ...], patients: set[str]) -> None:
        for patient in patients if len(patients) > 1 else ():
            for row in await self._tx.select(REVIEW, {"first": patient}):
                if row["second"] in patients:
                    await self._tx.remove(REVIEW, {"first": patient, "second": row["second"]})
        for one in reviews:
            await self._list(one)

    async def _review_look_alikes(self, record: Demographics, golden: str | None) -> None:
        """List records that look like this one; those known to be the same person do not count."""
        if not record.name or not record.birth_year:
            return
        same = {"name": record.name, "year": record.birth_year}
        listed = 0
        for row in await self._tx.select(RECORD, same, limit=4 * MAX_LOOK_ALIKES):
            other = _demographics(row)
            if golden is not None and row["golden"] == golden:
                continue
            if other.patient != record.patient and look_alike(record, other) and listed < MAX_LOOK_ALIKES:
                listed += 1
                await self._list(review(record.patient, other.patient, "look-alike"))

    async def _list(self, one: Review) -> None:
        if await self._tx.get(REVIEW, one.first, one.second) is None:
            row: Row = {"first": one.first, "second": one.second, "reason": one.reason, "at": self._now}
            await self._tx.upsert(REVIEW, row)


async def linked(reader: Reader, patient_id: str) -> tuple[str, ...]:
    """The ids of all local Patients that the golden Patient `patient_id` links, none for any other Patient."""
    rows = await reader.select(RECORD, {"golden": f"Patient/{patient_id}"})
    return tuple(sorted(str(row["patient"]).partition("/")[2] for row in rows))


def _linked(patient: Resource, golden: str | None) -> Resource:
    """The Patient with its `refer` link to `golden` and no other golden one; links of merges stay."""
    links = [link for link in patient.get("link", ()) if link.get("type") != "refer"]
    if golden is not None:
        links.append({"other": {"reference": golden}, "type": "refer"})
    result = {k: v for k, v in patient.items() if k != "link"}
    if links:
        result["link"] = links
    return result


def _body(record: Demographics) -> bytes:
    return dumps([record.keys, record.name, record.birth_date, record.gender, record.phones, record.region])


def _row(record: Demographics, golden: Any) -> Row:
    return {
        "patient": record.patient,
        "name": record.name,
        "year": record.birth_year,
        "golden": golden,
        "body": _body(record),
    }


def _demographics(row: Row) -> Demographics:
    keys, name, birth_date, gender, phones, region = stored(row["body"])
    return Demographics(str(row["patient"]), tuple(keys), name, birth_date, gender, tuple(phones), region)
