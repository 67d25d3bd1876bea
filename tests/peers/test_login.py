"""A person of a real Keycloak logs in with the command line: by browser and by device, and all that follows from it."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.peers.chromium import approve, chromium, deny, log_in  # noqa: F401 - chromium is a fixture
from tests.peers.home import Client
from tests.peers.keycloak import REALM
from tests.peers.oci.images import as_folder, image
from tests.peers.programs import call, start_gateway, start_registry

pytestmark = pytest.mark.timeout(600)

PROGRAMS = Path(sys.executable).parent
LOGIN_SECONDS = 90
GRANTS = (
    ("group:keycloak:platform", "administrator", "*"),
    ("role:keycloak:publisher", "publisher", "oci:team-a/**"),
    ("role:keycloak:publisher", "publisher", "s3:team-a"),
    ("group:keycloak:readers", "reader", "oci:team-a/**"),
)


@pytest.fixture(scope="module")
def gateway(keycloak, tmp_path_factory):
    """People log in at Keycloak; Bob publishes below team-a, Carol reads there."""
    folder = tmp_path_factory.mktemp("login")
    registry = start_registry(folder)
    login = {"client_id": REALM, "scopes": ["openid"]}
    issuer = {"name": "keycloak", "url": keycloak.issuer, "audiences": ["zotplus"], "login": login}
    made = start_gateway(folder, registry.url, ZOTPLUS_IDENTITY__ISSUERS=json.dumps([issuer]))
    for grantee, role, pattern in GRANTS:
        made.grant(grantee, role, pattern)
    call("PUT", f"{made.url}/s3/team-a", headers={"Authorization": f"Bearer {keycloak.token('alice')}"})
    yield made
    made.running.stop()
    registry.stop()


class Person(Client):
    """Somebody with a home, and ``zotplus`` on the path."""

    def __init__(self, folder, gateway):
        super().__init__(folder, gateway)
        self.environment["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"
        self.opened = folder / "opened"
        opener = folder / "opener"
        opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {self.opened}.new && mv {self.opened}.new {self.opened}\n')
        opener.chmod(0o755)
        self.opener = str(opener)

    def begin(self, *words, **environment):
        """``zotplus login``, which waits for somebody."""
        return subprocess.Popen(
            # a test run in the background has Ctrl-C switched off, and its children would inherit that
            ["env", "--default-signal=INT", PROGRAMS / "zotplus", "login", self.gateway.url, *words],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def zotplus(self, *words, fails=None, stdin=None):
        done = subprocess.run(
            [PROGRAMS / "zotplus", *map(str, words)],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (fails or 0), done.stderr
        return done.stdout if fails is None else done.stderr

    @property
    def tokens(self):
        return json.loads(self.tokens_path.read_text())

    @property
    def tokens_path(self):
        return self.folder / "config" / "zotplus" / "tokens" / "default.json"

    def age(self, **changes):
        """Make the login older than it is."""
        self.tokens_path.write_text(json.dumps(self.tokens | changes))


def address_in(line):
    return next(word for word in line.split() if word.startswith("http"))


def ended(process):
    printed, said = process.communicate(timeout=LOGIN_SECONDS)
    return process.returncode, printed, said


@pytest.fixture
def person(tmp_path, gateway):
    return Person(tmp_path / "home", gateway)


@pytest.fixture
def as_user(person, chromium):  # noqa: F811 - the fixture
    """Logs the person in as somebody, with a browser."""

    def login(user):
        process = person.begin("--oidc", "--no-browser")
        shown = chromium.visit(log_in, address_in(process.stderr.readline()), user)
        code, printed, said = ended(process)
        assert code == 0, said
        return printed, shown

    return login


def test_a_person_logs_in_with_the_browser_that_opens(person, chromium):  # noqa: F811
    process = person.begin("--oidc", BROWSER=f"{person.opener} %s")
    until = time.monotonic() + LOGIN_SECONDS
    while not person.opened.exists():
        assert time.monotonic() < until
        time.sleep(0.05)  # polls for the file, hides no race
    shown = chromium.visit(log_in, person.opened.read_text(), "bob")
    code, printed, said = ended(process)
    assert code == 0, said
    assert "You may close this page" in shown
    assert "as bob; stored in" in printed
    assert stat.S_IMODE(person.tokens_path.stat().st_mode) == 0o600
    assert person.tokens["access_token"] not in printed + said


def test_a_person_logs_in_with_another_device(person, chromium):  # noqa: F811
    process = person.begin("--device")
    entered, complete = process.stderr.readline(), process.stderr.readline()
    assert "enter the code" in entered
    shown = chromium.visit(approve, address_in(complete), "carol")
    code, printed, said = ended(process)
    assert code == 0, said
    assert "as carol; stored in" in printed
    assert "success" in shown.lower()


def test_a_device_that_is_kept_out_is_told_so(person, chromium):  # noqa: F811
    process = person.begin("--device")
    process.stderr.readline()
    chromium.visit(deny, address_in(process.stderr.readline()), "carol")
    code, _, said = ended(process)
    assert (code, "access_denied" in said) == (3, True)
    assert not person.tokens_path.exists()


def test_a_wait_is_ended_by_control_c_and_leaves_nothing(person):
    process = person.begin("--oidc", "--no-browser")
    process.stderr.readline()
    process.send_signal(2)
    code, _, said = ended(process)
    assert code == 130
    assert "Traceback" not in said
    assert not person.tokens_path.exists()


def test_commands_go_on_as_that_person(person, as_user):
    as_user("bob")
    assert "Access denied" in person.zotplus("keys", "list", fails=4)
    (person.folder / "file").write_bytes(os.urandom(100_000))
    person.zotplus("upload", person.folder / "file", "team-a/from-the-cli")
    person.zotplus("download", "team-a/from-the-cli", person.folder / "back")
    assert (person.folder / "back").read_bytes() == (person.folder / "file").read_bytes()
    person.zotplus("buckets", "create", "not-mine", fails=4)
    link = person.zotplus("presign", "team-a/from-the-cli").strip()
    assert call("GET", link)[0] == 200
    assert person.tokens["keys"]["access_key"]


def test_an_administrator_by_group_administers(person, as_user):
    as_user("alice")
    assert "group:keycloak:platform" in person.zotplus("grants", "list")


def test_a_token_is_renewed_behind_the_commands_and_keycloak_rotates_it(person, as_user):
    as_user("carol")
    first = person.tokens
    person.age(expires=0)
    token = person.zotplus("token").strip()
    assert token != first["access_token"]
    assert person.tokens["refresh_token"] != first["refresh_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert json.loads(call("GET", f"{person.gateway.url}/api/v1/whoami", headers=headers)[2])["name"] == "carol"


def test_a_session_that_ended_in_keycloak_asks_for_a_new_login(person, as_user, keycloak):
    as_user("carol")
    found = keycloak.admin("GET", "/users?username=carol&exact=true")
    keycloak.admin("POST", f"/users/{found[0]['id']}/logout")
    person.age(expires=0)
    said = person.zotplus("token", fails=3)
    assert "Log in again" in said


def test_logging_out_revokes_the_refresh_token(person, as_user):
    as_user("carol")
    kept = person.tokens_path.read_text()
    assert json.loads(person.zotplus("logout", "--json"))["revoked"] is True
    assert not person.tokens_path.exists()
    as_user("carol")
    person.tokens_path.write_text(kept)
    person.age(expires=0)
    person.zotplus("token", fails=3)


@pytest.fixture
def layout(person):
    """An image as podman's tools read it from a folder."""
    return as_folder(image(f"login {time.monotonic_ns()}"), person.folder / "plain")


