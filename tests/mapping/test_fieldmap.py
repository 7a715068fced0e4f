"""Broken tables stop the start with file, line and reason; good ones compile (one mistake of each kind)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hie.base.draft import Draft, Key
from hie.base.errors import HieError
from hie.base.finding import Severity
from hie.base.record import Delivery, Record
from hie.mapping.apply import MapSet
from hie.mapping.coverage import coverage
from hie.mapping.guarded import failed, is_failure
from hie.mapping.problem import BrokenTables, meant
from hie.plugin import Adapter, Feed
from hie.wire.hl7v2 import parse
from hie.wire.hl7v2_group import group

GOOD = """\
[map]
feed = "f"
dialect = "hl7v2"
types = ["ADT^A01", "ADT^A08"]
order = ["MSH-7"]
ignore = ["MSH-*", "PID-1"]

[[resource]]
name = "patient"
type = "Patient"
key = { kind = "pid", value = "PID-3.1", required = "key-missing" }

[[resource.field]]
source = "PID-5.1"
target = "name[]"
transform = "human-name"

[[resource.field]]
source = "PID-8.1"
target = "gender"
codes = "sex"
form = "code"

[[resource]]
type = "Encounter"
key = { kind = "visit", value = [{ block = "patient" }, "PV1-19.1"] }
subject = "patient"

