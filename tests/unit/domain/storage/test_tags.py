"""Tags, as Amazon counts and judges them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.errors import Problem
from zotplus.domain.storage.tags import (
    BUCKET_TAGS,
    OBJECT_TAGS,
    check_tags,
    decode_tags,
    encode_tags,
    parse_tag_header,
)


def fault(call, *arguments, **named):
    with pytest.raises(Problem) as raised:
        call(*arguments, **named)
    return raised.value.fault.code, raised.value.detail


@pytest.mark.parametrize(("key", "value"), [
    ("a", ""), ("team/x:y@z.example+1=2_3-4", "v"), ("schlüssel", "größe 5"), ("日本語", "हिन्दी"),
    ("k" * 128, "v" * 256), ("𠀀" * 64, "𠀀" * 128),
])  # fmt: skip
def test_letters_digits_spaces_and_a_few_signs_are_taken(key, value):
    assert check_tags([(key, value)], limit=OBJECT_TAGS) == {key: value}


@pytest.mark.parametrize(
    "key", ["", "k" * 129, "𠀀" * 65, "user!name", "a*b", "a\nb", "a\x00", "data%20", "tab\t", "\ud800"]
)
def test_a_key_of_another_form_is_refused(key):
    expected = ("tag_invalid", "The TagKey you have provided is invalid")
    assert fault(check_tags, [(key, "v")], limit=OBJECT_TAGS) == expected


@pytest.mark.parametrize("value", ["v" * 257, "𠀀" * 129, "name?test", "comma,separated", "a\r\nb"])
def test_a_value_of_another_form_is_refused(value):
    expected = ("tag_invalid", "The TagValue you have provided is invalid")
    assert fault(check_tags, [("k", value)], limit=OBJECT_TAGS) == expected


def test_a_key_given_twice_is_refused():
    code, detail = fault(check_tags, [("k", "1"), ("k", "2")], limit=OBJECT_TAGS)
    assert (code, detail) == ("tag_invalid", "Cannot provide multiple Tags with the same key")


@pytest.mark.parametrize("key", ["aws:createdBy", "AWS:x"])
def test_the_prefix_of_the_system_is_refused(key):
    assert fault(check_tags, [(key, "v")], limit=BUCKET_TAGS)[0] == "tag_invalid"


@pytest.mark.parametrize(("limit", "detail"), [
    (OBJECT_TAGS, "Object tags cannot be greater than 10"),
    (BUCKET_TAGS, "Bucket tag count cannot be greater than 50"),
])  # fmt: skip
def test_there_is_a_most_of_tags(limit, detail):
    pairs = [(f"k{number}", "v") for number in range(limit + 1)]
    assert fault(check_tags, pairs, limit=limit) == ("tags_too_many", detail)
    assert len(check_tags(pairs[:-1], limit=limit)) == limit


@pytest.mark.parametrize(("text", "tags"), [
    ("", {}),
    ("a=b", {"a": "b"}),
    ("a=b&c=d", {"a": "b", "c": "d"}),
    ("&a=b&&", {"a": "b"}),
    ("a", {"a": ""}),
    ("a=b=c", {"a": "b=c"}),
    ("a+b=c%20d%2B", {"a b": "c d+"}),
    ("%E6%97%A5=%C3%A4", {"日": "ä"}),
])  # fmt: skip
def test_the_header_is_read_as_a_query(text, tags):
    assert parse_tag_header(text) == tags


@pytest.mark.parametrize("text", ["=b", "a=1&a=2", "a=%", "a=%zz", "a=%FF", "a=" + "x" * 20_000])
def test_a_header_of_another_form_is_refused(text):
    assert fault(parse_tag_header, text)[0] == "argument_invalid"


def test_the_tags_of_a_header_are_judged_as_others():
    assert fault(parse_tag_header, "a%2A=b")[0] == "tag_invalid"
    assert fault(parse_tag_header, "&".join(f"k{n}=v" for n in range(11)))[0] == "tags_too_many"


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=60))
def test_what_was_stored_comes_back(tags):
    try:
        kept = check_tags(tags.items(), limit=BUCKET_TAGS)
    except Problem:
        return
    assert decode_tags(encode_tags(kept)) == tags


@given(st.text(max_size=200))
def test_no_header_is_more_than_tags_or_a_problem(text):
    try:
        tags = parse_tag_header(text)
    except Problem:
        return
    assert all(not set("\r\n\x00") & set(key + value) for key, value in tags.items())


@pytest.mark.parametrize("data", [b"", b"\x02x", b"\x01", b"\x01\xc0", b"\x01\x81\xa1\xff\xa1a"])
def test_damaged_tags_are_told(data):
    assert fault(decode_tags, data)[0] == "storage_failed"
