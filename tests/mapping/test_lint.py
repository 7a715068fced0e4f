"""Lint: each kind of wrong target and code, with file and line; nothing to say to the tables that ship."""

from pathlib import Path

import pytest

from hie.base.data import data_path
from hie.fhir.definitions import load_definitions
from hie.fold.placed import ALWAYS, SUBJECT, VISITED
from hie.mapping.codefile import load_codes, read_table
from hie.mapping.codelint import lint_codes
from hie.mapping.codeshape import misshapen
from hie.mapping.described import Described
from hie.mapping.lacking import Given
from hie.mapping.lint import advice, lint

HEAD = '[map]\nfeed = "f"\ndialect = "rows"\ntypes = ["T"]\norder = ["@order"]\n\n'
RESOURCE = '[[resource]]\nname = "p"\ntype = "{type}"\nkey = {{ kind = "k", value = "KH" }}\n\n[[resource.field]]\n'
TABLE = "# table: sex\n# kind: closed\n# system: urn:x\n# target: {target}\nsource_system,code,display,target_system,"
TABLE += "target_code,target_display,equivalence,note\n,1,男,,{code},,,\n"
GENDER = "http://hl7.org/fhir/administrative-gender"


def problems(
    tmp_path: Path,
    field: str,
    type: str = "Patient",
    code: str = "male",
    target: str = GENDER,
    described: Described | None = None,
) -> list[str]:
    (tmp_path / "fields" / "f").mkdir(parents=True)
    (tmp_path / "codes").mkdir()
    (tmp_path / "fields" / "f" / "m.toml").write_text(HEAD + RESOURCE.format(type=type) + field, encoding="utf-8")
    (tmp_path / "codes" / "sex.csv").write_text(TABLE.format(target=target, code=code), encoding="utf-8")
    codes = load_codes(tmp_path / "codes")
    return [str(p) for p in lint([tmp_path], ["f"], codes, load_definitions(), described=described)]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ('source = "XM"\ntarget = "birthdate"', "Patient has no element 'birthdate'; did you mean 'birthDate'?"),
        ('source = "XM"\ntarget = "name"', "Patient.name repeats: write []"),
        ('source = "XM"\ntarget = "id"', "'id' is given by the exchange: take it out; a number of the sender is an"),
        ('constant = "1"\ntarget = "meta.versionId"', "'meta.versionId' is given by the exchange: take it out"),
        (
            'source = "XB"\ntarget = "gender"\n\n[[resource.field]]\nconstant = "male"\ntarget = "gender"',
            "m.toml:14:10: 'gender' is stated in line 16 again, whatever is sent: this never counts; take one out",
        ),
        ('source = "XM"\ntarget = "gender[]"', "Patient.gender does not repeat"),
        ('source = "XM"\ntarget = "gender.value"', "Patient.gender is a code: a slot cannot lead into it"),
        ('constant = ["male"]\ntarget = "gender"', "Patient.gender does not repeat: write the value without [ ]"),
        ('source = "XM"\ntarget = "contact.name"', "Patient.contact repeats: a slot cannot lead through it"),
        ('source = "XM"\ntarget = "maritalStatus.words"', "CodeableConcept has no element 'words'"),
        ('source = "XM"\ntarget = "birthDate[x]"', "Patient has no choice element 'birthDate'"),
        ('source = "XM"\nchoice = "deceasedText"\ntarget = "deceased[x]"', "'deceasedText' is none of the choices"),
        ('constant = "man"\ntarget = "gender"', "'man' is not in http://hl7.org/fhir/ValueSet/administrative-gender"),
        ('constant = { words = "x" }\ntarget = "maritalStatus"', "CodeableConcept has no element 'words'"),
        ('constant = "x"\ntarget = "maritalStatus"', "is a CodeableConcept, not a plain value"),
        ('constant = "yes"\ntarget = "active"', "Patient.active is a boolean, not 'yes': true or false"),
        ('constant = 5\ntarget = "gender"', "Patient.gender is a code, not 5: text without blanks"),
        (
            'source = "XM"\ntarget = "deceased[x]"',
            "deceased[x] needs 'choice': one of deceasedBoolean, deceasedDateTime",
        ),
        ('own = true\ntarget = "maritalStatus"', "'own' makes an Identifier, maritalStatus is a CodeableConcept"),
        ('reference = "p"\ntarget = "maritalStatus"', "'reference' makes a Reference, maritalStatus is a"),
        (
            'item = { names = "{value}" }\nsource = "XM"\ntarget = "contact[]"',
            "Patient.contact has no element 'names'; did you mean 'name'?",
        ),
        (
            'item = { relationship = "{value}" }\nsource = "XM"\ntransform = "concept-text"\ntarget = "contact[]"',
            "relationship repeats: write [ ]",
        ),
        (
            'item = { name = "{value}" }\nown = true\ntarget = "contact[]"',
            "'own' makes an Identifier, Patient.contact.name",
        ),
        (
            'on_root = true\nsource = "XM"\ntransform = "human-name"\ntarget = "name[]"',
            "'on_root' is for blocks with a 'root'",
        ),
        (
            'source = "XM"\ntransform = "date-time"\ntarget = "birthDate"',
            "'date-time' gives a dateTime, and birthDate is a date; such a value comes from date",
        ),
        (
            'source = "XM"\ntarget = "telecom[]"',
            "is stated as it was sent, and telecom[] is a ContactPoint; such a value",
        ),
        ('source = "XM"\nchoice = "deceasedBoolean"\ntarget = "deceased[x]"', "and deceased[x] is a boolean"),
        ('constant = { coding = [{ system = "1.2.3" }] }\ntarget = "maritalStatus"', "an OID is written urn:oid:1.2.3"),
        (
            'constant = { coding = [{ system = "https://loinc.org/" }] }\ntarget = "maritalStatus"',
            "'https://loinc.org/' is written 'http://loinc.org'",
        ),
        (
            'types = ["U"]\nsource = "XM"\ntransform = "human-name"\ntarget = "name[]"',
            "no map with this table is for 'U'",
        ),
        (
            'when = [{ types = ["U"] }]\nsource = "XM"\ntransform = "human-name"\ntarget = "name[]"',
            "no map with this table is for 'U'",
        ),
        ('source = "XB"\ncodes = "sex"\ntarget = "gender"', "'sex' makes a CodeableConcept, gender is a code"),
        (
            'source = "XB"\nform = "coding"\ntarget = "gender"',
            "m.toml:14:8: 'form' counts only together with 'codes', and there is no 'codes'",
        ),
        ('source = "XB"\noptions = { a = 1 }\ntarget = "gender"', "'options' counts only together with 'transform'"),
        (
            'source = "XB"\nform = "coding"\ncodes = "sex"\nurl = "urn:x"\ntarget = "extension[]"',
            "m.toml:14:8: beside 'url' a 'form' counts for nothing",
        ),
        (
            'source = "XB"\ncodes = "sex"\nform = "code"\nchoice = "deceasedBoolean"\ntarget = "deceased[x]"',
            "'sex' makes a code, deceased[x] is a boolean",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, field: str, said: str) -> None:
    found = problems(tmp_path, field)
    assert len(found) == 1
    assert said in found[0]
    line = int(found[0].split(":")[1])
    assert found[0].startswith("f/m.toml:")
    assert 13 <= line <= 15


