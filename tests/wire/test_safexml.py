"""Hostile and honest XML: common rules §2.4 and §5.1, OWASP XXE cases."""

import http.server
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.wire.safexml import XmlDocument, XmlLimits, parse_xml

FIXTURES = Path(__file__).parent / "fixtures"
V3 = "{urn:hl7-org:v3}"


def codes(document: XmlDocument) -> list[str]:
    return [found.code for found in document.findings]


def refused(body: bytes) -> list[str]:
    document = parse_xml(body)
    assert document.root is None
    return codes(document)


@pytest.mark.parametrize(
    ("name", "charset", "expected"),
    [
        ("05-c0006-imaging-gb18030.xml", "gb18030", []),
        ("09-c0007-wrongcharset.xml", "gb18030", ["charset-mismatch"]),
        ("10-bom-crlf.xml", "utf-8", []),
    ],
)
def test_samples_are_decoded_and_read(name: str, charset: str, expected: list[str]) -> None:
    document = parse_xml((FIXTURES / name).read_bytes())
    assert (document.charset, codes(document)) == (charset, expected)
    assert document.root is not None
    text = "".join(document.root.itertext())
    assert any("\u4e00" <= character <= "\u9fff" for character in text + str(document.root.xpath("//@value")))


def test_a_truncated_document_is_refused() -> None:
    assert refused((FIXTURES / "10-bad-truncated.xml").read_bytes()) == ["message-malformed"]


def test_a_doctype_is_refused() -> None:
    assert refused((FIXTURES / "11-doctype.xml").read_bytes()) == ["doctype-forbidden"]


LAUGHS = '<!DOCTYPE a [<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES = {
    "billion laughs": LAUGHS + "]><a>&l9;</a>",
    "quadratic": f'<!DOCTYPE a [<!ENTITY b "{"b" * 50_000}">]><a>{"&b;" * 5000}</a>',
    "quadratic in an attribute": f'<!DOCTYPE a [<!ENTITY b "{"b" * 50_000}">]><a x="{"&b;" * 5000}"/>',
    "external general": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "external parameter": '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x">%x;]><a/>',
    "external subset": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "public": '<!DOCTYPE a PUBLIC "-//X//Y" "http://127.0.0.1:9/a.dtd"><a/>',
    "empty": "<!DOCTYPE a><a/>",
    "after a comment": "<!-- <a> --><!DOCTYPE a><a/>",
    "after an instruction": "<?x <a> ?>\n<!-- - --><?y?><!DOCTYPE a><a/>",
    "after blanks": "\n\t \r\n<!DOCTYPE a><a/>",
    "default attributes": '<!DOCTYPE a [<!ATTLIST a b CDATA "evil">]><a/>',
    "notation": '<!DOCTYPE a [<!NOTATION n SYSTEM "x">]><a/>',
    "unterminated": "<!DOCTYPE a [<!ENTITY",
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("case", DOCTYPES)
@pytest.mark.parametrize("declared", [False, True])
def test_every_doctype_is_refused(case: str, codec: str, declared: bool) -> None:
    declaration = f'<?xml version="1.0" encoding="{codec.removesuffix("-sig")}"?>' if declared else ""
    unrecognised = not declared and codec == "utf-16-be" and DOCTYPES[case][0] != "<"
    expected = "message-malformed" if unrecognised else "doctype-forbidden"
    assert expected in refused((declaration + DOCTYPES[case]).encode(codec))


def test_a_refusal_costs_no_more_than_the_text() -> None:
    body = DOCTYPES["quadratic"].encode()
    tracemalloc.start()
    refused(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(body) + 1_000_000


def test_doctype_in_content_is_text() -> None:
    document = parse_xml(b"<a><!-- <!DOCTYPE x> --><![CDATA[<!DOCTYPE x []><x/>]]></a>")
    assert document.root is not None
    assert document.root.text == "<!DOCTYPE x []><x/>"


def test_nothing_is_fetched(tmp_path: Path) -> None:
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        canary = tmp_path / "canary"
        canary.write_text("CANARY")
        bodies = [
            f'<?xml-stylesheet href="{url}/1.xsl"?><a/>',
            f'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{url}/2"/></a>',
            f'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{canary}" parse="text"/></a>',
            f'<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="u {url}/3.xsd"/>',
            f'<a xml:base="{url}/">x</a>',
        ]
        documents = [parse_xml(body.encode()) for body in bodies]
        server.shutdown()
        thread.join()
    assert seen == []
    assert [codes(document) for document in documents] == [[]] * 5
    assert all("CANARY" not in "".join(d.root.itertext()) for d in documents if d.root is not None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a>&unknown;</a>",
        b"<a/><b/>",
        b"<a/>text",
        b"junk<a/>",
        b"<!doctype a><a/>",
        b"<!ENTITY x 'y'><a/>",
        b"<?xml version='1.0'",
        b"<!-- never closed <a/>",
        b"<a>\x00</a>",
        b"<a>\x08</a>",
        b'<a b="1" b="2"/>',
        b"<a:b/>",
        b"{}",
        b"MSH|^~\\&|",
    ],
)
def test_what_is_not_well_formed(body: bytes) -> None:
    assert refused(body) == ["message-malformed"]


def test_depth_is_limited() -> None:
    assert refused(b"<a>" * 100_000) == ["message-malformed"]
    assert refused(b"<a>" * 5000 + b"</a>" * 5000) == ["message-malformed"]
    assert codes(parse_xml(b"<a>" * 200 + b"</a>" * 200)) == []


