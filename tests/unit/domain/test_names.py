"""Names of buckets, keys, repositories, tags and digests."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors, names
from zotplus.domain.errors import Problem


def fault(check, value):
    with pytest.raises(Problem) as caught:
        check(value)
    return caught.value.fault


@pytest.mark.parametrize(
    "name", ["abc", "a1c", "my.bucket-1", "1.2.3", "1.2.3.4.5", "1234.1.1.1", "a" * 63, "a.b", "a--b"]
)
def test_valid_bucket_names_pass(name):
    names.check_bucket_name(name)


@pytest.mark.parametrize("name", [
    "", "ab", "a" * 64, "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "192.168.5.4", "xn--abc", "sthree-x",
    "abc-s3alias", "abc--ol-s3", "abc\n", "äbc", "a/b", "abc ", "abc.mrap", "abc--x-s3", "a" * 100_000,
])  # fmt: skip
def test_invalid_bucket_names_are_refused(name):
    assert fault(names.check_bucket_name, name) is errors.BUCKET_NAME_INVALID


@pytest.mark.parametrize(
    "key", ["a", "a/b", "/", "//", "..", "a/../b", "ü", "😀" * 256, "a" * 1024, "a b", "\x01", "\n"]
)
def test_every_other_text_is_a_key(key):
    names.check_key(key)


def test_odd_keys_are_refused():
    assert fault(names.check_key, "") is errors.PATH_INVALID
    assert fault(names.check_key, "a\0b") is errors.PATH_INVALID
    assert fault(names.check_key, "a\ud800") is errors.PATH_INVALID
    assert fault(names.check_key, "a" * 1025) is errors.KEY_TOO_LONG
    assert fault(names.check_key, "ü" * 513) is errors.KEY_TOO_LONG


@pytest.mark.parametrize(("raw", "key"), [
    ("a%2Fb", "a/b"), ("a+b", "a+b"), ("a%252Fb", "a%2Fb"), ("%C3%BC", "ü"), ("..%2F", "../"), ("a//b", "a//b"),
])  # fmt: skip
def test_a_key_is_decoded_exactly_once(raw, key):
    assert names.decode_key(raw) == key


@pytest.mark.parametrize("raw", ["%00", "%", "%ff", "%C0%AE", "\udc80"])
def test_an_unreadable_key_is_refused(raw):
    assert fault(names.decode_key, raw) is errors.PATH_INVALID


@pytest.mark.parametrize("name", ["a", "team/app", "a-b/c_d/e__f/g.h", "a---b", "0", "a" * 255, "a/b/c/d/e/f"])
def test_valid_repository_names_pass(name):
    names.check_repository_name(name)


@pytest.mark.parametrize("name", [
    "", "A", "a/", "/a", "a//b", "a..b", "a._b", "a___b", "-a", "a-", "a_", "a:b", "ä", "a/../b", "a\n", "a" * 256,
    ".", "..",
])  # fmt: skip
def test_invalid_repository_names_are_refused(name):
    assert fault(names.check_repository_name, name) is errors.REPOSITORY_NAME_INVALID


@pytest.mark.parametrize("tag", ["latest", "v1.0", "_x", "A-b_c.d", "sha256-" + "a" * 64 + ".sig", "a" * 128])
def test_tags_are_references(tag):
    assert names.is_tag(tag)
    assert not names.is_digest(tag)
    names.check_reference(tag)


@pytest.mark.parametrize("digest", [
    "sha256:" + "0a" * 32, "sha512:" + "0a" * 64, "sha384:" + "ab" * 48, "multihash+base58:QmRZxt2b1FVZPNqd8hs",
    "a_b.c-d:AZaz09=_-",
])  # fmt: skip
def test_digests_are_references(digest):
    names.check_digest(digest)
    names.check_reference(digest)


@pytest.mark.parametrize("reference", [
    "", ".x", "-x", "a" * 129, "a b", "a\n", "sha256:", "sha256:" + "0a" * 31, "sha256:" + "0A" * 32,
    "sha512:" + "0a" * 32, "SHA256:" + "0a" * 32, "sha256:" + "0g" * 32, ":abc", "a:", "a++b:c", "a:b:c",
    "x:" + "a" * 300,
])  # fmt: skip
def test_other_references_are_refused(reference):
    assert fault(names.check_reference, reference) is errors.REFERENCE_INVALID
    assert fault(names.check_digest, reference) is errors.REFERENCE_INVALID


@settings(max_examples=100)
@given(st.text(st.sampled_from("a.-_/0:+A"), max_size=300))
def test_long_odd_names_are_judged_at_once(text):
    for check in (names.check_bucket_name, names.check_repository_name, names.check_reference, names.check_digest):
        try:
            check(text * 20)
        except Problem as problem:
            assert len(problem.detail) < 200  # noqa: PT017 - either outcome is fine