@pytest.mark.parametrize(
    "field",
    [
        'source = "XM"\ntransform = "human-name"\ntarget = "name[]"',
        'source = "XM"\ntransform = "of-a-package"\ntarget = "identifier[]#card"',
        'source = "XM"\ntarget = "_gender"',
        'source = "XM"\nchoice = "deceasedDateTime"\ntarget = "deceased[x]"',
        'source = "XB"\ncodes = "sex"\nform = "code"\ntarget = "gender"',
        'item = { gender = "{value}" }\nsource = "XM"\ntarget = "contact[]"',
        'item = { other = "{value}", type = "refer" }\nreference = "p"\ntarget = "link[]"',
        'source = "XB"\ncodes = "sex"\nurl = "http://x"\ntarget = "extension[]#x"',
    ],
)
def test_a_right_field_is_not_named(tmp_path: Path, field: str) -> None:
    assert problems(tmp_path, field) == []


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ('source = "B"', ["'gender' has one value and is stated in line 16 too, which counts where both are sent"]),
        ('source = "B"\nwhen = { absent = "XB" }', []),
    ],
)
def test_two_fields_for_one_value(tmp_path: Path, later: str, said: list[str]) -> None:
    both = f'source = "XB"\ntarget = "gender"\n\n[[resource.field]]\n{later}\ntarget = "gender"'
    assert problems(tmp_path, both) == []
    given = Given(SUBJECT, VISITED, ALWAYS, lambda feed, type: frozenset())
    found = advice([tmp_path], ["f"], {}, load_definitions(), given, lambda constants, names: None)
    assert [str(one).partition(": ")[2].partition(": ")[0] for one in found] == said


