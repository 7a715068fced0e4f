"""What elements and attributes of a CDA document are called, and what may stand in what: HL7 CDA R2 (POCD_MT000040,
data types, narrative block), the extensions of the HL7 Structured Documents group (sdtc) and those of the national
documents (WS/T 500)."""

from collections.abc import Iterator

_PARTICIPANTS = "id subject specimen performer author informant participant reference precondition"
_CHOICE = (
    "act encounter observation observationMedia organizer procedure regionOfInterest substanceAdministration supply"
)
_STRUCTURE = f"""
/: ClinicalDocument
ClinicalDocument: id code title effectiveTime confidentialityCode languageCode setId versionNumber copyTime recordTarget
  author dataEnterer informant custodian informationRecipient legalAuthenticator authenticator participant
  inFulfillmentOf documentationOf relatedDocument authorization componentOf component
recordTarget: patientRole
patientRole: id addr telecom patient providerOrganization patientType
patientType: patienttypeCode
patient: id name administrativeGenderCode birthTime maritalStatusCode religiousAffiliationCode raceCode ethnicGroupCode
  guardian birthplace languageCommunication telecom addr desc age nationality nativePlace household occupation
  educationLevel employerOrganization
occupation: occupationCode
educationLevel: educationLevelCode
employerOrganization: id name telecom addr
birthplace nativePlace household: place
place: name addr
guardian: id code addr telecom guardianPerson guardianOrganization
languageCommunication: languageCode modeCode proficiencyLevelCode preferenceInd
author: functionCode time assignedAuthor
assignedAuthor: id code addr telecom assignedPerson assignedAuthoringDevice representedOrganization
assignedAuthoringDevice: code manufacturerModelName softwareName asMaintainedEntity
asMaintainedEntity: effectiveTime maintainingPerson
assignedEntity: id code addr telecom assignedPerson representedOrganization
assignedPerson: name professionalTechnicalPosition
professionalTechnicalPosition: professionaltechnicalpositionCode
associatedPerson guardianPerson maintainingPerson relatedPerson: name
guardianOrganization manufacturerOrganization providerOrganization receivedOrganization representedOrganization
  scopingOrganization serviceProviderOrganization wholeOrganization:
  id name telecom addr standardIndustryClassCode asOrganizationPartOf
asOrganizationPartOf: id code statusCode effectiveTime wholeOrganization
dataEnterer encounterParticipant: time assignedEntity
legalAuthenticator authenticator: time signatureCode assignedEntity
informant: assignedEntity relatedEntity
relatedEntity: code addr telecom effectiveTime relatedPerson
custodian: assignedCustodian
assignedCustodian: representedCustodianOrganization
representedCustodianOrganization: id name telecom addr
informationRecipient: intendedRecipient name
intendedRecipient: id addr telecom informationRecipient receivedOrganization
participant: functionCode time awarenessCode associatedEntity participantRole
associatedEntity: id code addr telecom associatedPerson scopingOrganization
inFulfillmentOf: order
order: id code priorityCode
documentationOf: serviceEvent
serviceEvent: id code effectiveTime performer
performer: functionCode time modeCode assignedEntity
relatedDocument: parentDocument
parentDocument: id code text setId versionNumber
authorization: consent
consent: id code statusCode
componentOf: encompassingEncounter
encompassingEncounter: id code effectiveTime dischargeDispositionCode responsibleParty encounterParticipant location
responsibleParty: assignedEntity
location: healthCareFacility name addr
healthCareFacility: id code location serviceProviderOrganization
component: nonXMLBody structuredBody section sequenceNumber seperatableInd {_CHOICE}
nonXMLBody: text confidentialityCode languageCode
structuredBody: confidentialityCode languageCode component
section: id code title text confidentialityCode languageCode subject author informant entry component
entry: {_CHOICE}
entryRelationship: sequenceNumber seperatableInd {_CHOICE}
act: {_PARTICIPANTS} code text statusCode effectiveTime priorityCode languageCode entryRelationship
encounter: {_PARTICIPANTS} code text statusCode effectiveTime priorityCode entryRelationship dischargeDispositionCode
observation: {_PARTICIPANTS} code derivationExpr text statusCode effectiveTime priorityCode repeatNumber languageCode
  value interpretationCode methodCode targetSiteCode entryRelationship referenceRange
observationMedia: {_PARTICIPANTS} languageCode value entryRelationship
organizer: {_PARTICIPANTS} code text statusCode effectiveTime component
procedure: {_PARTICIPANTS} code text statusCode effectiveTime priorityCode languageCode methodCode approachSiteCode
  targetSiteCode entryRelationship
regionOfInterest: {_PARTICIPANTS} code value entryRelationship
substanceAdministration: {_PARTICIPANTS} code text statusCode effectiveTime priorityCode repeatNumber routeCode
  approachSiteCode doseQuantity rateQuantity maxDoseQuantity administrationUnitCode consumable entryRelationship
supply: {_PARTICIPANTS} code text statusCode effectiveTime priorityCode repeatNumber independentInd quantity
  expectedUseTime product entryRelationship
consumable product: manufacturedProduct
manufacturedProduct: id manufacturedLabeledDrug manufacturedMaterial manufacturerOrganization
manufacturedLabeledDrug: code name
manufacturedMaterial: code name lotNumberText
subject: awarenessCode relatedSubject id name administrativeGenderCode birthTime
relatedSubject: code addr telecom subject
specimen: specimenRole
specimenRole: id specimenPlayingEntity
participantRole: id code addr telecom playingDevice playingEntity scopingEntity
playingDevice: code manufacturerModelName softwareName
playingEntity specimenPlayingEntity: code quantity name desc
scopingEntity: id code desc
reference: seperatableInd externalAct externalDocument externalObservation externalProcedure useablePeriod
externalAct externalObservation externalProcedure: id code text
externalDocument: id code text setId versionNumber
precondition: criterion
criterion: code text value
referenceRange: observationRange
observationRange: code text value interpretationCode
"""
_EVERYWHERE = "realmCode typeId templateId"
_PARTS = """
originalText translation qualifier thumbnail useablePeriod low high center width period phase event offset comp
numerator denominator head increment origin scale digits
family given prefix suffix delimiter validTime
country state county city township postalCode streetAddressLine houseNumber houseNumberNumeric direction streetName
streetNameBase streetNameType additionalLocator unitID unitType careOf censusTract deliveryAddressLine
deliveryInstallationType deliveryInstallationArea deliveryInstallationQualifier deliveryMode deliveryModeIdentifier
buildingNumberSuffix postBox precinct
"""
_NARRATIVE = """
content linkHtml sub sup br footnote footnoteRef renderMultiMedia caption paragraph list item table thead tfoot tbody
colgroup col tr th td
"""
_SDTC = """
signatureText deceasedInd deceasedTime multipleBirthInd multipleBirthOrderNumber asPatientRelationship
inFulfillmentOf1 precondition1 priorityNumber
"""


