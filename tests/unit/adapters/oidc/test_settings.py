"""Settings of issuers: what is accepted, and how mistakes in a list are told."""

import json
from pathlib import Path

import msgspec
import pytest
import yaml

from zotplus.adapters.oidc.settings import ALGORITHMS, IdentitySettings, IssuerSettings
from zotplus.domain import errors
from zotplus.domain.claims import ClaimsMapping
from zotplus.domain.errors import Problem
from zotplus.settings import load
from zotplus.settings.documentation import elements
from zotplus.settings.printing import reference, schema, show

URL = "https://login.example.org/realms/zotplus"
FILE = f"""
identity:
  issuers:
    - name: keycloak
      url: {URL}
      audiences: [zotplus]
    - name: cluster
      url: https://kubernetes.default.svc
      audiences: [zotplus, registry]
      jwks_file: keys.json
      leeway: 5
      claims: {{groups: ['kubernetes\\.io.namespace'], roles: []}}
"""


def issuer(**changes) -> IssuerSettings:
    return msgspec.convert({"name": "a", "url": URL, "audiences": ["zotplus"]} | changes, IssuerSettings)


def refusal(path, environ=None) -> str:
    with pytest.raises(Problem) as caught:
        load(path, environ or {})
    assert caught.value.fault is errors.SETTING_INVALID
    return caught.value.detail


def test_nobody_vouches_for_anybody_by_default():
    assert load(None, {}).identity == IdentitySettings(issuers=())


def test_issuers_come_from_a_file(config):
    keycloak, cluster = load(config(FILE), {}).identity.issuers
    assert (keycloak.name, keycloak.url, keycloak.audiences) == ("keycloak", URL, ("zotplus",))
    assert (keycloak.leeway, keycloak.algorithms, keycloak.claims) == (30.0, ALGORITHMS, ClaimsMapping())
    assert (cluster.jwks_file, cluster.leeway, cluster.claims.groups) == (
        "keys.json",
        5.0,
        (r"kubernetes\.io.namespace",),
    )


def test_issuers_come_from_the_environment_as_json():
    text = json.dumps([{"name": "a", "url": URL, "audiences": ["zotplus"]}])
    (one,) = load(None, {"ZOTPLUS_IDENTITY__ISSUERS": text}).identity.issuers
    assert one == issuer()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("identity: {issuers: [{name: a}]}", "identity.issuers[0]"),
        ("identity: {issuers: [{nam: a}]}", "unknown field"),
        ("identity: {issuers: {name: a}}", "identity.issuers"),
        (FILE.replace("leeway: 5", "leeway: 5000"), "identity.issuers[1].leeway"),
        (FILE.replace("[zotplus]", "[]"), "identity.issuers[0].audiences"),
        (FILE.replace(URL, "http://login.example.org"), "asked by https; see allow_http"),
        (FILE.replace("roles: []", "rolls: []"), "unknown field `rolls` - at `$[1].claims`"),
        (FILE.replace("name: cluster", "name: keycloak"), "every issuer has a name and a url of its own"),
        (FILE.replace("name: cluster", "name: iam"), "no issuer can be called iam"),
    ],
)
def test_a_mistake_in_a_list_is_told_with_its_place(config, text, told):
    detail = refusal(config(text))
    assert told.split(" - at")[0] in detail
    assert "identity" in detail


@pytest.mark.parametrize("text", ["[", "a,b", "[5]", "{}", '[{"name": 5}]', "[" * 5_000])
def test_a_variable_that_is_no_list_of_issuers_is_refused(text):
    assert "ZOTPLUS_IDENTITY__ISSUERS" in refusal(None, {"ZOTPLUS_IDENTITY__ISSUERS": text})


@pytest.mark.parametrize(
    "url",
    [
        *(URL, URL + "/", "https://[::1]:8443/x", "http://localhost:8081/realms/zotplus", "http://127.0.0.1:1/x"),
        *("http://[::1]/x", "https://token.actions.githubusercontent.com"),
    ],
)
def test_an_address_of_an_issuer_is_accepted(url):
    assert issuer(url=url, jwks_url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "login.example.org", "ftp://login.example.org", "https://", "https:///realms", "https://h:99999/x"),
        *("https://user:secret@login.example.org", "https://h/x?y=1", "https://h/x#y", "https://h/x y", "https://h/\n"),
        *("http://login.example.org", "http://10.0.0.1/x", "http://localhost.example.org/x"),
    ],
)
def test_what_is_no_safe_address_is_refused(url):
    for name in ("url", "jwks_url"):
        with pytest.raises(msgspec.ValidationError):
            issuer(**{name: url})


def test_an_issuer_without_tls_is_asked_only_where_the_settings_say_so():
    assert issuer(url="http://keycloak:8080/realms/zotplus", allow_http=True)
    assert issuer(url="http://kubernetes.local", jwks_file="keys.json")  # it is never asked
    with pytest.raises(msgspec.ValidationError, match="not both"):
        issuer(jwks_file="keys.json", jwks_url=URL)


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS1", ""])
def test_an_algorithm_with_a_shared_secret_cannot_be_configured(algorithm):
    with pytest.raises(msgspec.ValidationError):
        issuer(algorithms=[algorithm])


def test_every_setting_of_an_issuer_is_in_the_reference_and_the_schema(config):
    page = reference()
    document = schema()
    for path, struct in elements().items():
        for field in msgspec.structs.fields(struct):
            if (*path, field.name) not in elements():
                assert f"### `{'.'.join(path)}.{field.name}`\n\n" in page
            assert document["$defs"][struct.__name__]["properties"][field.name]["description"]
        assert document["$defs"][struct.__name__]["additionalProperties"] is False
    assert show(load(config(FILE), {}))["identity"]["issuers"][0]["name"] == "keycloak"


def test_the_issuer_of_the_compose_file_is_accepted_and_its_realm_names_no_password():
    folder = Path(__file__).parents[4] / "compose"
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    name = "ZOTPLUS_IDENTITY__ISSUERS"
    (one,) = load(None, {name: compose["services"]["zotplus"]["environment"][name]}).identity.issuers
    realm = json.loads((folder / "keycloak-realm.json").read_text())
    assert one.url.endswith(f"/realms/{realm['realm']}")
    assert one.jwks_url.endswith(f"/realms/{realm['realm']}/protocol/openid-connect/certs")
    people = [credential["value"] for user in realm["users"] for credential in user.get("credentials", [])]
    clients = [client["secret"] for client in realm["clients"] if "secret" in client]
    assert {*people, *clients} == {"${TOUR_PASSWORD}"}


@pytest.mark.parametrize(
    ("changes", "has_people"),
    [
        ({}, True),
        ({"url": "https://token.actions.githubusercontent.com"}, False),
        ({"url": "https://token.actions.githubusercontent.com/acme"}, False),
        ({"url": "https://github.example.org/_services/token"}, False),
        ({"url": "https://gitlab.com"}, False),
        ({"url": "https://GITLAB.com"}, False),
        ({"url": "https://gitlab.example.org"}, True),
        ({"url": "https://gitlab.com", "people": True}, True),
        ({"people": False}, False),
    ],
)
def test_tokens_that_anybody_in_the_world_can_have_make_nobody_a_person(changes, has_people):
    assert issuer(**changes).has_people is has_people