@pytest.mark.parametrize(
    ("rows", "swapped"),
    [
        (",男,1,,male,,,\n,女,2,,female,,,\n", True),
        (",男,1,,male,,,\n,女,女性,,female,,,\n", False),
        (",男,M|1,,male,,,\n,女,Frau,,female,,,\n", False),
        (",1,男,,male,,,\n,2,女,,female,,,\n", False),
    ],
)
def test_a_code_map_with_two_columns_swapped(rows: str, swapped: bool) -> None:
    table, _ = read_table("sex.csv", TABLE.format(target=GENDER, code="male").partition("note\n")[0] + f"note\n{rows}")
    found = list(map(str, lint_codes(table, load_definitions())))
    assert found == ["codes/sex.csv:6:2: 'code' holds names and 'display' codes: the two columns are swapped"] * swapped


def test_a_target_code_outside_a_required_binding(tmp_path: Path) -> None:
    found = problems(tmp_path, 'source = "XB"\ncodes = "sex"\nform = "code"\ntarget = "gender"', code="man")
    assert next(one for one in found if "which Patient.gender requires" in one).startswith("codes/sex.csv:6:7:")


def test_a_target_code_that_its_code_system_does_not_have(tmp_path: Path) -> None:
    v3 = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
    field = 'source = "XB"\ncodes = "sex"\ntarget = "maritalStatus"'
    assert problems(tmp_path, field, code="Q", target=v3) == [f"codes/sex.csv:6:7: {v3} has no code 'Q'"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ",3,,,male,,inexact,",
            ["codes/sex.csv:6:20: 'inexact' needs a note that says why (FHIR R4 ConceptMap, cmd-1)"],
        ),
        (",3,,,male,,inexact,neither,", []),
        (",3,,,,,inexact,", []),
    ],
)
def test_a_translation_that_is_not_exact_says_why(row: str, said: list[str]) -> None:
    table, _ = read_table("sex.csv", TABLE.format(target=GENDER, code="male").partition("note\n")[0] + f"note\n{row}\n")
    assert list(map(str, lint_codes(table, load_definitions()))) == said


def test_a_type_that_does_not_exist(tmp_path: Path) -> None:
    found = problems(tmp_path, 'source = "XM"\ntarget = "x"', type="Person2")
    assert found == ["f/m.toml:9:8: 'Person2' is no resource type; did you mean 'Person'?"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            '[[key]]\nname = "k"\ntype = "Patent"\nkind = "k"\nvalue = "KH"',
            ":17:8: 'Patent' is no resource type; did you",
        ),
        (
            '[[resource]]\ntype = "Encounter"\nkey = { kind = "v", value = "KH" }\nencounter = "p"',
            ":18:13: 'encounter' must name a block of type Encounter: 'p' is none",
        ),
        (
            '[[resource]]\ntype = "Encounter"\nkey = { kind = "v", value = "KH" }\nlisted = "result[]"',
            ":18:10: 'listed' names a slot of the block in 'root', and there is no 'root'",
        ),
        (
            '[[resource]]\nname = "p"\ntype = "Flag"\nkey = { kind = "v", value = "KH" }',
            ":16:8: there is a block 'p' of type Patient already",
        ),
        (
            '[[resource.field]]\nreference = "p"\ntarget = "managingOrganization"',
            ":16:13: managingOrganization refers to Organization, and 'p' is a Patient",
        ),
        ('[[resource.event]]\ncode = "admit"', ":15:1: events are those of a visit: their block is an Encounter"),
    ],
)
def test_a_wrong_block_is_named_with_its_line(tmp_path: Path, more: str, said: str) -> None:
    found = problems(tmp_path, f'source = "XM"\ntarget = "name[]"\n{more}')
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ma\u200ble", "has a character that cannot be seen"),
        ("1.23E+11", "is how a spreadsheet program shows a long number"),
        ("'7", "begins with the mark of a text cell"),
    ],
)
def test_a_code_that_a_spreadsheet_program_spoilt(tmp_path: Path, code: str, said: str) -> None:
    found = problems(tmp_path, 'source = "XB"\ncodes = "sex"\ntarget = "maritalStatus"', code=code, target="urn:t")
    assert len(found) == 1
    assert found[0].startswith("codes/sex.csv:6:7:")
    assert said in found[0]


