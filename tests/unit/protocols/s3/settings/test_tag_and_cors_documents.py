"""Documents of tags and of rules for pages of other origins: whatever is sent is read or refused, in bounded time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.cors import decode_rules, encode_rules
from zotplus.domain.storage.tags import BUCKET_TAGS
from zotplus.protocols.s3.settings.cors import read_rules
from zotplus.protocols.s3.settings.tagging import read_initial_tags, read_tagging, tagging_document


def tags(document):
    return read_tagging(document, BUCKET_TAGS)


READERS = {"Tagging": tags, "CreateBucketConfiguration": read_initial_tags, "CORSConfiguration": read_rules}
EXPECTED = {
    errors.XML_MALFORMED,
    errors.OPERATION_UNKNOWN,
    errors.TAG_INVALID,
    errors.TAGS_TOO_MANY,
    errors.REQUEST_INVALID,
}
NAMES = (
    "TagSet", "Tags", "Tag", "Key", "Value", "CORSRule", "AllowedOrigin", "AllowedMethod", "AllowedHeader",
    "ExposeHeader", "MaxAgeSeconds", "ID", "Other",
)  # fmt: skip
TEXT = st.one_of(st.sampled_from(["GET", "*", "60", "-1", "x-amz-*", "a" * 300]), st.text(max_size=8))


def escaped(text):
    kept = "".join(letter for letter in text if letter == "\t" or "\x20" <= letter < "\ud800")
    return kept.replace("&", "&amp;").replace("<", "&lt;")


LEAVES = st.tuples(st.sampled_from(NAMES), TEXT).map(lambda one: f"<{one[0]}>{escaped(one[1])}</{one[0]}>")
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(st.sampled_from(NAMES), st.lists(inner, max_size=5)).map(
        lambda one: f"<{one[0]}>{''.join(one[1])}</{one[0]}>"
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("root", READERS)
@settings(max_examples=150, deadline=None)
@given(inner=st.lists(TREES, max_size=5), junk=st.binary(max_size=40))
def test_no_document_raises_anything_but_a_problem(root, inner, junk):
    for document in (f"<{root}>{''.join(inner)}</{root}>".encode(), junk, f"<{root}>".encode() + junk):
        try:
            READERS[root](document)
        except Problem as problem:
            assert problem.fault in EXPECTED  # noqa: PT017 - it may also be read


@pytest.mark.parametrize("root", READERS)
def test_an_xml_bomb_is_refused_in_bounded_time(root):
    laughs = (
        f'<!DOCTYPE d [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><{root}><Tags>&b;</Tags></{root}>'
    ).encode()
    for document in (laughs, f"<{root}>".encode() * 100_000, f"<{root}>".encode() + b"<a/>" * 200_000):
        began = time.process_time()
        with pytest.raises(Problem) as refused:
            READERS[root](document)
        assert refused.value.fault is errors.XML_MALFORMED
        assert time.process_time() - began < 2


@given(st.dictionaries(st.text(alphabet="abcäö日 +-=._:/@", min_size=1, max_size=20), st.text("xyz ß", max_size=20)))
@settings(max_examples=80, deadline=None)
def test_tags_that_are_written_are_read_again(given_tags):
    if len(given_tags) <= BUCKET_TAGS:
        assert tags(tagging_document(given_tags)) == given_tags


def test_rules_that_are_stored_are_read_again():
    document = (
        b"<CORSConfiguration xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><CORSRule><AllowedMethod>GET"
        b"</AllowedMethod><AllowedOrigin>https://*.example</AllowedOrigin><MaxAgeSeconds> 5 </MaxAgeSeconds></CORSRule>"
        b"</CORSConfiguration>"
    )
    (rule,) = read_rules(document)
    assert decode_rules(encode_rules((rule,))) == (rule,)
    assert (rule.origins, rule.methods, rule.max_age) == (("https://*.example",), ("GET",), 5)
