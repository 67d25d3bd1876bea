"""The source of a copy."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.copysource import CopySource, parse_copy_source
from zotplus.domain.errors import Problem


@pytest.mark.parametrize(("header", "source"), [
    ("/bucket/key", ("bucket", "key", None)),
    ("bucket/key", ("bucket", "key", None)),
    ("bucket/a/b%20c+d", ("bucket", "a/b c+d", None)),
    ("%2Fbucket%2Fa%2Fb", ("bucket", "a/b", None)),
    ("bucket/a%252Fb", ("bucket", "a%2Fb", None)),
    ("bucket//key", ("bucket", "/key", None)),
    ("bucket/../key", ("bucket", "../key", None)),
    ("bucket/what%3FversionId=1", ("bucket", "what?versionId=1", None)),
    ("bucket/key?versionId=null", ("bucket", "key", "null")),
    ("/bucket/key?versionId=a.B_-1", ("bucket", "key", "a.B_-1")),
    ("/s3/bucket/key", ("bucket", "key", None)),
    ("s3/bucket/key", ("bucket", "key", None)),
    ("%2Fs3%2Fbucket%2Fkey", ("bucket", "key", None)),
    ("/bucket/s3/key", ("bucket", "s3/key", None)),
    ("bucket/" + "k" * 1024, ("bucket", "k" * 1024, None)),
])  # fmt: skip
def test_well_formed_sources_are_read(header, source):
    bucket, key, version_id = source
    assert parse_copy_source(header, prefix="/s3") == CopySource(bucket=bucket, key=key, version_id=version_id)


@pytest.mark.parametrize("header", [
    "", "/", "//", "bucket", "bucket/", "/bucket/", "//bucket/key", "b/key", "/s3/bucket", "/s3/bucket/", "/s3//key",
    "Bucket/key", "bucket/%00", "bucket/%", "bucket/%ff", "bucket/key?", "bucket/key?versionId=", "bucket/key?x=y",
    "bucket/key?versionId=a b", "bucket/key?versionId=1&x=2", "bucket/" + "k" * 1025, "b" * 5000, "../etc/passwd",
    "/s3/s3/bucket/key", "bucket%252Fkey", "arn:aws:s3:::bucket/key",
])  # fmt: skip
def test_odd_sources_are_refused(header):
    with pytest.raises(Problem) as caught:
        parse_copy_source(header, prefix="/s3")
    assert caught.value.fault is errors.COPY_SOURCE_INVALID


def test_without_a_prefix_nothing_is_taken_off():
    assert parse_copy_source("/abc/bucket/key") == CopySource(bucket="abc", key="bucket/key")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200))
def test_every_encoded_key_comes_back(key):
    assert parse_copy_source("/bucket/" + quote(key), prefix="/s3").key == key


@given(st.text())
def test_arbitrary_text_is_a_source_or_a_problem(header):
    try:
        assert parse_copy_source(header).bucket
    except Problem as problem:
        assert problem.fault is errors.COPY_SOURCE_INVALID  # noqa: PT017 - either outcome is fine