def test_a_code_map_without_targets_makes_no_code(tmp_path: Path) -> None:
    found = problems(tmp_path, 'source = "XB"\ncodes = "sex"\nform = "code"\ntarget = "gender"', code="")
    assert found == ["f/m.toml:14:9: 'sex' has no target codes, and a code is made of nothing else"]


def test_what_is_agreed_with_a_fhir_sender_is_held_against_the_definitions(tmp_path: Path) -> None:
    (tmp_path / "fhir").mkdir()
    text = '# Pateint\n[keys]\nPateint = ["urn:x"]\n\n[ignore]\nPatient = ["photo", "foto"]\n'
    (tmp_path / "fhir" / "f.toml").write_text(text, encoding="utf-8")
    assert [str(p) for p in lint([tmp_path], ["f"], {}, load_definitions())] == [
        "f.toml:3:1: 'Pateint' is no resource type; did you mean 'Patient'?",
        "f.toml:6:22: Patient has no element 'foto'; did you mean 'photo'?",
    ]


def test_nothing_to_say_to_the_tables_that_ship() -> None:
    folder = data_path("mappings")
    feeds = [path.name for path in (folder / "fields").iterdir()]
    assert lint([folder], feeds, load_codes(folder / "codes"), load_definitions()) == []


REQUIRED = Given(SUBJECT, VISITED, ALWAYS, lambda feed, type: frozenset({"@uploaded"}))


def stating(target: str, *how: str) -> str:
    """A field, five lines or less, that states a slot."""
    return "\n".join(("[[resource.field]]", f'target = "{target}"', *how, ""))


CODE, TEXT = (
    stating("code", 'constant = { text = "x" }'),
    stating("code", 'source = "MC"', 'transform = "concept-text"'),
)
FINAL, ACTIVE = 'constant = "final"', 'constant = "active"'
STATUS, FIRST = stating("status", FINAL), stating("status", FINAL, 'when = { source = "ZT", in = ["1"] }')
MEMBER = (
    '[[resource]]\nname = "q"\nroot = "p"\nlisted = "basedOn[]"\ntype = "Media"\nkey = { kind = "m", value = "NO" }\n'
)
MEMBER += stating("status", 'constant = "completed"')
OWN = ('transform = "of-a-package"', 'default = { title = "x" }')
NO_FIELD = "and no field states it: add"


def required(tmp_path: Path, type: str, head: str, fields: str) -> list[str]:
    """What lint says of a map whose first block has its type in line 9 and its fields from line 12 on."""
    block = RESOURCE.format(type=type).removesuffix("\n[[resource.field]]\n")
    (tmp_path / "fields" / "f").mkdir(parents=True)
    (tmp_path / "fields" / "f" / "m.toml").write_text(f"{HEAD}{block}{head}\n{fields}", encoding="utf-8")
    return [str(p) for p in lint([tmp_path], ["f"], {}, load_definitions(), given=REQUIRED)]


