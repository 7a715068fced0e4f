"""Jiashan: a visit as WS/T 500 CDA documents, plain or in a DocumentRegister (interface document `jiashan-cda`)."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from hie.simulate.catalogue import colleague, staff_number
from hie.simulate.history import Visit
from hie.simulate.item import Act, compact
from hie.simulate.jiashan_sections import SECTIONS
from hie.simulate.people import ADDRESSES

DOORS = {False: "jiashan-cda", True: "jiashan-soap"}
ENDING = "xml"
TITLES = {"C0002": "门急诊病历", "C0004": "西药处方", "C0006": "检查报告", "C0007": "检验报告", "C0053": "出院小结"}
_TEMPLATES = {"C0002": 22, "C0004": 24, "C0006": 26, "C0007": 27, "C0053": 73}
_NUMBERS = {
    "C0004": (("20", "CF"),),
    "C0006": (("32", "JC"), ("24", "SQ")),
    "C0007": (("33", "JY"), ("24", "SQ"), ("14", "BB")),
}
"""Document code -> root and prefix of its own number first, then of its order and specimen."""
_PATIENT_TYPES = {"outpatient": ("1", "门诊"), "emergency": ("2", "急诊"), "inpatient": ("3", "住院")}
_GENDERS = {True: ("1", "男性"), False: ("2", "女性")}


@dataclass
class Document:
    """A document before it is written. `numbers` are (root, extension) of patientRole; `registered_id` is what a
    DocumentRegister says when it goes `registered`; `first_value` stands in for the first result of a report;
    `code` is what the document says it is."""

    type: str
    code: str
    title: str
    id: str
    organisation: tuple[str, str]
    effective: datetime
    version: str
    numbers: list[tuple[str, str]]
    national_id: str
    name: str
    gender: tuple[str, str]
    born: str
    visit: Visit
    report: int
    declared: str
    charset: str
    doctype: bool = False
    cut: bool = False
    registered: bool = False
    registered_id: str = ""
    first_value: str = ""

    def bytes(self) -> bytes:
        """The bytes as they are sent."""
        body = _write(self).encode(self.charset)
        body = body[: body.index(b">", len(body) // 2) - 1] if self.cut else body
        return register(self, body) if self.registered else body


def acts(visit: Visit) -> list[Act]:
    """The documents of a visit, in order of their effective times."""
    if visit.cancelled:
        return []
    found = [] if visit.end else [Act(visit.start + timedelta(minutes=20), "C0002")]
    if visit.drugs and not visit.end:
        found.append(Act(visit.start + timedelta(minutes=25), "C0004"))
    for number, report in enumerate(visit.reports):
        thread = f"C0007/{number}"
        found.append(Act(report.issued, "C0007", number, thread, swaps=report.again is not None))
        if report.again:
            found.append(Act(report.issued + timedelta(hours=3), "C0007-1", number, thread))
    if visit.examination:
        found.append(Act(visit.start + timedelta(minutes=95), "C0006"))
    if visit.end:
        found.append(Act(visit.end + timedelta(hours=4), "C0053"))
    return sorted(found, key=lambda act: act.at)


def message(visit: Visit, act: Act) -> Document:
    """The document of an act."""
    record, person = visit.record, visit.record.person
    type_ = act.what[:5]
    numbers = [("12", f"ZY{visit.number}") if visit.end else ("11", f"MZ{visit.number}")]
    numbers += [(root, f"{prefix}{visit.number}{act.report}") for root, prefix in _NUMBERS.get(type_, ())]
    if record.health_card:
        numbers.append(("19", record.health_card))
    identity = hashlib.sha256(f"{visit.hospital.code}{visit.number}{type_}{act.report}".encode()).hexdigest()[:32]
    return Document(
        type=type_,
        code=type_,
        title=TITLES[type_],
        id=identity,
        organisation=(visit.hospital.uscc, visit.hospital.name),
        effective=act.at,
        version="1" if act.what.endswith("-1") else "",
        numbers=numbers,
        national_id=record.national_id,
        name=record.name,
        gender=_GENDERS[person.male],
        born=f"{person.born:%Y%m%d}" if type_ in ("C0002", "C0053") else "",
        visit=visit,
        report=act.report,
        declared=visit.hospital.label,
        charset=visit.hospital.charset,
        registered=(person.number + visit.index) % 5 == 0,
        registered_id=identity,
    )


def _sections(document: Document) -> str:
    """The body; a correction states every result again."""
    visit = document.visit
    if document.type != "C0007":
        return SECTIONS[document.type](visit, None, ())
    report = visit.reports[document.report]
    results = report.corrected if document.version else report.results
    results = (replace(results[0], value=document.first_value), *results[1:]) if document.first_value else results
    return SECTIONS["C0007"](visit, report, results)


def _write(document: Document) -> str:
    visit = document.visit
    code, name = document.organisation
    owner = f'<id root="2.16.156.10011.1.5" extension="{code}"/><name>{name}</name>'
    time = compact(visit.start if document.type == "C0002" else document.effective)
    doctor = f'<id root="2.16.156.10011.1.7" extension="{visit.doctor_number}"/>'
    return (
        f'<?xml version="1.0" encoding="{document.declared}"?>\n'
        + ('<!DOCTYPE ClinicalDocument [<!ENTITY a "b">]>\n' if document.doctype else "")
        + '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        '<realmCode code="CN"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040"/>\n'
        f'<templateId root="2.16.156.10011.2.1.1.{_TEMPLATES[document.type]}"/>\n'
        f'<id root="2.16.156.10011.1.1" extension="{document.id}"/>\n'
        f'<code code="{document.code}" codeSystem="2.16.156.10011.2.4" codeSystemName="共享文档编码"/>\n'
        f'<title>{document.title}</title>\n<effectiveTime value="{compact(document.effective)}"/>\n'
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="zh-CN"/><setId/>\n'
        f"<versionNumber>{document.version}</versionNumber>\n{_patient(document)}"
        f'<author typeCode="AUT"><time value="{time}"/><assignedAuthor classCode="ASSIGNED">{doctor}'
        f"<assignedPerson><name>{visit.doctor}</name></assignedPerson></assignedAuthor></author>\n"
        '<custodian typeCode="CST"><assignedCustodian classCode="ASSIGNED"><representedCustodianOrganization>'
        f"{owner}</representedCustodianOrganization></assignedCustodian></custodian>\n"
        f"{_signed(document, 'legalAuthenticator', 2)}{_signed(document, 'authenticator', 3)}"
        '<relatedDocument typeCode="RPLC"><parentDocument><id></id><setId/><versionNumber/></parentDocument>'
        f"</relatedDocument>\n{_encounter(document)}<component><structuredBody>\n{_sections(document)}"
        "</structuredBody></component></ClinicalDocument>\n"
    )


def _signed(document: Document, role: str, number: int) -> str:
    """Who signed: colleagues of the doctor."""
    hospital = document.visit.hospital
    name = colleague(document.visit.doctor, number)
    return (
        f'<{role}><time/><signatureCode/><assignedEntity><id root="2.16.156.10011.1.4"'
        f' extension="{staff_number(hospital, name)}"/><assignedPerson><name>{name}</name></assignedPerson>'
        f"</assignedEntity></{role}>\n"
    )


def _patient(document: Document) -> str:
    visit = document.visit
    ids = "".join(
        f'<id root="2.16.156.10011.1.{root}" extension={quoteattr(value)}/>' for root, value in document.numbers
    )
    kind, words = _PATIENT_TYPES[visit.kind]
    coded = f'<patienttypeCode code="{kind}" displayName="{words}" codeSystem="2.16.156.10011.2.3.1.271"/>'
    type_ = f"<patientType>{coded}</patientType>"
    code, shown = document.gender
    born = f'<birthTime value="{document.born}"/>' if document.born else ""
    number = f'<id root="2.16.156.10011.1.3" extension="{document.national_id}"/>' if document.national_id else ""
    return (
        f'<recordTarget typeCode="RCT"><patientRole classCode="PAT">{ids}{type_}{_address(document)}\n'
        f'<telecom value="{visit.record.person.phone}"/><patient classCode="PSN">{number}'
        f"<name>{escape(document.name)}</name>\n"
        f'<administrativeGenderCode code="{code}" displayName="{shown}" codeSystem="2.16.156.10011.2.3.3.4"/>'
        f"{born}</patient></patientRole></recordTarget>\n"
    )


def _address(document: Document) -> str:
    if document.type != "C0053":
        return ""
    person = document.visit.record.person
    state, city, county, township, street = ADDRESSES[person.home]
    return (
        f'<addr use="H"><houseNumber>{person.house}号</houseNumber><streetName>{street}</streetName>'
        f"<township>{township}</township><county>{county}</county><city>{city}</city><state>{state}</state></addr>"
    )


def _encounter(document: Document) -> str:
    visit = document.visit
    if visit.end is None:
        return ""
    ward, name = visit.place
    low = f'<low value="{compact(visit.start)}"/><high value="{compact(visit.end)}"/>'
    levels = [("5", visit.hospital.uscc, visit.hospital.name), ("27", ward, name)]
    levels += [("26", "K01", name.removesuffix("病区")), ("21", "101", "101室")]
    levels.append(("22", f"{visit.record.local % 40 + 1:02d}", ""))
    inner = ""
    for root, extension, shown in levels:
        title = f"<name>{shown}</name>" if shown else ""
        within = f"<asOrganizationPartOf>{inner}</asOrganizationPartOf>" if inner else ""
        number = f'<id root="2.16.156.10011.1.{root}" extension="{extension}"/>'
        inner = f"<wholeOrganization>{number}{title}{within}</wholeOrganization>"
    return (
        f"<componentOf><encompassingEncounter><effectiveTime>{low if document.type == 'C0053' else ''}</effectiveTime>"
        "<location><healthCareFacility><serviceProviderOrganization>"
        f"<asOrganizationPartOf>{inner}</asOrganizationPartOf>"
        "</serviceProviderOrganization></healthCareFacility></location></encompassingEncounter></componentOf>\n"
    )


def register(document: Document, body: bytes) -> bytes:
    """The SOAP DocumentRegister of a document (Jiashan §8)."""
    digest = hashlib.sha256(body + document.registered_id.encode()).hexdigest()[:32]
    number = f'<id><item root="2.16.156.10011.1.3" extension="{document.national_id}"/></id>'
    person = f"<patientPerson>{number}</patientPerson>" if document.national_id else ""
    message = (
        '<RCMR_IN000002UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0">'
        f'<id root="2.16.156.10011.2.5.1.1" extension="{digest}"/><creationTime value="{compact(document.effective)}"/>'
        '<interactionId root="2.16.156.10011.2.5.1.2" extension="RCMR_IN000002UV02"/><processingCode code="P"/>'
        '<controlActProcess classCode="CACT" moodCode="EVN"><subject typeCode="SUBJ"><clinicalDocument>'
        f'<id><item root="2.16.156.10011.2.5.1.24" extension="{document.registered_id}"/></id>'
        f'<code code="{document.type}" codeSystem="2.16.156.10011.2.5.1.23"/>'
        f'<storageCode><originalText value="{b64encode(body).decode()}"/></storageCode>'
        f"<recordTarget><patient>{person}</patient></recordTarget>"
        f"<custodian><assignedCustodian><representedOrganization>"
        f'<id><item root="2.16.156.10011.1.5" extension="{document.organisation[0]}"/></id>'
        "</representedOrganization></assignedCustodian></custodian>"
        "</clinicalDocument></subject></controlActProcess></RCMR_IN000002UV02>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>\n'
        '<hip:HIPMessageServer xmlns:hip="https://hie.example.org/soap"><hip:action>DocumentRegister</hip:action>\n'
        f"<hip:message><![CDATA[{message}]]></hip:message>\n</hip:HIPMessageServer></soap:Body></soap:Envelope>\n"
    ).encode()
