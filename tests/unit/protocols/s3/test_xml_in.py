"""The XML reader takes the documents that clients send and refuses everything else in bounded time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.conditions import WriteConditions
from zotplus.domain.errors import Problem
from zotplus.protocols.s3.xml_in import Doomed, read_complete, read_delete, read_location
from zotplus.services.values import PartChoice

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def refusal(read, document):
    with pytest.raises(Problem) as caught:
        read(document)
    return caught.value.fault


@pytest.mark.parametrize("attributes", ["", NAMESPACE, 'xmlns="urn:other"'])
def test_delete_is_read_with_and_without_a_namespace(attributes):
    found = read_delete(f"<Delete {attributes}><Object><Key>a/ü &amp; b</Key></Object></Delete>".encode())
    assert found.objects == (Doomed("a/ü & b"),)
    assert found.quiet is False


def test_a_prefixed_namespace_is_read_too():
    found = read_delete(
        b'<x:Delete xmlns:x="urn:a"><x:Quiet>true</x:Quiet><x:Object><x:Key>k</x:Key></x:Object></x:Delete>'
    )
    assert found.quiet is True
    assert found.objects == (Doomed("k"),)


def test_whitespace_between_elements_is_ignored_and_inside_a_key_is_kept():
    found = read_delete(b"<Delete>\n  <Object>\n <Key> a b </Key>\n<VersionId>null</VersionId> </Object>\n</Delete>\n")
    assert found.objects == (Doomed(" a b ", "null"),)


def test_comments_and_entities_do_not_cut_a_key():
    assert read_delete(b"<Delete><Object><Key>a<!-- x -->&lt;&#98;</Key></Object></Delete>").objects == (Doomed("a<b"),)


def test_a_thousand_keys_are_read_and_one_more_is_refused():
    def document(count):
        return b"<Delete>" + b"<Object><Key>k</Key></Object>" * count + b"</Delete>"

    assert len(read_delete(document(1000)).objects) == 1000
    assert refusal(read_delete, document(1001)) is errors.XML_MALFORMED


def conditional(name, value):
    return f"<Delete><Object><Key>k</Key><{name}>{value}</{name}></Object></Delete>".encode()


@pytest.mark.parametrize(("name", "value", "conditions"), [
    ("ETag", '"e"', WriteConditions(match=("e",))),
    ("Size", "5", WriteConditions(size=5)),
    ("LastModifiedTime", "Wed, 21 Oct 2026 07:28:00 GMT", WriteConditions(modified=1792567680)),
    ("LastModifiedTime", "2026-10-21T07:28:00.000Z", WriteConditions(modified=1792567680)),
])  # fmt: skip
def test_a_delete_may_have_conditions(name, value, conditions):
    (doomed,) = read_delete(conditional(name, value)).objects
    assert doomed.conditions == conditions


def test_a_condition_that_cannot_be_read_is_refused_instead_of_ignored():
    assert refusal(read_delete, conditional("Size", "-1")) is errors.ARGUMENT_INVALID
    assert refusal(read_delete, conditional("Size", "9" * 20)) is errors.ARGUMENT_INVALID
    assert refusal(read_delete, conditional("LastModifiedTime", "yesterday")) is errors.XML_MALFORMED


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<Delete>",
        b"<Delete></Delete>",
        b"<Delete><Object/></Delete>",
        b"<Delete><Object><Key></Key></Object></Delete>",
        b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        b"<Delete><Object><Key><Key>b</Key></Key></Object></Delete>",
        b"<Delete><Object><Key>a</Key>stray</Object></Delete>",
        b"<Delete><Other/></Delete>",
        b"<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>",
        b"<Deleted><Object><Key>a</Key></Object></Deleted>",
        b"<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
        b"<Delete><Object><Key>&nbsp;</Key></Object></Delete>",
        b"<Delete><Object><Key>\xff</Key></Object></Delete>",
        b'<?xml version="1.0" encoding="ISO-8859-1"?><Delete><Object><Key>\xe9</Key></Object></Delete>',
        '<?xml version="1.0" encoding="UTF-16"?><Delete><Object><Key>a</Key></Object></Delete>'.encode("utf-16"),
        b"<Delete><Object><Key>&#1;</Key></Object></Delete>",
        b"\x00" * 100,
        b'{"json": true}',
    ],
)
def test_a_document_that_is_not_delete_objects_is_malformed(document):
    assert refusal(read_delete, document) is errors.XML_MALFORMED


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;"><!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">
]><Delete><Object><Key>&lol3;</Key></Object></Delete>"""
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<Delete><Object><Key>&x;</Key></Object></Delete>"""
PARAMETER = b'<!DOCTYPE d [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><Delete/>'
DOCTYPE = b"<!DOCTYPE Delete><Delete><Object><Key>a</Key></Object></Delete>"
DEEP = b"<Delete>" * 131_072
WIDE = b"<Delete>" + b"<a/>" * 262_000 + b"</Delete>"
LONG = b"<Delete><Object><Key>" + b"a" * 2_000_000 + b"</Key></Object></Delete>"
CUT = b"<Delete><Object><Key>" + b"a<!---->" * 131_000
ATTRIBUTES = b"<Delete " + b" ".join(b"a%d='1'" % n for n in range(80_000)) + b"/>"


@pytest.mark.parametrize(
    "document",
    [LAUGHS, EXTERNAL, PARAMETER, DOCTYPE, DEEP, WIDE, LONG, CUT, ATTRIBUTES],
    ids=["laughs", "external", "parameter", "doctype", "deep", "wide", "long", "cut", "attributes"],
)
@pytest.mark.parametrize("read", [read_delete, read_complete, read_location])
def test_an_xml_bomb_is_refused_in_bounded_time(read, document):
    began = time.process_time()
    assert refusal(read, document) is errors.XML_MALFORMED
    assert time.process_time() - began < 2


ANYTHING = st.binary(max_size=300)
MARKUP = st.text(max_size=200).map(lambda text: f"<Delete>{text}</Delete>".encode("utf-8", "replace"))


@given(ANYTHING | MARKUP)
@settings(max_examples=150)
def test_no_document_raises_anything_but_a_problem(document):
    for read in (read_delete, read_complete, read_location):
        try:
            read(document)
        except Problem as problem:
            assert problem.fault in (errors.XML_MALFORMED, errors.OPERATION_UNKNOWN)  # noqa: PT017 - may also be read


def part(number="1", etag='"e"', extra=""):
    return f"<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber>{extra}</Part>"


def complete(*parts):
    return f"<CompleteMultipartUpload {NAMESPACE}>{''.join(parts)}</CompleteMultipartUpload>".encode()


def test_the_parts_are_read_in_their_order_with_checksum_and_etag_without_quotes():
    document = complete(part("2", "&quot;b&quot;", "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>"), part("1", "a"))
    assert read_complete(document) == (
        PartChoice(number=2, etag="b", algorithm="CRC32", checksum="AAAAAA=="),
        PartChoice(number=1, etag="a"),
    )


def test_ten_thousand_parts_are_read():
    assert len(read_complete(complete(*[part(str(n)) for n in range(1, 10_001)]))) == 10_000


@pytest.mark.parametrize("number", ["0", "-1", "-" + "9" * 5000])
def test_a_part_number_below_one_is_an_invalid_argument(number):
    assert refusal(read_complete, complete(part(number))) is errors.ARGUMENT_INVALID


@pytest.mark.parametrize(
    "checksum",
    [
        "<ChecksumCRC32>a</ChecksumCRC32>",
        "<ChecksumCRC32></ChecksumCRC32>",
        "<ChecksumCRC32>AAAAAA==</ChecksumCRC32><ChecksumMD5>AAAAAAAAAAAAAAAAAAAAAA==</ChecksumMD5>",
    ],
)
def test_a_part_s_checksum_has_its_form(checksum):
    assert refusal(read_complete, complete(part("1", "e", checksum))) is errors.ARGUMENT_INVALID


@pytest.mark.parametrize("number", ["", "10001", "+1", "1_0", "1.0", "x", "\u0661", "9" * 5000])
def test_a_part_number_outside_one_to_ten_thousand_is_malformed(number):
    assert refusal(read_complete, complete(part(number))) is errors.XML_MALFORMED


@pytest.mark.parametrize(
    "document",
    [
        complete(),
        complete("<Part><PartNumber>1</PartNumber></Part>"),
        complete("<Other/>"),
        complete(*[part()] * 10_001),
    ],
    ids=["no part", "no etag", "other", "too many"],
)
def test_a_list_of_parts_that_breaks_its_schema_is_malformed(document):
    assert refusal(read_complete, document) is errors.XML_MALFORMED


def test_the_location_is_read_and_may_be_missing():
    location = "<LocationConstraint>eu-1</LocationConstraint>"
    document = f"<CreateBucketConfiguration {NAMESPACE}>{location}</CreateBucketConfiguration>"
    assert read_location(document.encode()) == "eu-1"
    assert read_location(b"<CreateBucketConfiguration/>") == ""
    assert read_location(b"") == ""


def test_a_directory_bucket_is_refused_instead_of_made_as_another_kind():
    document = b"<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>"
    assert refusal(read_location, document) is errors.OPERATION_UNKNOWN