[[resource.event]]
types = ["ADT^A01"]
code = "admit"
at = "PV1-44.1"
"""

CODES = """\
# table: sex
# kind: closed
# system: urn:s
# target: urn:t
# unknown: unknown
source_system,code,display,target_system,target_code,target_display,equivalence,note
,M,,,male,,,
"""


def shout(value: str, context: Any, *, mark: str = "!") -> str:
    return value + mark


def picky(value: str, context: Any) -> str:
    if value == "fail":
        raise ValueError(value)
    return value


ADAPTER = Adapter("r", "R", (Feed("f", "hl7v2", "F", {"f": ""}),), (), Path(), {"shout": shout, "picky": picky})


def load(folder: Path, text: str = GOOD, codes: str = CODES, **more: str) -> MapSet:
    (folder / "fields" / "f").mkdir(parents=True, exist_ok=True)
    (folder / "codes").mkdir(exist_ok=True)
    (folder / "fields" / "f" / "a.toml").write_text(text, encoding="utf-8")
    (folder / "codes" / "sex.csv").write_text(codes, encoding="utf-8")
    for name, content in more.items():
        (folder / "fields" / "f" / f"{name}.toml").write_text(content, encoding="utf-8")
    return MapSet.load(folder, [ADAPTER])


def problems(folder: Path, text: str, **more: str) -> list[str]:
    with pytest.raises(BrokenTables) as caught:
        load(folder, text, **more)
    return [str(problem) for problem in caught.value.problems]


def draft(maps: MapSet, text: str, type: str = "ADT^A01") -> Draft:
    record = Record(0, type, group(parse(text)), text.encode(), organisation="ORG", message_id="M1")
    return maps.draft(record, Delivery("i", "f", "http", datetime(2026, 1, 1, tzinfo=UTC), b""), ADAPTER)


PATIENT = Key("r", "ORG", "Patient", "pid", "P1")
MESSAGE = "MSH|^~\\&|||||20260101\rPID|1||P1||张三|||M\rPV1|||||||||||||||||||V1\r"


def test_a_good_map_gives_drafts(tmp_path: Path) -> None:
    found = draft(load(tmp_path), MESSAGE)
    patient, visit = found.contributions
    assert patient.target == Key("r", "ORG", "Patient", "pid", "P1")
    assert patient.slots["gender"] == "male"
    assert (visit.target.value, visit.subject) == ("P1:V1", patient.target.reference)
    assert [event.code for event in visit.events] == ["admit"]
    assert (found.order, found.message_id) == ("20260101", "ORG|M1")
    assert found.used == ("MSH-7", "PID-3", "PID-5", "PID-8", "PV1-19")


def test_events_of_other_types_are_left_out(tmp_path: Path) -> None:
    assert draft(load(tmp_path), MESSAGE, "ADT^A08").contributions[1].events == ()


def test_a_type_without_map_and_a_missing_key_are_rejected(tmp_path: Path) -> None:
    maps = load(tmp_path)
    assert [f.code for f in draft(maps, MESSAGE, "ADT^A99").findings] == ["type-unknown"]
    missing = draft(maps, MESSAGE.replace("P1", ""))
    assert ([f.code for f in missing.findings], missing.contributions) == (["key-missing"], ())


def test_what_nobody_mentions_is_reported(tmp_path: Path) -> None:
    found = draft(load(tmp_path), MESSAGE.replace("|M\r", "|M||x\r") + "ZZZ|1\rZZZ|2\r")
    assert found.unmapped == ("PID-10", "ZZZ")
    assert [(f.code, f.path) for f in found.findings] == [("field-unmapped", "PID-10"), ("segment-unmapped", "ZZZ")]


def test_coverage_of_the_tables(tmp_path: Path) -> None:
    rows = coverage(load(tmp_path).programs)
    assert [(row.feed, row.type, row.file) for row in rows] == [
        ("f", "ADT^A01", "f/a.toml"),
        ("f", "ADT^A08", "f/a.toml"),
    ]
    assert rows[0].paths == ("MSH-7", "PID-3.1", "PID-5.1", "PID-8.1", "PV1-19.1", "PV1-44.1")
    assert rows[1].paths == ("MSH-7", "PID-3.1", "PID-5.1", "PID-8.1", "PV1-19.1")
    assert rows[0].ignored == ("MSH-*", "PID-1")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('feed = "f"', "feed = ", "f/a.toml:2:8: not TOML"),
        ('feed = "f"', 'feed = "g"', "f/a.toml:2:8: feed 'g' has its maps in a folder of that name"),
        ('dialect = "hl7v2"', 'dialect = "x12"', "f/a.toml:3:11: no dialect 'x12'"),
        ('order = ["MSH-7"]', "", "f/a.toml:1:1: [map] needs 'order'"),
        ('order = ["MSH-7"]', 'order = "MSH-7"', "f/a.toml:5:9: 'order' must be a list"),
        ('ignore = ["MSH-*"', 'ignore = ["MSH"', "f/a.toml:6:10: 'MSH' cannot be ignored"),
        ('"MSH-7"', '"MSH7"', "f/a.toml:5:9: 'MSH7' is no HL7 path"),
        ('type = "Patient"', "", "f/a.toml:8:1: [resource] needs 'type'"),
        ('name = "patient"', 'name = "patient"\ncolour = "red"', "f/a.toml:10:10: [resource] has no key 'colour'"),
        ('value = "PID-3.1"', 'value = "PID.3"', "f/a.toml:11:7: 'PID.3' is no HL7 path"),
        ('"key-missing"', '"key-lost"', "f/a.toml:11:7: 'key-lost' is no finding code"),
        ('kind = "pid", ', "", "f/a.toml:11:7: a key needs 'kind' and 'value'"),
        ('source = "PID-5.1"', 'source = "PID-5.x"', "f/a.toml:14:10: 'PID-5.x' is no HL7 path"),
        ('source = "PID-5.1"', "", "f/a.toml:13:1: give either 'source' or 'parts'"),
        ('target = "name[]"', 'target = "name[0]"', "f/a.toml:15:10: 'name[0]' is no slot: birthDate, period.start, "),
        ('target = "name[]"', 'target = "a[]#b.c"', "f/a.toml:15:10: 'a[]#b.c' is no slot"),
        ('target = "name[]"', 'target = "a[]"\nitem = { b = "c" }', "f/a.toml:16:8: 'item' must say with '{value}'"),
        ('target = "name[]"', 'target = "a"\nitem = { b = "{value}" }', "16:8: 'item' makes an item of a repeating"),
        ('transform = "human-name"', 'transform = "inhuman"', "f/a.toml:16:13: no transform 'inhuman'"),
        (
            'transform = "human-name"',
            'transform = "shout"\noptions = { loud = true }',
            "f/a.toml:17:11: transform 'shout': got an unexpected keyword argument 'loud'; its options: mark",
        ),
        (
            'transform = "human-name"',
            'transform = "check-code"\noptions = { table = "sexes" }',
            "f/a.toml:17:11: no code map 'sexes'; did you mean 'sex'?",
        ),
        (
            'transform = "human-name"',
            'transform = "date"\noptions = { forms = ["%d.%m.%y"] }',
            "f/a.toml:17:11: '%d.%m.%y' is no form of a date",
        ),
        ('transform = "human-name"', 'transform = "human-nam"', "no transform 'human-nam'; did you mean 'human-name'?"),
        (
            '"PID-5.1"',
            '"PID-5"',
            "f/a.toml:14:10: 'PID-5' gives components, and 'human-name' reads text: write 'PID-5.1'",
        ),
        ('transform = "human-name"', 'transform = "shuot-x"', "f/a.toml:16:13: no transform 'shuot-x'"),
        ('transform = "human-name"', 'transform = "doc-address"', "'doc-address'; did you mean 'address'?"),
        ('transform = "human-name"', 'limit = "endless"', "f/a.toml:16:9: 'limit' must be one of"),
        ('transform = "human-name"', 'required = "nope"', "f/a.toml:16:12: 'nope' is no finding code"),
        ('transform = "human-name"', "when = { maybe = 1 }", "f/a.toml:16:8: unknown key 'maybe' in 'when'; it has"),
        *(
            ('transform = "human-name"', f"when = {{ {keys} }}", f"f/a.toml:16:8: {said}")
            for keys, said in (
                ('in = ["I"]', "'when' must have 'source'"),
                ('source = "PV1-2", in = "I"', "'in' in 'when' must be a list"),
                ('source = "PV1-2", in = 1', "'in' in 'when' must be a list"),
                ('source = "PV1-2", in = [1]', "'in' in 'when' must be a list of texts"),
                ('source = "PV1-2", in = []', "'in' in 'when' is an empty list"),
                ('source = "PV1-2", in = ["I"], not_in = ["O"]', "'when' must have 'source'"),
                ('types = "ADT^A01"', "'types' in 'when' must be a list"),
            )
        ),
        ('transform = "human-name"', 'transform = ""', "f/a.toml:16:13: 'transform' is an empty text"),
        ('transform = "human-name"', 'transform = "Human-Name"', "did you mean 'human-name'?"),
        ('subject = "patient"', "when = []", "f/a.toml:27:8: 'when' is an empty list"),
        ('at = "PV1-44.1"', 'at = { source = ["PV1.44"] }', "f/a.toml:32:6: 'PV1.44' is no HL7 path"),
        ("[[resource.field]]", "[[rescource.field]]", "there is no [[rescource]] above; did you mean 'resource'?"),
        ('subject = "patient"', 'subject = "a"\nsubject = "b"', "this key stands twice; or a header"),
        ('source = "PID-5.1"', "source = []", "f/a.toml:14:10: no source path"),
        ('source = "PID-5.1"', "parts = []", "f/a.toml:13:1: no source path"),
        (
            'source = "PID-5.1"',
            'constant = "x"\nsource = "PID-5.1"',
            "f/a.toml:15:10: a field has either 'constant' or",
        ),
        ('types = ["ADT^A01", "ADT^A08"]', "types = []", "f/a.toml:4:9: 'types' is an empty list"),
        ('types = ["ADT^A01", "ADT^A08"]', "types = [1]", "f/a.toml:4:9: 'types' must be a list of texts"),
        ('order = ["MSH-7"]', "order = []", "f/a.toml:5:9: 'order' is an empty list"),
        ('ignore = ["MSH-*", "PID-1"]', "ignore = [7]", "f/a.toml:6:10: 'ignore' must be a list of texts"),
        ('ignore = ["MSH-*", "PID-1"]', "needs = [7]", "f/a.toml:6:9: 'needs' must be a list of texts"),
        ('feed = "f"\ndialect = "hl7v2"\ntypes', "kinds", "f/a.toml:1:1: [map] needs 'types'"),
        ('feed = "f"', 'feed = "f"\ninclude = ["/a.toml"]', "f/a.toml:3:11: '/a.toml' is no file in the folder of"),
        ('feed = "f"', 'feed = "f"\ninclude = ["../x.toml"]', "f/a.toml:3:11: '../x.toml' is no file in the folder of"),
        ('feed = "f"', 'feed = "f"\ninclude = ["a.toml"]', "f/a.toml:3:11: 'a.toml' is included already"),
        ('dialect = "hl7v2"', 'dialect = "cda"', "f/a.toml:3:11: feed 'f' is of dialect 'hl7v2'"),
        ("[map]", "x = 1\n[map]", "f/a.toml:1:1: 'x' stands in no table"),
        (
            'required = "key',
            'requierd = "key',
            "f/a.toml:11:7: unknown key 'requierd' in 'key'; did you mean 'required'?",
        ),
        ('kind = "pid"', "kind = 1", "f/a.toml:11:7: 'kind' in 'key' must be text"),
        ('kind = "pid"', 'kind = "p id"', "f/a.toml:11:7: 'p id' is no kind of number"),
        (
            'value = "PID-3.1"',
            'value = { source = "PID-3.1", ordinal = 1 }',
            "'ordinal' in 'key' must be true or false",
        ),
        ('value = "PID-3.1"', 'value = { source = "PID-3.1", limit = "x" }', "'limit' in 'key' must be one of"),
        ('value = "PID-3.1"', 'value = { source = "PID-3.1", text = "x" }', "a part of a key has one of 'block'"),
        ('subject = "patient"', 'creates = { findng = "x" }', "f/a.toml:27:11: unknown key 'findng' in 'creates'"),
        ('transform = "human-name"', 'transform = "shout"\noptions = { mark = 1 }', "option 'mark' must be text"),
        ('codes = "sex"', 'codes = "s-ex"', "f/a.toml:21:9: no code map 's-ex'; did you mean 'sex'?"),
        ('codes = "sex"', 'codes = "gender"', "f/a.toml:21:9: no code map 'gender'"),
        ('form = "code"', 'form = "letter"', "f/a.toml:22:8: 'form' must be one of"),
        ('subject = "patient"', 'subject = "person"', "f/a.toml:27:11: no block or key 'person' above"),
        ('{ block = "patient" }', '{ block = "nobody" }', "f/a.toml:26:7: no block or key 'nobody' above"),
        ('subject = "patient"', 'root = "nobody"', "f/a.toml:27:8: no root block 'nobody'"),
        ('subject = "patient"', 'context = "pv1"', "f/a.toml:27:11: 'pv1' is no segment name"),
        ('code = "admit"', 'code = "arrive"', "f/a.toml:31:8: 'arrive' is no event"),
        ("[[resource.event]]", "[[resource.evnt]]", "unknown table [resource.evnt]"),
        ('[[resource]]\ntype = "Enc', '[[resorce]]\ntype = "Enc', "unknown table [resorce]"),
        ('types = ["ADT^A01", "ADT^A08"]', 'types = ["A", "A"]', "f/a.toml:4:9: 'A' has a map already: f/a.toml"),
        ("order =", 'include = ["shared/none.toml"]\norder =', "f/a.toml:5:11: no file 'shared/none.toml' to include"),
    ],
)
def test_a_broken_table_stops_the_start(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(expected in problem for problem in found), found


def test_words_that_only_begin_alike_are_not_meant() -> None:
    """Every code map of a region begins with its name: for one that is missing the nearest was any."""
    known = ["haining-gender", "haining-flag", "haining-order-control"]
    assert meant("haining-service", known) == meant("haining-drug", known) == ""
    assert meant("haining-gendr", known) == "; did you mean 'haining-gender'?"
    assert meant("haning-flag", known) == "; did you mean 'haining-flag'?"


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("human-name", "inhuman").replace('"sex"', '"six"').replace("admit", "x"))
    assert [problem.split(":")[1] for problem in found] == ["16", "21", "31"]


def test_two_maps_for_one_type(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD, b=GOOD) == [
        "f/b.toml:4:9: 'ADT^A01' has a map already: f/a.toml",
        "f/b.toml:4:9: 'ADT^A08' has a map already: f/a.toml",
    ]


@pytest.mark.parametrize("text", ['[[resource]]\ntype = "Patient"\n', "", "# nothing yet\n"])
def test_a_file_without_map_table(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, GOOD, b=text) == ["f/b.toml:1:1: no [map] table"]


def test_a_file_as_an_editor_may_save_it(tmp_path: Path) -> None:
    load(tmp_path)
    path = tmp_path / "fields" / "f" / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert ("f", "ADT^A01") in MapSet.load(tmp_path, [ADAPTER]).programs
    path.write_bytes(("# 患者\n" + GOOD).encode("gb18030"))
    with pytest.raises(BrokenTables) as caught:
        MapSet.load(tmp_path, [ADAPTER])
    assert [str(p) for p in caught.value.problems] == ["f/a.toml:1:3: not UTF-8: save the file as UTF-8"]


def test_a_mistake_in_an_included_file_is_reported_there(tmp_path: Path) -> None:
    shared = tmp_path / "fields" / "f" / "shared"
    shared.mkdir(parents=True)
    (shared / "x.toml").write_text('[[resource]]\ntype = "Patient"\nkey = { kind = "k", value = "P" }\n')
    found = problems(tmp_path, GOOD.replace("order =", 'include = ["shared/x.toml"]\norder ='))
    assert found == ["f/shared/x.toml:3:7: 'P' is no HL7 path (PID-5, PID-5.1, OBR-15.1.2, NTE-3:text, OBX-5:name)"]


def test_an_included_file_says_nothing_about_the_map(tmp_path: Path) -> None:
    shared = tmp_path / "fields" / "f" / "shared"
    shared.mkdir(parents=True)
    (shared / "x.toml").write_text('[map]\nignore = ["PID-2"]\ninclude = ["y.toml"]\n')
    found = problems(tmp_path, GOOD.replace("order =", 'include = ["shared/x.toml"]\norder ='))
    assert found == [
        "f/shared/x.toml:3:11: [map of an included file] has no key 'include'; it counts in the map that includes it"
    ]


def test_maps_of_feeds_without_adapter_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fields" / "other").mkdir(parents=True)
    (tmp_path / "fields" / "other" / "x.toml").write_text("not toml")
    assert set(load(tmp_path).programs) == {("f", "ADT^A01"), ("f", "ADT^A08")}


def test_broken_tables_are_an_error_of_the_house(tmp_path: Path) -> None:
    with pytest.raises(HieError, match=r"f/a\.toml:3:11: no dialect"):
        load(tmp_path, GOOD.replace('"hl7v2"', '"x"'))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('transform = "date"\nexample = "19880102"', []),
        ('transform = "date"\nexample = "soon"', ["'date' states nothing of 'soon': Not a date; left out"]),
        ('transform = "date"\nexample = ""', []),
        ('transform = "date"\nall = true\nexample = "soon"', []),
        ('source = "PID-5"\ntransform = "hl7-name"\nexample = "soon"', []),
    ],
)
def test_an_example_that_its_transform_refuses_is_told(tmp_path: Path, lines: str, said: list[str]) -> None:
    lines = lines if "source" in lines else f'source = "PID-5.1"\n{lines}'
    text = GOOD.replace('source = "PID-5.1"\ntarget = "name[]"\ntransform = "human-name"', lines)
    doubts = load(tmp_path, text).programs["f", "ADT^A01"].doubts
    assert [str(one) for one in doubts] == [f"f/a.toml:16:11: {reason}" for reason in said]


def field(tmp_path: Path, lines: str, message: str = MESSAGE) -> Any:
    """The slots that one field states about the patient."""
    text = GOOD.replace('source = "PID-5.1"\ntarget = "name[]"\ntransform = "human-name"\n', lines)
    return draft(load(tmp_path, text), message)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('source = "PID-5.1"\ntarget = "language"', {"language": "张三"}),
        ('source = ["PID-9", "PID-5"]\ntarget = "language"', {"language": "张三"}),
        ('source = "PID-9"\ndefault = "zh"\ntarget = "language"', {"language#default": "zh"}),
        ('constant = { a = 1 }\ntarget = "b.c[]"', {"b.c[]": [{"a": 1}]}),
        ('parts = ["PID-5.1", "PID-9"]\ntransform = "lines"\ntarget = "language"', {"language": "张三\n"}),
        ('parts = [{ low = "PID-5.1", high = "PID-9" }]\ntransform = "lines"\ntarget = "x"', {"x": "≥张三"}),
        ('parts = [{ low = "PID-9", high = "PID-5.1" }]\ntransform = "lines"\ntarget = "x"', {"x": "≤张三"}),
        ('parts = [{ low = "PID-5.1", high = "PID-5.1" }]\ntransform = "lines"\ntarget = "x"', {"x": "张三-张三"}),
        ('source = "PID-5.1"\ntransform = "shout"\noptions = { mark = "?" }\ntarget = "x"', {"x": "张三?"}),
        ('source = "PID-5.1"\nchoice = "xString"\ntarget = "x[x]"', {"x[x]": {"xString": "张三"}}),
        (
            'source = "PID-9"\ncodes = "sex"\nchoice = "xConcept"\ndefault = { text = "无" }\ntarget = "x[x]"',
            {"x[x]#default": {"xConcept": {"text": "无"}}},
        ),
        ('source = "PID-5.1"\nwhen = { source = "PID-8", in = ["F"] }\ntarget = "x"', {}),
        ('source = "PID-5.1"\nwhen = { source = "PID-8", not_in = ["F"] }\ntarget = "x"', {"x": "张三"}),
        ('source = "PID-5.1"\nwhen = { absent = "PID-9" }\ntarget = "x"', {"x": "张三"}),
        ('source = "PID-5.1"\nwhen = [{ source = "PID-5" }, { absent = "PID-5" }]\ntarget = "x"', {}),
        ('source = "PID-5.1"\ntypes = ["ADT^A08"]\ntarget = "x"', {}),
        (
            'own = true\ntarget = "identifier[]"',
            {"identifier[]": [{"system": "https://hie.example.org/id/ORG/pid", "value": "P1"}]},
        ),
        ('source = "envelope:XM"\ntarget = "x"', {"x": "李四"}),
        (
            'source = "PID-5.1"\nitem = { a = ["{value}"], b = "c" }\ntarget = "x[]"',
            {"x[]": [{"a": ["张三"], "b": "c"}]},
        ),
        ('source = "PID-9"\nitem = { a = "{value}" }\ntarget = "x[]"', {}),
        (
            'source = "PID-9"\ncodes = "sex"\ndefault = 1\nitem = { a = "{value}" }\ntarget = "x[]"',
            {"x[]#default": [{"a": 1}]},
        ),
        (
            'reference = "patient"\nitem = { a = "{value}" }\ntarget = "x[]#p"',
            {"x[]#p": [{"a": {"reference": PATIENT.reference}}]},
        ),
        ('source = "PID-9"\nalways = true\ntransform = "shout"\ntarget = "x"', {"x": "!"}),
    ],
)
def test_a_field_states_its_slots(tmp_path: Path, lines: str, expected: dict[str, Any]) -> None:
    text = GOOD.replace('source = "PID-5.1"\ntarget = "name[]"\ntransform = "human-name"\n', lines + "\n")
    record = Record(0, "ADT^A01", group(parse(MESSAGE)), b"", organisation="ORG", envelope={"XM": "李四"})
    delivery = Delivery("i", "f", "http", datetime(2026, 1, 1, tzinfo=UTC), b"")
    found = dict(load(tmp_path, text).draft(record, delivery, ADAPTER).contributions[0].slots)
    del found["gender"], found["_gender"]
    assert found == expected


@pytest.mark.parametrize(("label", "called"), [("", "7|1"), ('label = ["PID-3.1", "PV1-19.1"]', "P1|V1")])
def test_a_record_is_called_by_its_label_else_by_its_key(tmp_path: Path, label: str, called: str) -> None:
    """Rows of a map without a label stood in the receipt without their key."""
    maps = load(tmp_path, GOOD.replace("[map]\n", f"[map]\n{label}\n"))
    record = Record(0, "ADT^A01", group(parse(MESSAGE)), b"", organisation="ORG", key="7|1")
    delivery = Delivery("i", "f", "http", datetime(2026, 1, 1, tzinfo=UTC), b"")
    assert maps.draft(record, delivery, ADAPTER).key == called


def test_a_code_as_the_choice_of_an_element(tmp_path: Path) -> None:
    """`choice` did not count beside `codes`: the coding of a drug stood in the prescription itself."""
    found = field(tmp_path, 'source = "PID-8.1"\ncodes = "sex"\nchoice = "xConcept"\ntarget = "x[x]"\n')
    assert [*found.contributions[0].slots["x[x]"]] == ["xConcept"]
    assert found.contributions[0].slots["x[x]"]["xConcept"]["coding"][0]["code"] == "M"


def test_a_transform_that_fails_costs_its_value_and_not_the_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One price with a comma, or one row of thousands, was `internal-error` for all that came with it."""
    monkeypatch.setattr("hie.mapping.guarded.failed", failed)
    message = MESSAGE.replace("张三", "张三~fail~李四")
    found = field(tmp_path, 'source = "PID-5.1"\ntransform = "picky"\ntarget = "x[]"\n', message)
    assert found.contributions[0].slots["x[]"] == ["张三", "李四"]
    (said,) = (one for one in found.findings if one.code == "value-malformed")
    assert is_failure(said)
    assert (said.path, said.detail) == ("PID-5", "the transform 'picky' failed: ValueError")
    assert said.severity is Severity.WARN


