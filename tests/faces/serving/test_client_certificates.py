"""Operators known by client certificates, over real TLS."""

import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.faces.serving.authority import HOUR, Authority
from tests.faces.serving.conftest import ACCESS_KEY, PATIENCE, SECRET_KEY, wait_for
from tools import peers

SPIFFE = "spiffe://example.org/ns/ci/sa/mirror"
LIST = "/api/v1/keys"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def clients(authority):
    """Name -> paths of certificate and key, and the certificate."""
    return {
        "subject": authority.sign("by-subject"),
        "dns": authority.sign("by-dns", x509.DNSName("backup.example.org")),
        "spiffe": authority.sign("by-spiffe", x509.UniformResourceIdentifier(SPIFFE)),
        "fingerprint": authority.sign("by-fingerprint"),
        "nobody": authority.sign("nobody"),
    }


@pytest.fixture
def variables(authority, clients):
    operators = [
        {"name": "subject", "subject": "CN=by-subject,O=Example"},
        {"name": "dns", "dns": "backup.example.org"},
        {"name": "spiffe", "spiffe": SPIFFE},
        {"name": "fingerprint", "fingerprint": clients["fingerprint"][2].fingerprint(SHA256()).hex(":")},
    ]
    return {
        **authority.server(),
        "ZOTPLUS_HTTP__TLS__CLIENT_CA_FILE": str(authority.file),
        "ZOTPLUS_IDENTITY__OPERATORS": json.dumps(operators),
    }


def trusting(authority, client=None):
    context = ssl.create_default_context(cafile=authority.file)
    if client is not None:
        context.load_cert_chain(client[0], client[1])
    return context


