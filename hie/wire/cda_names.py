"""What elements and attributes of a CDA document are called: HL7 CDA R2 (POCD_MT000040, data types, narrative block),
the extensions of the HL7 Structured Documents group (sdtc) and those of the national documents (WS/T 500)."""

_HEADER = """
ClinicalDocument realmCode typeId templateId id code title effectiveTime confidentialityCode languageCode setId
versionNumber copyTime recordTarget patientRole patient providerOrganization author assignedAuthor assignedPerson
assignedAuthoringDevice representedOrganization dataEnterer assignedEntity informant relatedEntity relatedPerson
custodian assignedCustodian representedCustodianOrganization informationRecipient intendedRecipient
receivedOrganization legalAuthenticator authenticator signatureCode time functionCode participant associatedEntity
associatedPerson scopingOrganization inFulfillmentOf order documentationOf serviceEvent performer relatedDocument
parentDocument authorization consent componentOf encompassingEncounter dischargeDispositionCode responsibleParty
encounterParticipant location healthCareFacility serviceProviderOrganization component
"""
_PEOPLE = """
name addr telecom administrativeGenderCode birthTime maritalStatusCode religiousAffiliationCode raceCode
ethnicGroupCode guardian guardianPerson guardianOrganization birthplace place languageCommunication modeCode
proficiencyLevelCode preferenceInd standardIndustryClassCode asOrganizationPartOf wholeOrganization statusCode
manufacturerModelName softwareName asMaintainedEntity maintainingPerson desc
"""
_BODY = """
nonXMLBody structuredBody section text entry act encounter observation observationMedia organizer procedure
regionOfInterest substanceAdministration supply entryRelationship sequenceNumber seperatableInd subject relatedSubject
awarenessCode specimen specimenRole specimenPlayingEntity participantRole playingDevice playingEntity scopingEntity
reference externalAct externalDocument externalObservation externalProcedure precondition criterion referenceRange
observationRange value interpretationCode methodCode targetSiteCode approachSiteCode derivationExpr priorityCode
repeatNumber routeCode doseQuantity rateQuantity maxDoseQuantity administrationUnitCode consumable manufacturedProduct
manufacturedLabeledDrug manufacturedMaterial manufacturerOrganization lotNumberText independentInd quantity
expectedUseTime product
"""
_PARTS = """
originalText translation qualifier thumbnail useablePeriod low high center width period phase event offset comp
numerator denominator head increment origin scale digits
family given prefix suffix delimiter validTime
country state county city postalCode streetAddressLine houseNumber houseNumberNumeric direction streetName
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
_NATIONAL = """
patientType patienttypeCode age nationality occupation occupationCode educationLevel educationLevelCode
employerOrganization township
"""

ELEMENTS = frozenset(" ".join((_HEADER, _PEOPLE, _BODY, _PARTS, _NARRATIVE, _SDTC, _NATIONAL)).split())
"""Without their namespaces."""

_ATTRIBUTES = """
nullFlavor classCode moodCode typeCode determinerCode contextControlCode contextConductionInd inversionInd negationInd
root extension assigningAuthorityName displayable code codeSystem codeSystemName codeSystemVersion displayName value
unit currency inclusive operator alignment institutionSpecified use partType qualifier mediaType language
representation compression integrityCheck integrityCheckAlgorithm isNotOrdered inverted probability unsorted ID
xsi:type xsi:schemaLocation xsi:nil
IDREF styleCode revised listType referencedObject name href rel rev title summary width border frame rules cellspacing
cellpadding span align char charoff valign abbr axis headers scope rowspan colspan
"""
_PAIRED = "role collected method"
"""What reading a document writes on entries that belong together (`hie.parse.cda_pairing`)."""

ATTRIBUTES = frozenset(f"{_ATTRIBUTES} {_PAIRED}".split())
"""Without those of namespaces, but `xsi`."""
