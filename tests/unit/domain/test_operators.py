"""Which certificate means which operator."""

import msgspec
import pytest

from zotplus.domain.operators import Operator, Presented, operator_of

FINGERPRINT = "ab" * 32
SHOWN = Presented(
    subject="CN=backup,O=Example",
    dns=("Backup.example.org", "*.wild.example.org"),
    uris=("spiffe://example.org/ns/ci/sa/mirror",),
    fingerprint=FINGERPRINT,
    until=0.0,
)


@pytest.mark.parametrize(
    "known",
    [
        {"subject": "CN=backup,O=Example"},
        {"dns": "backup.EXAMPLE.org"},
        {"spiffe": "spiffe://example.org/ns/ci/sa/mirror"},
        {"fingerprint": FINGERPRINT},
        {"fingerprint": ":".join(["AB"] * 32)},
    ],
)
def test_a_certificate_is_known_by_any_one_of_its_properties(known):
    assert operator_of([Operator(name="other", dns="other"), Operator(name="backup", **known)], SHOWN) == "backup"


@pytest.mark.parametrize(
    "known",
    [
        {"subject": "CN=backup"},
        {"subject": "O=Example,CN=backup"},
        {"subject": "cn=backup,o=example"},
        {"dns": "example.org"},
        {"dns": "x.wild.example.org"},
        {"spiffe": "spiffe://example.org/ns/ci/sa"},
        {"spiffe": "spiffe://example.org/ns/ci/sa/mirror/x"},
        {"fingerprint": "cd" * 32},
    ],
)
def test_what_is_only_alike_is_nobodys(known):
    assert operator_of([Operator(name="backup", **known)], SHOWN) == ""


def test_a_certificate_with_two_uris_has_no_spiffe_id():
    two = msgspec.structs.replace(SHOWN, uris=(*SHOWN.uris, "spiffe://example.org/admin"))
    assert operator_of([Operator(name="mirror", spiffe=SHOWN.uris[0])], two) == ""


def test_an_empty_certificate_is_nobodys():
    empty = Presented(subject="", dns=(), uris=(), fingerprint="", until=0.0)
    known = [{"subject": "CN=x"}, {"dns": "x"}, {"spiffe": "spiffe://x"}, {"fingerprint": FINGERPRINT}]
    assert operator_of([Operator(name="backup", **one) for one in known], empty) == ""


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"subject": "CN=a", "dns": "a"},
        {"dns": "*.example.org"},
        {"spiffe": "https://example.org"},
        {"fingerprint": "ab"},
        {"fingerprint": "zz" * 32},
        {"subject": ""},
        {"dns": "a", "colour": "red"},
    ],
)
def test_an_entry_that_is_unclear_is_refused(given):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "backup", **given}, Operator)


@pytest.mark.parametrize("name", ["", "Backup", "-x", "a:b", "x" * 64])
def test_names_are_plain(name):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": name, "dns": "a"}, Operator)