def helped(person):
    """podman's tools ask the helper, as docker's configuration file says."""
    document = json.dumps({"credHelpers": {person.gateway.host: "zotplus"}})
    (person.folder / "auth.json").write_text(document)
    (person.folder / "docker" / "config.json").write_text(document)


def copy(person, source, to, *, fails=False):
    flags = ("--insecure-policy", "copy", "--dest-tls-verify=false", "--retry-times", "0")
    return person.run("skopeo", *flags, f"dir:{source}", f"docker://{to}", fails=fails)


def test_podmans_tools_push_and_pull_through_the_helper(person, as_user, layout):
    helped(person)
    name = f"{person.gateway.host}/team-a/helped:v1"
    assert "unauthorized" in copy(person, layout, name, fails=True).lower()
    as_user("bob")
    copy(person, layout, name)
    person.age(expires=0)
    person.run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}")
    person.run("podman", "search", "--tls-verify=false", "--list-tags", f"{person.gateway.host}/team-a/helped")
    as_user("carol")
    person.run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}")
    assert "denied" in copy(person, layout, f"{name}2", fails=True).lower()


def test_dockers_way_of_asking_is_served(person, as_user):
    """crane asks as docker does: it reads docker's configuration file, and runs the helper that it names."""
    helped(person)
    as_user("bob")
    catalogue = person.run("crane", "catalog", "--insecure", person.gateway.host)
    assert "team-b" not in catalogue
    asked = subprocess.run(
        [PROGRAMS / "docker-credential-zotplus", "get"],
        env=person.environment,
        input=person.gateway.host,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(asked.stdout)["Secret"] == person.tokens["access_token"]


def test_helm_pushes_and_pulls_through_the_helper(person, as_user):
    helped(person)
    person.environment["HELM_REGISTRY_CONFIG"] = str(person.folder / "docker" / "config.json")
    as_user("bob")
    person.run("helm", "create", "chart")
    person.run("helm", "package", "chart")
    charts = f"oci://{person.gateway.host}/team-a/charts"
    person.run("helm", "push", "chart-0.1.0.tgz", charts, "--plain-http")
    (person.folder / "chart-0.1.0.tgz").rename(person.folder / "mine.tgz")
    as_user("carol")
    person.run("helm", "pull", f"{charts}/chart", "--version", "0.1.0", "--plain-http", "-d", person.folder)
    refused = person.run("helm", "push", "chart-0.1.0.tgz", charts, "--plain-http", fails=True)
    assert "denied" in refused.lower()


def test_aws_works_without_any_secret_in_its_configuration(person, as_user):
    as_user("bob")
    config = person.folder / "aws"
    config.write_text(
        f"[default]\ncredential_process = {PROGRAMS}/zotplus credential-process\n"
        f"endpoint_url = {person.gateway.url}/s3\nregion = us-east-1\n"
    )
    person.environment |= {"AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "true"}
    (person.folder / "file").write_text("by aws")
    person.run("aws", "s3", "cp", "file", "s3://team-a/by-aws")
    assert person.run("aws", "s3", "cp", "s3://team-a/by-aws", "-") == "by aws"
    assert "AccessDenied" in person.run("aws", "s3", "mb", "s3://not-mine", fails=True)


def test_a_registrys_token_opens_what_it_was_asked_for(person, as_user):
    as_user("carol")
    scope = "repository:team-a/helped:pull,push"
    token = person.zotplus("token", "--registry", "--scope", scope).strip()
    headers = {"Authorization": f"Bearer {token}"}
    assert call("GET", f"{person.gateway.url}/v2/", headers=headers)[0] == 200
    assert call("POST", f"{person.gateway.url}/v2/team-a/helped/blobs/uploads/", headers=headers)[0] in {401, 403}
