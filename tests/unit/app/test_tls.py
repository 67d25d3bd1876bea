"""Whose client certificate counts, without a network."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.faces.serving.authority import Authority
from zotplus.app.tls import ReloadingTls, presented
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.operators import Operator
from zotplus.settings.sections import TlsSettings


class Connection:
    """What a handshake left behind."""

    def __init__(self, encoded, *, resumed=False):
        self._encoded = encoded
        self.session_reused = resumed

    def getpeercert(self, *, binary_form):
        assert binary_form
        return self._encoded


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def encoded(authority):
    return authority.sign("backup", x509.DNSName("backup.example.org"))[2].public_bytes(Encoding.DER)


@pytest.fixture
def tls(authority):
    certificate, key, _ = authority.sign("server")
    settings = TlsSettings(certificate=str(certificate), key=str(key), client_ca_file=str(authority.file))
    return ReloadingTls(settings, [Operator(name="backup", dns="backup.example.org")])


def test_a_certificate_says_who_and_until_when(encoded):
    shown = presented(encoded)
    assert (shown.subject, shown.dns, shown.uris) == ("CN=backup,O=Example", ("backup.example.org",), ())
    assert shown.fingerprint == hashlib.sha256(encoded).hexdigest()
    assert shown.until > 0


@pytest.mark.parametrize("junk", [b"junk", b"\x30\x03\x02\x01\x01"])
def test_a_certificate_that_cannot_be_read_says_nothing(junk):
    shown = presented(junk)
    assert (shown.subject, shown.dns, shown.until) == ("", (), 0.0)


def test_a_client_without_a_certificate_is_nobody(tls):
    assert tls.holder(Connection(None)).name == ""


def test_a_resumed_session_counts_while_the_authorities_are_those_that_verified_it(tls, encoded, authority, tmp_path):
    assert tls.holder(Connection(encoded, resumed=True)).name == ""
    assert tls.holder(Connection(encoded)).name == "backup"
    assert tls.holder(Connection(encoded, resumed=True)).name == "backup"
    other = tmp_path / "other"
    other.mkdir()
    authority.file.write_bytes(Authority(other, "other").file.read_bytes())
    told = []
    tls.distrusted = lambda: told.append(True)
    tls.reload()
    assert told == [True]
    assert tls.holder(Connection(encoded, resumed=True)).name == ""


def test_a_reload_without_new_authorities_ends_nobody(tls):
    tls.distrusted = lambda: pytest.fail("nothing changed")
    tls.reload()


def test_authorities_that_cannot_be_read_leave_everything_as_it_was(tls, encoded, authority):
    tls.holder(Connection(encoded))
    authority.file.write_text("junk")
    tls.reload()
    assert tls.holder(Connection(encoded, resumed=True)).name == "backup"
    authority.file.unlink()
    tls.reload()
    assert tls.holder(Connection(encoded, resumed=True)).name == "backup"


def test_a_missing_file_of_authorities_is_a_problem_at_the_start(tls, tmp_path):
    settings = TlsSettings(
        certificate=str(tmp_path / "server.crt"), key=str(tmp_path / "server.key"), client_ca_file=str(tmp_path / "no")
    )
    with pytest.raises(Problem) as caught:
        ReloadingTls(settings)
    assert caught.value.fault is errors.SETTING_INVALID
