"""Key sets: which keys are taken, and what each of them may verify."""

import json

import pytest

from tests.issuers.local import LocalIssuer, key, public
from zotplus.adapters.oidc.keys import KEYS_MAX, holds, read_keys


def key_set(*members) -> bytes:
    return json.dumps({"keys": list(members)}).encode()


GOOD = public(key("P-256"), kid="good")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (GOOD | {"use": "enc"}, "not for signatures"),
        (GOOD | {"key_ops": ["sign"]}, "not for signatures"),
        (GOOD | {"key_ops": 5}, "not for signatures"),
        (GOOD | {"kid": 5}, "no short text"),
        (GOOD | {"kid": "x" * 257}, "no short text"),
        (GOOD | {"crv": "P-384"}, "not on the curve"),
        (GOOD | {"crv": "secp256k1"}, "not supported"),
        (GOOD | {"crv": ["P-256"]}, "not supported"),
        (GOOD | {"x": "AAAA"}, "not on the curve"),
        (GOOD | {"x": None}, "cannot be read"),
        (GOOD | {"alg": "RS256"}, "not its own"),
        (GOOD | {"alg": "HS256"}, "not its own"),
        (GOOD | {"alg": ["ES256"]}, "not its own"),
        ({"kty": "EC", "crv": "P-256"}, "cannot be read"),
        (key("P-256").as_dict(private=True), "private or symmetric"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "x"}, "private or symmetric"),
        ({"kty": "oct", "kid": "x"}, "not supported"),
        ({"kty": "OKP", "crv": "X25519", "x": "AAAA"}, "not supported"),
        ({"kty": "RSA", "n": "u" * 171, "e": "AQAB"}, "less than 2048"),
        ({"kty": "RSA", "n": "A" * 300 + "u" * 171, "e": "AQAB"}, "less than 2048"),
        ({"kty": "RSA", "n": "u" * 3_000, "e": "AQAB"}, "more than 8192"),
        ({"kty": "RSA", "n": "u" * 342, "e": "u" * 342}, "outlandish"),
        ({"kty": "RSA", "n": 5, "e": "AQAB"}, "cannot be read"),
        ({"kty": "RSA", "n": "é", "e": "AQAB"}, "cannot be read"),
        ({"kty": "RSA", "e": "AQAB"}, "cannot be read"),
        ({"kty": "PQC"}, "not supported"),
        ({}, "not supported"),
    ],
)
def test_a_key_that_is_of_no_use_is_left_out_and_the_others_hold(member, reason):
    found = read_keys(key_set(member, GOOD))
    assert [one.key_id for one in found.keys] == ["good"]
    assert reason in found.skipped[0]
    with pytest.raises(ValueError, match="no usable key"):
        read_keys(key_set(member))


@pytest.mark.parametrize("content", [b"{}", b'{"keys": 5}', b'{"keys": [5]}', b'{"keys": []}'])
def test_what_is_no_key_set_is_refused(content):
    with pytest.raises(ValueError, match=r"no key set|no usable key"):
        read_keys(content)


def test_a_key_set_has_a_limited_number_of_keys():
    read_keys(key_set(*[GOOD] * KEYS_MAX))
    with pytest.raises(ValueError, match="more than"):
        read_keys(key_set(*[GOOD] * (KEYS_MAX + 1)))


def test_two_keys_of_one_name_serve_their_own_algorithms():
    found = read_keys(key_set(public(key("RSA"), kid="x"), public(key("P-256"), kid="x")))
    assert found.find("x", "ES256") is found.keys[1]
    assert found.find("x", "PS256") is found.keys[0]
    assert found.find("x", "ES384") is None
    assert found.find("X", "ES256") is None


def test_a_key_does_not_verify_by_an_algorithm_that_its_set_does_not_name():
    (one,) = read_keys(key_set(public(key("RSA"), kid="x", alg="RS256"))).keys
    signed = {name: LocalIssuer(kind="RSA", algorithm=name).mint({"sub": "x"}) for name in ("RS256", "RS512")}
    assert [holds(token, one, name) for name, token in signed.items()] == [True, False]
    assert not holds("ey.ey.x", one, "RS256")


def test_a_signature_is_not_checked_by_an_algorithm_that_was_not_judged():
    (one,) = read_keys(key_set(public(key("RSA"), kid="x"))).keys
    issuer = LocalIssuer(kind="RSA", algorithm="RS512")
    token = issuer.mint({"sub": "x"})
    assert holds(token, one, "RS512")
    assert not holds(token, one, "RS256")