class Client:
    """One connection."""

    def __init__(self, server, context):
        parts = urlsplit(server.urls["main"])
        self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=context)

    def ask(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        text = None if body is None else json.dumps(body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, text, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def close(self):
        self.connection.close()


def status(server, context, path=LIST, **headers):
    client = Client(server, context)
    try:
        return client.ask("GET", path, **headers)[0]
    finally:
        client.close()


def grant(server, authority, *names):
    administrator = "Basic " + base64.b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode()
    client = Client(server, trusting(authority))
    for name in names:
        wanted = {"grantee": f"certificate:{name}", "role": "administrator", "pattern": "*"}
        assert client.ask("POST", "/api/v1/grants", wanted, Authorization=administrator)[0] in (200, 201)
    client.close()


def test_each_operator_is_known_by_its_certificate_and_nobody_else_is(launch, authority, clients, variables):
    server = launch(**variables).ready_with(trusting(authority))
    assert status(server, trusting(authority, clients["dns"])) == 403  # known, and nothing is granted yet
    names = ("subject", "dns", "spiffe", "fingerprint")
    grant(server, authority, *names)
    assert {name: status(server, trusting(authority, clients[name])) for name in names} == dict.fromkeys(names, 200)
    assert status(server, trusting(authority, clients["nobody"])) == 401
    assert status(server, trusting(authority)) == 401
    wait_for(lambda: "certificate:spiffe" in {event.get("principal") for event in server.events})
    unknown = wait_for(lambda: [event for event in server.events if event["event"] == "certificate_of_nobody"])
    assert [event["subject"] for event in unknown] == ["CN=nobody,O=Example"]


def test_no_header_makes_an_operator_and_credentials_of_the_request_come_first(launch, authority, clients, variables):
    server = launch(**variables).ready_with(trusting(authority))
    grant(server, authority, "dns")
    pem = clients["dns"][0].read_text().replace("\n", " ")
    for header in ("X_SSL_Client_Cert", "X_Forwarded_Client_Cert", "Ssl_Client_Verify", "Client_Cert"):
        assert status(server, trusting(authority), **{header: pem}) == 401
    wrong = "Basic " + base64.b64encode(b"someone:wrong-password").decode()
    assert status(server, trusting(authority, clients["dns"]), Authorization=wrong) == 401


def test_certificates_that_tls_refuses_open_nothing(launch, tmp_path, authority, clients, variables):
    del clients
    server = launch(**variables).ready_with(trusting(authority))
    others = tmp_path / "others"
    others.mkdir()
    refused = {
        "expired": authority.sign("by-subject", lasting=-HOUR),
        "of another authority": Authority(others, "others").sign("by-subject"),
        "for servers": authority.sign("by-subject", usage=x509.oid.ExtendedKeyUsageOID.SERVER_AUTH),
    }
    for name, client in refused.items():
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            assert status(server, trusting(authority, client)) is name


def test_a_certificate_that_expires_on_an_open_connection_counts_no_longer(launch, authority, variables):
    server = launch(**variables).ready_with(trusting(authority))
    grant(server, authority, "subject")
    short = authority.sign("by-subject", lasting=timedelta(seconds=4))
    client = Client(server, trusting(authority, short))
    assert client.ask("GET", LIST)[0] == 200
    time.sleep(max(0.0, short[2].not_valid_after_utc.timestamp() - time.time()) + 0.1)
    assert client.ask("GET", LIST)[0] == 401
    client.close()


def test_required_shuts_out_whoever_has_none(launch, authority, clients, variables):
    server = launch(ZOTPLUS_HTTP__TLS__CLIENT_CERTIFICATES="required", **variables)
    server.ready_with(trusting(authority, clients["nobody"]))
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        status(server, trusting(authority), "/health/live")


def test_authorities_are_exchanged_without_a_restart(launch, tmp_path, authority, clients, variables):
    server = launch(ZOTPLUS_WORKERS="1", **variables).ready_with(trusting(authority))
    grant(server, authority, "subject")
    opened = Client(server, trusting(authority, clients["subject"]))
    assert opened.ask("GET", LIST)[0] == 200
    later = tmp_path / "later"
    later.mkdir()
    successor = Authority(later, "successor")
    client = successor.sign("by-subject")
    context = trusting(authority, client)
    pem = authority.file.read_bytes()
    authority.file.write_bytes(successor.file.read_bytes())
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: [event for event in server.events if event["event"] == "certificate_loaded"])
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):  # it was ended, not left without a name
        opened.ask("GET", LIST)
    opened.close()
    assert status(server, context) == 200
    old = ssl.create_default_context(cadata=pem.decode())
    old.load_cert_chain(clients["subject"][0], clients["subject"][1])
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        status(server, old)


def test_a_file_of_authorities_that_cannot_be_read_ends_the_start(launch, authority, variables):
    authority.file.write_text("junk")
    server = launch(**variables)
    assert server.process.wait(PATIENCE) != 0
    assert "http.tls" in server.log_path.read_text()


def test_operators_without_an_authority_are_refused_at_the_start(launch, variables):
    del variables["ZOTPLUS_HTTP__TLS__CLIENT_CA_FILE"]
    server = launch(**variables)
    assert server.process.wait(PATIENCE) != 0
    assert "client_ca_file" in server.log_path.read_text()


def test_curl_comes_in_by_its_certificate(launch, authority, clients, variables):
    curl = peers.find("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    server = launch(**variables).ready_with(trusting(authority))
    grant(server, authority, "dns")
    command = [curl, "-sS", "-w", "%{http_code}", "--cacert", authority.file]
    url = server.urls["main"] + LIST
    mine = ["--cert", clients["dns"][0], "--key", clients["dns"][1]]
    done = subprocess.run(
        [*command, *mine, "-o", os.devnull, url, "-o", os.devnull, url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "200200"
    older = subprocess.run(
        [*command, "--tls-max", "1.2", *mine, "-o", os.devnull, url], capture_output=True, check=True
    )
    assert older.stdout == b"200"
    assert subprocess.run([*command, "-o", os.devnull, url], capture_output=True, text=True, check=True).stdout == "401"