def _structure() -> Iterator[tuple[str, frozenset[str]]]:
    """Each element that has children with their names, from the text above; a line that is indented goes on."""
    for line in _STRUCTURE.replace("\n ", "").split("\n"):
        parents, _, children = line.partition(":")
        yield from ((parent, frozenset(children.split())) for parent in parents.split())


_CHILDREN = dict(_structure())
_BEYOND = frozenset(f"{_EVERYWHERE} {_SDTC}".split())
ELEMENTS = frozenset({*_CHILDREN, *_BEYOND, *f"{_PARTS} {_NARRATIVE}".split()}.union(*_CHILDREN.values()))
"""Without their namespaces."""


def between(parent: str, child: str) -> list[str]:
    """Elements that may stand in one and hold the other."""
    return sorted(way for way in _CHILDREN.get(parent, ()) if child in _CHILDREN.get(way, ()))


def may_hold(parent: str, child: str) -> bool:
    """Whether an element may stand in another; of those with a data type or narrative nothing is known."""
    return parent not in _CHILDREN or child in _CHILDREN[parent] or child in _BEYOND


_ATTRIBUTES = """
nullFlavor classCode moodCode typeCode determinerCode contextControlCode contextConductionInd inversionInd negationInd
root extension assigningAuthorityName displayable code codeSystem codeSystemName codeSystemVersion displayName value
unit currency inclusive operator alignment institutionSpecified use partType qualifier mediaType language
representation compression integrityCheck integrityCheckAlgorithm isNotOrdered inverted probability unsorted ID
xsi:type xsi:schemaLocation xsi:nil
IDREF styleCode revised listType referencedObject name href rel rev title summary width border frame rules cellspacing
cellpadding span align char charoff valign abbr axis headers scope rowspan colspan
"""
PAIRED = ("role", "collected", "method")
"""What reading a document writes on entries that belong together (`hie.parse.cda_pairing`)."""

ATTRIBUTES = frozenset({*_ATTRIBUTES.split(), *PAIRED})
"""Without those of namespaces, but `xsi`."""
