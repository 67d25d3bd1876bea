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


@pytest.fixture(scope="module")
def made(keycloak, tmp_path_factory):
    """A gateway with the page's configuration file, in a folder where the page's commands run."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("home", "gateway", "registry")}
    config = folders["home"] / "zotplus.yaml"
    config.write_text(the_block("yaml", "identity:").replace(KEYCLOAK, keycloak.url))
    registry = start_registry(folders["registry"])
    gateway = start_gateway(folders["gateway"], registry.url, ZOTPLUS_CONFIG=str(config))
    yield gateway, folders["home"]
    gateway.running.stop()
    registry.stop()


@pytest.fixture(scope="module")
def followed(keycloak, made):
    """Somebody has followed the whole guide, as alice, with a browser that fills in the form."""
    gateway, home = made
    for program in ("podman", "helm", "aws"):
        need(program)
    script = shell_script(PAGE)
    for written, here in (
        ("127.0.0.1:8080", gateway.host),
        (KEYCLOAK, keycloak.url),
        ("choose-a-long-one", PASSWORD),
        ("another-long-one", ADMIN_PASSWORD),
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


def keycloak_programs() -> tuple[str, str]:
    """Where Java is, and the folder with Keycloak's own commands."""
    entry = Path(need("keycloak")).read_text()
    java = re.search(r"JAVA_HOME='([^']+)'", entry)
    start = re.search(r"exec '([^']+)'", entry)
    assert java
    assert start
    return java[1], str(Path(start[1]).parent)


def test_every_command_of_the_guide_works(followed):
    assert followed.returncode == 0, followed.stdout[-3000:] + followed.stderr[-3000:]


async def test_a_realm_made_as_the_guide_says_gives_tokens_that_are_taken(followed, keycloak):
    """The guide leaves passwords to the console, and the direct grant off; both are set here to get a token."""
    assert followed.returncode == 0
    realm = {"realm": "example"}
    (client,) = keycloak.admin("GET", "/clients?clientId=zotplus", **realm)
    keycloak.admin("PUT", f"/clients/{client['id']}", client | {"directAccessGrantsEnabled": True}, **realm)
    (dora,) = keycloak.admin("GET", "/users?username=dora", **realm)
    secret = {"type": "password", "value": PASSWORD, "temporary": False}
    keycloak.admin("PUT", f"/users/{dora['id']}/reset-password", secret, **realm)
    issuer = f"{keycloak.url}/realms/example"
    fields = {"client_id": "zotplus", "grant_type": "password", "username": "dora", "password": PASSWORD}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{issuer}/protocol/openid-connect/token"
    _, _, answer = call("POST", url, headers=headers, body=urlencode(fields).encode())
    verifier = OidcVerifier([IssuerSettings(name="keycloak", url=issuer, audiences=("zotplus",))])
    verified = await verifier.verify(json.loads(answer)["access_token"])
    await verifier.close()
    assert (verified.identity.user_name, verified.identity.groups) == ("dora", ("readers",))
    assert "publisher" in verified.identity.roles


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
    fields = {"client_id": plain_client, "grant_type": "password", "username": "alice", "password": PASSWORD}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{keycloak.issuer}/protocol/openid-connect/token"
    _, _, answer = call("POST", url, headers=headers, body=urlencode(fields).encode())
    token = json.loads(answer)["access_token"]
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
