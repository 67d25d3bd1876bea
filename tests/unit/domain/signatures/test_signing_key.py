"""A signing key signs as HMAC-SHA-256 does, and is derived as AWS documents."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.signatures.signing_key import SigningKey, signing_key


@given(key=st.binary(min_size=1, max_size=64), texts=st.lists(st.text(st.characters(codec="utf-8")), max_size=3))
def test_it_signs_as_hmac_does_time_after_time(key, texts):
    signing = SigningKey(key)
    for text in texts:
        assert signing.sign(text) == hmac.digest(key, text.encode(), "sha256").hex()


def test_a_derived_key_signs_the_documented_example():
    # AWS, "Signature Calculations for the Authorization Header", the example "GET Object".
    key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3")
    to_sign = (
        "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
        "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972"
    )
    assert key.sign(to_sign) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def test_signing_keys_do_not_grow_without_bound():
    for number in range(5000):
        signing_key(f"secret {number}", "20130524", "us-east-1", "s3")
    assert signing_key.cache_info().currsize <= 4096