@pytest.mark.parametrize(
    ("type", "head", "fields", "said"),
    [
        ("Observation", "", CODE, f":9:8: FHIR requires Observation.status (1..1), {NO_FIELD} a [[resource.field]] "
         "with target = 'status', one of amended, cancelled, corrected,"),
        ("Observation", "", STATUS + MEMBER, ":9:8: FHIR requires Observation.code (1..1)"),
        ("Observation", "", CODE + STATUS + MEMBER, ":22:8: FHIR requires Media.content (1..1)"),
        ("Encounter", "", "", f":9:8: FHIR requires Encounter.class (1..1), {NO_FIELD}"),
        ("Condition", "", "", f':9:8: FHIR requires Condition.subject (1..1), {NO_FIELD} subject = "…"'),
        ("Coverage", "", stating("status", ACTIVE), "add a [[resource.field]] with target = 'payor[]'"),
        ("MedicationStatement", "", stating("status", ACTIVE), "with target = 'medication[x]'"),
        ("Group", 'subject = "p"', "", ":11:11: 'subject' states nothing of a resource of type Group"),
        ("MedicationStatement", 'encounter = "p"', "", ":11:13: 'encounter' states nothing of a resource of type "
         "MedicationStatement: add a [[resource.field]] with target = 'context' and reference = 'p'"),
        ("Location", 'subject = "p"', "", ":11:11: 'subject' states nothing of a resource of type Location"),
        # only sometimes
        ("Observation", "", STATUS + TEXT, ":16:10: FHIR requires Observation.code (1..1), and nothing states it when "
         """MC is empty: add default = { text = "…" } to this field, or required = "value-missing" to have it noted"""),
        ("Observation", "", CODE + FIRST, ":16:10: FHIR requires Observation.status (1..1), and nothing states it when "
         'ZT is empty: add default = "unknown" to this field'),
        ("Observation", "", CODE + FIRST + stating("status", FINAL, 'when = { absent = "ZT" }'),
         "when ZT is something else: add"),
        # within elements
        ("Patient", "", stating("text.div", 'source = "MC"'), ":13:10: FHIR requires Narrative.status (1..1), "
         f"{NO_FIELD} a [[resource.field]] with target = 'text.status', one of additional, "),
        ("Observation", "", stating("component[]", 'source = "MC"', 'item = { interpretation = ["{value}"] }'),
         ":15:8: Observation.component lacks 'code', which FHIR requires"),
        ("Encounter", "", stating("diagnosis[]", "constant = { rank = 1 }"), "diagnosis lacks 'condition', which FHIR"),
    ],
)  # fmt: skip
def test_what_fhir_requires_and_a_map_does_not_state(
    tmp_path: Path, type: str, head: str, fields: str, said: str
) -> None:
    found = required(tmp_path, type, head, fields)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("type", "head", "fields"),
    [
        ("Observation", "", CODE + STATUS),
        ("Observation", "", STATUS + TEXT.replace("MC", "KH")),
        ("Observation", "", STATUS + TEXT.replace("MC", "@uploaded")),
        ("Observation", 'when = { source = "MC" }', STATUS + TEXT),
        ("Observation", "", STATUS + stating("code.text", 'constant = "x"')),
        ("Observation", "", CODE + FIRST + FIRST.replace("in = [", "not_in = [")),
        ("Observation", "", CODE + FIRST.replace('"ZT", in = ["1"]', '"A|B"')
         + stating("status", FINAL, 'when = [{ absent = "A" }, { absent = "B" }]')),
        ("Observation", "", CODE + stating("status", 'source = "ZT"', 'required = "value-missing"')),
        ("Observation", "", STATUS + stating("*", 'source = "MC"', 'transform = "of-a-package"')),
        ("Observation", "", CODE + STATUS + MEMBER + stating("content", 'source = "MC"', *OWN)),
        ("Observation", "exists = false", ""),
        ("Observation", "revoke = true", ""),
        ("Encounter", "", stating("class", 'constant = { code = "AMB" }')),
        ("Patient", "", '[[resource]]\ntype = "Condition"\nkey = { kind = "c", value = "NO" }\nsubject = "p"'),
    ],
)  # fmt: skip
def test_what_fhir_requires_and_a_map_states(tmp_path: Path, type: str, head: str, fields: str) -> None:
    assert required(tmp_path, type, head, fields) == []


LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        (LOINC, "718-8", "its check digit would be 7"),
        (LOINC, "718", "is no LOINC code"),
        (LOINC, "WBC", "is no LOINC code"),
        ("http://hl7.org/fhir/sid/icd-10", "E11900", "is no code of ICD-10"),
        ("urn:oid:2.16.156.10011.2.3.3.11", "糖尿病", "is no code of ICD-10"),
        ("http://www.whocc.no/atc", "A10-BA02", "is no code of the ATC"),
        (UCUM, "mmHg", "is no unit of UCUM"),
    ],
)
def test_a_code_that_cannot_be_one_of_its_system(tmp_path: Path, target: str, code: str, said: str) -> None:
    found = problems(tmp_path, 'source = "XB"\ncodes = "sex"\ntarget = "maritalStatus"', code=code, target=target)
    assert len(found) == 1
    assert found[0].startswith("codes/sex.csv:6:7:")
    assert said in found[0]


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (LOINC, "718-7"), (LOINC, "6690-2"), (LOINC, "LA6576-8"), ("http://hl7.org/fhir/sid/icd-10", "E11.9"),
        ("urn:oid:2.16.156.10011.2.3.3.11", "E11.900"), ("urn:oid:2.16.156.10011.2.3.3.11", "I10.x05"),
        ("urn:oid:2.16.156.10011.2.3.3.12", "47.0100"), ("http://www.whocc.no/atc", "A10BA02"), ("urn:x", "anything"),
        (UCUM, "mm[Hg]"), (UCUM, "/[HPF]"), (UCUM, "10*9/L"),
    ],
)  # fmt: skip
def test_a_code_of_the_right_form(system: str, code: str) -> None:
    assert misshapen(system, code) is None


def test_a_constant_is_held_against_its_code_system(tmp_path: Path) -> None:
    coding = f'{{ system = "{LOINC}", code = "11502-3" }}'
    field = f'constant = {{ coding = [{coding}] }}\ntarget = "code"'
    assert problems(tmp_path, field, type="DiagnosticReport") == [
        "f/m.toml:13:12: '11502-3' is no LOINC code: its check digit would be 2"
    ]


OURS = "https://hie.example.org/fhir"


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            f'transform = "text-extension"\noptions = {{ url = "{OURS}/StructureDefinition/beds" }}\n',
            "this URL; did you mean 'bed'?",
        ),
        (
            f'codes = "sex"\nurl = "{OURS}/StructureDefinition/beds"\n',
            "no StructureDefinition of the exchange has this URL",
        ),
        (f'codes = "sex"\nurl = "{OURS}/StructureDefinition/bed"\n', ""),
        (
            f'codes = "sex"\nurl = "{OURS}/StructureDefinition/kunshan-bed"\n',
            "defines itself stands under another host",
        ),
        ('codes = "sex"\nurl = "https://kunshan.example/bed"\n', ""),
    ],
)
def test_an_extension_of_ours_that_nothing_describes(tmp_path: Path, field: str, said: str) -> None:
    described = Described(frozenset({f"{OURS}/StructureDefinition/bed"}), ("kunshan",))
    found = problems(tmp_path, f'source = "X"\ntarget = "extension[]"\n{field}', described=described)
    assert len(found) == bool(said)
    assert all(one.startswith("f/m.toml:1") and said in one for one in found)


@pytest.mark.parametrize(("name", "said"), [("region", 0), ("regions", 1), ("kunshan-flag", 0), ("wuxi-flag", 1)])
def test_a_code_system_of_ours_that_nothing_describes(tmp_path: Path, name: str, said: int) -> None:
    """In a constant and in a code map; those called after the region of a package are its own."""
    system = f"{OURS}/CodeSystem/{name}"
    field = f'constant = {{ coding = [{{ system = "{system}", code = "x" }}] }}\ntarget = "maritalStatus"'
    described = Described(frozenset({f"{OURS}/CodeSystem/region"}), ("kunshan",))
    found = problems(tmp_path, field, target=system, described=described)
    assert [one.partition(" ")[0] for one in found] == ["codes/sex.csv:1:1:", "f/m.toml:13:12:"] * said


def test_every_code_goes_to_the_judge(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "sex.csv").write_text(TABLE.format(target=LOINC, code="718-7"), encoding="utf-8")
    codes = load_codes(tmp_path / "codes")
    asked: list[tuple[str, str]] = []

    def judge(system: str, code: str) -> str | None:
        asked.append((system, code))
        return "is not in LOINC"

    found = lint([tmp_path], [], codes, load_definitions(), judge)
    assert [str(problem) for problem in found] == ["codes/sex.csv:6:7: '718-7' is not in LOINC"]
    assert asked == [(LOINC, "718-7")]


def test_a_cell_after_a_quoted_comma_is_found(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    table = TABLE.format(target=LOINC, code="718-8").replace("男", '"男, 性"')
    (tmp_path / "codes" / "sex.csv").write_text(table, encoding="utf-8")
    found = lint([tmp_path], [], load_codes(tmp_path / "codes"), load_definitions())
    assert str(found[0]).startswith("codes/sex.csv:6:12: ")
