"""What the XML writers print is read back by parsers and SDKs as it was meant."""

import time
from urllib.parse import unquote, unquote_plus
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.protocols.s3 import xml_out
from zotplus.services.values import Checksum, ListEntry

PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=40)


def read(markup: bytes) -> ET.Element:
    return ET.fromstring(markup)  # noqa: S314 - our own output


@given(PRINTABLE | st.sampled_from(["\r\n\t", "a\rb", "]]>", "<&>\"'"]))
@settings(max_examples=150)
def test_text_survives_a_parser(text):
    assert (read(xml_out.document("Root", xml_out.element("Key", text)))[0].text or "") == text


def test_characters_that_xml_cannot_carry_become_references():
    assert xml_out.escape("a\x00\x01\x1f\ufffe") == "a&#x0;&#x1;&#x1F;&#xFFFE;"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=150)
def test_a_percent_encoded_key_is_read_alike_by_both_kinds_of_decoder(text):
    encoded = xml_out.key_encoder("url")(text)
    assert encoded.isascii()
    assert unquote(encoded) == text
    assert unquote_plus(encoded) == text


def test_percent_encoding_keeps_the_slash_and_spells_space_and_plus_apart():
    assert xml_out.key_encoder("url")("a b+c/d~é%") == "a%20b%2Bc/d~%C3%A9%25"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), max_size=8))
@settings(max_examples=150)
def test_the_fast_way_of_writing_contents_equals_the_slow_one(keys):
    entries = [ListEntry(key, b"<Size>1</Size>") for key in keys]
    for encoding in ("", "url"):
        encode = xml_out.key_encoder(encoding)
        slow = "".join(f"<Contents><Key>{encode(key)}</Key><Size>1</Size><Owner/></Contents>" for key in keys)
        assert xml_out.contents(entries, encoding, b"<Owner/>") == slow.encode()


def test_a_thousand_entries_are_written_within_two_milliseconds():
    entries = [ListEntry(f"folder/name-{n:06}.txt", b"<Size>1</Size>" * 8) for n in range(1000)]
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        xml_out.contents(entries, "url", b"")
        best = min(best, time.perf_counter() - began)
    assert best < 0.002


def test_times_have_milliseconds_and_end_in_z():
    assert xml_out.timestamp(1_700_000_000.5) == "2023-11-14T22:13:20.500Z"


def test_a_checksum_is_named_after_its_algorithm():
    checksum = Checksum(algorithm="CRC64NVME", value="AAAA", type="COMPOSITE")
    assert xml_out.checksum_elements(checksum) == (
        "<ChecksumCRC64NVME>AAAA</ChecksumCRC64NVME><ChecksumType>COMPOSITE</ChecksumType>"
    )
    assert xml_out.checksum_elements(None) == ""