def test_a_constant_is_new_for_every_draft(tmp_path: Path) -> None:
    maps = load(
        tmp_path,
        GOOD.replace(
            'source = "PID-5.1"\ntarget = "name[]"\ntransform = "human-name"', 'constant = { a = {} }\ntarget = "b"'
        ),
    )
    draft(maps, MESSAGE).contributions[0].slots["b"]["a"]["c"] = 1
    assert draft(maps, MESSAGE).contributions[0].slots["b"] == {"a": {}}


def test_members_links_flags_and_statements_beside(tmp_path: Path) -> None:
    text = (
        GOOD
        + """
[[resource]]
name = "note"
type = "Observation"
root = "patient"
context = "NK1"
listed = "result[]"
key = { kind = "n-{NK1-2}", value = ["NK1-1", { source = "NK1-9", ordinal = true }] }
gone = { source = "NK1-3", in = ["X"] }

[[resource.field]]
source = "NK1-3"
target = "diagnosis[]#{id}"
on_root = true

[[key]]
name = "card"
type = "Patient"
kind = "card"
value = "PID-2"
need = true

[[alias]]
of = "patient"
kind = "card"
value = "PID-2"

[[claim]]
about = "card"
element = "name.text"
finding = "envelope-mismatch"
source = "PID-5.1"

[[merge]]
target = "patient"
prior = "card"

[[binary]]
name = "whole"
kind = "document"
value = "PID-3"
content_type = "text/plain"
"""
    )
    found = draft(load(tmp_path, text), MESSAGE.replace("PID|1|", "PID|1|C1") + "NK1|1|a|X\rNK1|1|a|Y\r")
    patient = found.contributions[0]
    assert [(m.key.kind, m.key.value, m.gone, m.listed) for m in patient.members] == [
        ("n-a", "1:1", True, "result[]"),
        ("n-a", "1:2", False, "result[]"),
    ]
    assert [patient.slots[f"diagnosis[]#{m.key.id}"] for m in patient.members] == [["X"], ["Y"]]
    card = Key("r", "ORG", "Patient", "card", "C1")
    assert found.needs == (card,)
    assert [(a.alias, a.target) for a in found.aliases] == [(card, patient.target)]
    assert [(c.about, c.element, c.equals, c.path) for c in found.claims] == [(card, "name.text", ("张三",), "PID-5.1")]
    assert [(m.prior, m.target) for m in found.merges] == [(card, patient.target)]
    ((key, content_type, body),) = found.binaries
    assert (key.value, content_type, body[:3]) == ("P1", "text/plain", b"MSH")