def test_more_than_the_limits_is_refused() -> None:
    limits = XmlLimits(bytes=100, tags=10, attributes=5)
    assert codes(parse_xml(b"<a>" + b"x" * 100 + b"</a>", limits)) == ["too-large"]
    assert codes(parse_xml(b"<a>" + b"<b/>" * 11 + b"</a>", limits)) == ["too-large"]
    assert codes(parse_xml(b"<a" + b" x=''" * 6 + b"/>", limits)) == ["too-large"]
    assert codes(parse_xml(b"<a><b/></a>", limits)) == []


def test_findings_name_the_place_and_not_the_content() -> None:
    (found,) = parse_xml("<a>\n<张三>\n</a>".encode()).findings
    assert "line 3" in found.detail
    assert "张三" not in found.text


def test_source_lines_comments_and_instructions() -> None:
    body = b'\xef\xbb\xbf<?xml version="1.0"\r\n encoding="UTF-8"?>\r\n<a>\r\n<!-- x --><b>1<!-- y -->0<?p?>2</b></a>'
    root = parse_xml(body).root
    assert root is not None
    (b,) = root
    assert (root.sourceline, b.sourceline, b.text) == (3, 4, "102")


def test_bytes_of_no_charset_are_refused() -> None:
    assert refused(b"<a>\xff\xff</a>") == ["charset-undecodable"]


@given(st.binary(max_size=200))
def test_no_bytes_break_it(noise: bytes) -> None:
    for body in (noise, b"<a>" + noise + b"</a>", b'<?xml version="1.0"?>' + noise):
        document = parse_xml(body)
        assert (document.root is None) == any(found.severity == "reject" for found in document.findings)


@given(st.data())
def test_mutations_of_a_document(data: st.DataObject) -> None:
    body = bytearray((FIXTURES / "10-bom-crlf.xml").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    for mutant in (bytes(body), bytes(body[:cut])):
        document = parse_xml(mutant)
        assert (document.root is None) == any(found.severity == "reject" for found in document.findings)


LARGE = 12_000_000


@pytest.mark.parametrize("form", [b"<a><b/>%b</a>", b'<a><b v="%b"/></a>', b"<a><![CDATA[%b]]></a>"])
def test_a_text_beyond_the_limit_of_libxml2_is_read(form: bytes) -> None:
    document = parse_xml(form % (b"QUJD" * (LARGE // 4)))
    assert document.findings == ()
    assert document.root is not None
    assert len("".join(document.root.itertext()) or document.root[0].get("v") or "") == LARGE


def test_depth_is_limited_in_a_large_body_too() -> None:
    padding = b"<!-- %b -->" % (b"x" * LARGE)
    flat = b"<a>" + padding + b"<b></b>" * 1000 + b"</a>"
    assert parse_xml(flat).root is not None
    deep = b"<a>" * 257 + padding + b"</a>" * 257
    (found,) = parse_xml(deep).findings
    assert (found.code, found.detail) == ("message-malformed", "too deep")
    assert parse_xml(b"<a>" * 255 + padding + b"</a>" * 255).root is not None
    assert refused(b"<a>" * 5000 + padding + b"</a>" * 5000) == ["message-malformed"]


@pytest.mark.parametrize("noise", [b"<", b"<a ", b'<a b="', b"<!--", b"<![CDATA[", b"<a>" * 100])
def test_large_noise_is_refused_at_once(noise: bytes) -> None:
    document = parse_xml(b"<x>" + noise + b"y" * LARGE)
    assert document.root is None
    assert document.findings[-1].code == "message-malformed"


def test_a_large_doctype_is_refused() -> None:
    body = b"<!-- %b --><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>" % (b"z" * LARGE)
    assert [one.code for one in parse_xml(body).findings] == ["doctype-forbidden"]


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        (b"<?xml version='1.0'?>\n<!-- c --><a\n xmlns='urn:hl7-org:v3' b='1'><b/></a>", ["a", "b"]),
        (b"<a xmlns='urn:hl7-org:v3' xmlns:v='urn:hl7-org:v3'><v:b/></a>", ["a", f"{V3}b"]),
        (b"<a xmlns='urn:hl7-org:v3'><b xmlns='urn:x'/></a>", ["a", "{urn:x}b"]),
        (b"<a xmlns='urn:x'><b/></a>", ["{urn:x}a", "{urn:x}b"]),
        (b"<a b=\" xmlns='urn:hl7-org:v3'\"><b/></a>", ["a", "b"]),
        (b"<v:a xmlns:v='urn:hl7-org:v3'><b xmlns='urn:hl7-org:v3'/></v:a>", [f"{V3}a", f"{V3}b"]),
    ],
)
def test_a_default_namespace_that_is_left_out_changes_nothing_else(body: bytes, tags: list[str]) -> None:
    bare, whole = parse_xml(body, bare="urn:hl7-org:v3"), parse_xml(body)
    assert bare.root is not None
    assert whole.root is not None
    assert [element.tag for element in bare.root.iter()] == tags
    assert [e.sourceline for e in bare.root.iter()] == [e.sourceline for e in whole.root.iter()]
    assert [dict(e.attrib) for e in bare.root.iter()] == [dict(e.attrib) for e in whole.root.iter()]


def test_mistakes_stand_at_the_same_place_when_a_namespace_is_left_out() -> None:
    malformed = (b"<a xmlns='urn:hl7-org:v3' b=1/>", b"<a xmlns='urn:hl7-org:v3'><b></a>", b"<a xmlns='urn:hl7-org:v3'")
    for body in malformed:
        assert parse_xml(body, bare="urn:hl7-org:v3").findings == parse_xml(body).findings
