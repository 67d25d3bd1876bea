"""People and groups of a real LDAP directory come in by Keycloak, with the realm file that is there to be changed."""

import asyncio
import json
import time
from urllib.parse import urlencode

import pytest

from tests.peers.directory_server import PASSWORD, READER, READER_PASSWORD, directory_server
from tests.peers.keycloak import REALM_FILE
from tests.peers.programs import call
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier

pytestmark = pytest.mark.timeout(600)

LDAP_REALM_FILE = REALM_FILE.with_name("keycloak-ldap-realm.json")
KEPT_SECONDS = 1
"""How long Keycloak keeps what it read of a person, here."""
PROVIDER = "org.keycloak.storage.UserStorageProvider"


def realm_file(**values) -> dict:
    """The realm as Keycloak reads it at a start, with these environment variables."""
    text = LDAP_REALM_FILE.read_text()
    for name, value in values.items():
        assert f"${{{name}}}" in text
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    return json.loads(text)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    with directory_server(tmp_path_factory.mktemp("directory")) as made:
        yield made


@pytest.fixture(scope="module")
def realm(keycloak, directory):
    """The realm of the file under another name. The direct grant, which the file leaves off, is how tests log in."""
    document = realm_file(LDAP_URL=directory.url, LDAP_BIND_DN=READER, LDAP_PASSWORD=READER_PASSWORD)
    name = f"people{time.time_ns()}"
    document |= {"realm": name, "bruteForceProtected": False}
    document["clients"][0]["directAccessGrantsEnabled"] = True
    document["components"][PROVIDER][0]["config"]["maxLifespan"] = [str(1000 * KEPT_SECONDS)]
    keycloak.admin("POST", "", document, realm="")
    yield f"{keycloak.url}/realms/{name}"
    keycloak.admin("DELETE", "", realm=name)


@pytest.fixture
async def verifier(realm):
    made = OidcVerifier([IssuerSettings(name="keycloak", url=realm, audiences=("zotplus",))])
    yield made
    await made.close()


def log_in(realm, user, password=PASSWORD):
    fields = {"client_id": "zotplus", "grant_type": "password", "username": user, "password": password}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{realm}/protocol/openid-connect/token"
    status, _, answer = call("POST", url, headers=headers, body=urlencode(fields).encode())
    return status, json.loads(answer)


async def test_a_person_of_the_directory_logs_in_with_their_groups(realm, verifier):
    status, told = log_in(realm, "frank")
    assert status == 200, told
    who = (await verifier.verify(told["access_token"])).identity
    assert (who.user_name, sorted(who.groups)) == ("frank", ["readers", "team-a"])


def test_a_wrong_password_is_the_directorys_to_refuse(realm):
    status, told = log_in(realm, "frank", "another")
    assert (status, told["error"]) == (400, "invalid_grant")  # RFC 6749, 5.2


async def test_leaving_a_group_of_the_directory_is_felt_with_the_next_token(realm, verifier, directory):
    _, told = log_in(realm, "erin")
    assert (await verifier.verify(told["access_token"])).identity.groups == ("readers",)
    directory.leave("erin", "readers")
    await asyncio.sleep(KEPT_SECONDS + 0.1)  # what Keycloak's cache may keep is what is tested
    _, told = log_in(realm, "erin")
    assert (await verifier.verify(told["access_token"])).identity.groups == ()


def test_keycloak_has_the_provider_and_its_mapper_for_groups(keycloak, realm):
    name = realm.rpartition("/")[2]
    (provider,) = keycloak.admin("GET", f"/components?type={PROVIDER}", realm=name)
    assert (provider["providerId"], provider["config"]["editMode"]) == ("ldap", ["READ_ONLY"])
    mappers = keycloak.admin("GET", f"/components?parent={provider['id']}", realm=name)
    (groups,) = [mapper for mapper in mappers if mapper["providerId"] == "group-ldap-mapper"]
    assert groups["config"]["groups.dn"] == ["ou=groups,dc=example,dc=org"]


def test_the_client_is_that_of_the_other_realm_without_the_direct_grant():
    ours, others = (json.loads(path.read_text())["clients"] for path in (LDAP_REALM_FILE, REALM_FILE))
    (theirs,) = [client for client in others if client["clientId"] == "zotplus"]
    assert ours == [theirs | {"directAccessGrantsEnabled": False, "description": ours[0]["description"]}]


def test_the_file_holds_no_password():
    (provider,) = json.loads(LDAP_REALM_FILE.read_text())["components"][PROVIDER]
    assert provider["config"]["bindCredential"] == ["${LDAP_PASSWORD}"]
