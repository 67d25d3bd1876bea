"""The guide to Keycloak is true: its commands run as written, its settings start a gateway, its table is whole."""

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
import yaml

from tests.peers.keycloak import ADMIN_PASSWORD, PASSWORD
from tests.peers.programs import call, need, start_gateway, start_registry
from tests.peers.test_documents import ROOT, environment, shell_script
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.ports.identity import TokenFault

pytestmark = pytest.mark.timeout(900)

PAGE = "docs/keycloak.md"
KEYCLOAK = "http://127.0.0.1:8081"
TEXT = (ROOT / PAGE).read_text()


def the_block(kind: str, beginning: str) -> str:
    """The one block of the page that begins so."""
    (found,) = re.findall(rf"^```{kind}\n({re.escape(beginning)}.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return found


ASKED_IN_A_ROW = 30
"""Enough that both workers are among those who answered."""


@pytest.fixture(scope="module")
def made(keycloak, tmp_path_factory):
    """A gateway with the page's configuration file, in a folder where the page's commands run."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("home", "gateway", "registry")}
    config = folders["home"] / "zotplus.yaml"
    config.write_text(the_block("yaml", "identity:").replace(KEYCLOAK, keycloak.url))
    registry = start_registry(folders["registry"])
    gateway = start_gateway(folders["gateway"], registry.url, ZOTPLUS_CONFIG=str(config))
    wait_for_issuer(gateway)
    yield gateway, folders["home"]
    gateway.running.stop()
    registry.stop()


def wait_for_issuer(gateway):
    """Until every worker has the issuer's keys, which they fetch behind their start; new connections go to any."""
    until, in_a_row = time.monotonic() + 60, 0
    while in_a_row < ASKED_IN_A_ROW:
        told = call("GET", f"{gateway.url}/health/ready")[2]
        in_a_row = in_a_row + 1 if b'"issuer keycloak":{"status":"ok"}' in told else 0
        assert time.monotonic() < until, told
        time.sleep(0.05)  # polls for readiness, hides no race


async def test_every_command_works_and_the_realm_that_they_make_gives_tokens_that_are_taken(keycloak, made):
    """Somebody follows the whole guide, as alice, with a browser that fills in the form."""
    realm = f"example{time.time_ns()}"
    done = follow(keycloak, *made, realm)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    who = await dora(keycloak, realm)
    assert (who.user_name, who.groups) == ("dora", ("readers",))
    assert "publisher" in who.roles


def follow(keycloak, gateway, home, realm):
    """Run the page's commands."""
    for program in ("podman", "helm", "aws"):
        need(program)
    script = shell_script(PAGE)
    for written, here in (
        ("127.0.0.1:8080", gateway.host),
        (KEYCLOAK, keycloak.url),
        ("choose-a-long-one", PASSWORD),
        ("another-long-one", ADMIN_PASSWORD),
        ("realm=example ", f"realm={realm} "),
        ("-r example ", f"-r {realm} "),
    ):
        assert written in script
        script = script.replace(written, here)
    (home / ".venv").symlink_to(ROOT / ".venv")
    java, programs = keycloak_programs()
    browser = shlex.join([sys.executable, "-m", "tests.peers.form_browser", "alice", PASSWORD]) + " %s"
    around = environment(home)
    around |= {"PATH": f"{programs}:{around['PATH']}", "JAVA_HOME": java, "BROWSER": browser, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-xc", script], cwd=home, env=around, capture_output=True, text=True, timeout=600, check=False
    )


async def dora(keycloak, realm):
    """The person of the guide's own realm, by a token.

    The guide leaves passwords to the console and the direct grant off; both are set here to get one.
    """
    (client,) = keycloak.admin("GET", "/clients?clientId=zotplus", realm=realm)
    keycloak.admin("PUT", f"/clients/{client['id']}", client | {"directAccessGrantsEnabled": True}, realm=realm)
    (user,) = keycloak.admin("GET", "/users?username=dora", realm=realm)
    secret = {"type": "password", "value": PASSWORD, "temporary": False}
    keycloak.admin("PUT", f"/users/{user['id']}/reset-password", secret, realm=realm)
    issuer = f"{keycloak.url}/realms/{realm}"
    verifier = OidcVerifier([IssuerSettings(name="keycloak", url=issuer, audiences=("zotplus",))])
    verified = await verifier.verify(granted(issuer, "zotplus", "dora"))
    await verifier.close()
    return verified.identity


def granted(issuer, client, user):
    """An access token by the direct grant."""
    fields = {"client_id": client, "grant_type": "password", "username": user, "password": PASSWORD}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{issuer}/protocol/openid-connect/token"
    status, _, answer = call("POST", url, headers=headers, body=urlencode(fields).encode())
    assert status == 200, answer
    return json.loads(answer)["access_token"]


def keycloak_programs() -> tuple[str, str]:
    """Where Java is, and the folder with Keycloak's own commands."""
    entry = Path(need("keycloak")).read_text()
    java = re.search(r"JAVA_HOME='([^']+)'", entry)
    start = re.search(r"exec '([^']+)'", entry)
    assert java
    assert start
    return java[1], str(Path(start[1]).parent)


def test_the_settings_are_the_same_in_the_file_and_in_the_environment():
    in_file = yaml.safe_load(the_block("yaml", "identity:"))["identity"]["issuers"]
    name, _, value = the_block("text", "ZOTPLUS_IDENTITY__ISSUERS=").strip().partition("=")
    assert name == "ZOTPLUS_IDENTITY__ISSUERS"
    in_environment = json.loads(shlex.split(value)[0])
    as_issuers = [msgspec.convert(found, list[IssuerSettings]) for found in (in_file, in_environment)]
    assert as_issuers[0] == as_issuers[1]


def test_every_reason_for_a_refusal_is_in_the_table():
    rows = re.findall(r"^\| `([a-z_]+)` \|", TEXT.partition("## When a token is refused")[2], re.MULTILINE)
    assert sorted(rows) == sorted(fault.value for fault in TokenFault)


@pytest.fixture
def plain_client(keycloak):
    """A client as the console makes it, without any mapper."""
    name = f"plain{time.monotonic_ns()}"
    keycloak.admin(
        "POST", "/clients", {"clientId": name, "publicClient": True, "directAccessGrantsEnabled": True, "enabled": True}
    )
    (made,) = keycloak.admin("GET", f"/clients?clientId={name}")
    yield name
    keycloak.admin("DELETE", f"/clients/{made['id']}")


def test_a_token_without_our_audience_is_refused_with_the_reason_in_the_log(keycloak, made, plain_client):
    """What the guide shows is what a client without the audience mapper leads to."""
    gateway, _ = made
    token = granted(keycloak.issuer, plain_client, "alice")
    status, _, told = call("GET", f"{gateway.url}/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})
    assert (status, json.loads(told)["code"]) == (401, "token_invalid")
    shown = json.loads(the_block("text", '{"event": "token_refused"'))
    line = logged(gateway, '"event":"token_refused"')
    assert {name: line[name] for name in shown} == shown


def logged(gateway, what):
    """The log's first line with ``what`` in it. Lines are written in batches, so that it may take a moment."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for line in gateway.running.log.read_text().splitlines():
            if what in line:
                return json.loads(line)
        time.sleep(0.05)
    raise AssertionError(gateway.running.log.read_text()[-2000:])
