"""What docker, podman and aws are answered, what ``token`` prints, and what ``logout`` leaves."""

import base64
import json

import msgspec
import pytest

from zotplus.cli.remote.profiles import Profile, profiles_path, read_profiles, tokens_path, write_profile
from zotplus.cli.signin.docker_credentials import NOT_FOUND

KEY = Profile(endpoint="https://keys.example", access_key="ZPKEY", secret_key="key-secret")


def helper(person, operation, given="", **environment):
    result = person.run("credential-helper", operation, stdin=given, **environment)
    return result.exit_code, result.stdout


def host(person):
    return person.server.url.removeprefix("http://")


@pytest.mark.parametrize("form", ["{}", "{}\n", "http://{}", "http://{}/", "http://{}/v2/", "{}/team/app"])
def test_docker_gets_a_fresh_token_for_the_host_of_a_login(person, form):
    person.logged_in()
    person.tokens = msgspec.structs.replace(person.tokens, expires=0)
    given = form.format(host(person))
    code, printed = helper(person, "get", given)
    answer = json.loads(printed)
    assert code == 0
    assert answer.pop("Secret") == person.tokens.access_token
    assert person.tokens.access_token in person.issuer.live
    assert answer == {"ServerURL": given.strip(), "Username": "oidc"}


def test_docker_gets_a_keys_secret(person):
    write_profile(person.profiles, "k", KEY)
    for name in ("keys.example", "https://keys.example", "KEYS.example:443"):
        code, printed = helper(person, "get", name)
        assert (code, json.loads(printed)["Username"], json.loads(printed)["Secret"]) == (0, "ZPKEY", "key-secret")


@pytest.mark.parametrize(
    "given",
    [
        "other.example",
        "keys.example.evil.example",
        "keys.example:444",
        "http://keys.example",
        "HTTP://keys.example",
        "keys.example:80",
        "https://keys.example:80/v2/",
        "",
        "  ",
        "::::",
        "\0",
        "a b",
    ],
)
def test_an_unknown_host_is_refused_in_the_words_that_clients_know(person, given):
    write_profile(person.profiles, "k", KEY)
    assert helper(person, "get", given) == (1, f"{NOT_FOUND}\n")
    assert NOT_FOUND == "credentials not found in native keychain"


def test_a_profile_with_a_broken_address_serves_nobody(person):
    write_profile(person.profiles, "k", msgspec.structs.replace(KEY, endpoint="https://[broken"))
    assert helper(person, "get", "") == (1, f"{NOT_FOUND}\n")
    assert helper(person, "list") == (0, "{}\n")


def test_nobody_is_known_where_nobody_logged_in(person):
    assert helper(person, "get", "keys.example") == (1, f"{NOT_FOUND}\n")
    assert helper(person, "list") == (0, "{}\n")


def test_of_several_logins_for_a_host_the_chosen_one_serves_then_the_default(person):
    for name in ("b", "a", "default"):
        write_profile(person.profiles, name, msgspec.structs.replace(KEY, access_key=name))
    write_profile(person.profiles, "anonymous", Profile(endpoint="https://nobody.example"))

    def user(**environment):
        return json.loads(helper(person, "get", "keys.example", **environment)[1])["Username"]

    assert user() == "default"
    assert user(ZOTPLUS_PROFILE="b") == "b"
    assert user(ZOTPLUS_PROFILE="missing") == "default"
    assert user(ZOTPLUS_ACCESS_KEY="X", ZOTPLUS_SECRET_KEY="Y", ZOTPLUS_ENDPOINT="http://evil.example") == "default"
    assert json.loads(helper(person, "list")[1]) == {"keys.example": "default"}


def test_a_login_that_has_ended_is_told_to_the_client(person):
    person.logged_in()
    person.tokens = msgspec.structs.replace(person.tokens, expires=0)
    person.issuer.refuses_refresh = True
    code, printed = helper(person, "get", host(person))
    assert code == 1
    assert "The login has ended." in printed
    assert NOT_FOUND not in printed


def test_what_get_gave_may_be_stored_and_nothing_else(person):
    person.logged_in()
    mine = {"ServerURL": person.server.url, "Username": "oidc", "Secret": "x"}
    assert helper(person, "store", json.dumps(mine)) == (0, "")
    for document in ({**mine, "Username": "bob"}, {**mine, "ServerURL": "other.example"}, {}, [], 3):
        code, printed = helper(person, "store", json.dumps(document))
        assert (code, printed.startswith("zotplus: ")) == (1, True)
    assert helper(person, "store", "{")[0] == 1


def test_erasing_leaves_the_login(person):
    person.logged_in()
    assert helper(person, "erase", host(person)) == (0, "")
    assert person.path.exists()


def test_an_unknown_operation_is_a_usage_error(person):
    assert helper(person, "version")[0] == 2


def test_profiles_that_cannot_be_read_are_told_on_standard_output_too(person):
    write_profile(person.profiles, "k", KEY)
    person.profiles.chmod(0o644)
    code, printed = helper(person, "get", "keys.example")
    assert (code, "not safe to use" in printed) == (1, True)


def test_aws_gets_keys_of_the_session(person):
    person.logged_in()
    shown = person.json("credential-process")
    assert shown.pop("Expiration").endswith("Z")
    assert shown == {"Version": 1, "AccessKeyId": "ZS1", "SecretAccessKey": "secret", "SessionToken": "session"}
    assert person.json("credential-process")["AccessKeyId"] == "ZS1"


def test_aws_gets_a_key_as_it_is_and_nobody_nothing(person):
    assert person.run("credential-process").exit_code == 3
    write_profile(person.profiles, "k", KEY)
    shown = person.json("credential-process", "--profile", "k")
    assert shown == {"Version": 1, "AccessKeyId": "ZPKEY", "SecretAccessKey": "key-secret"}


def test_a_key_has_no_token_of_an_issuer(person):
    write_profile(person.profiles, "k", KEY)
    result = person.run("token", "--profile", "k")
    assert (result.exit_code, "--registry" in result.stderr) == (3, True)
    assert person.run("token", "--scope", "x").exit_code == 2


@pytest.mark.parametrize("kind", ["login", "key", "nobody"])
def test_a_registrys_token_is_had_with_any_credential(person, kind):
    proof = ""
    if kind == "login":
        proof = f"oidc:{person.logged_in().access_token}"
    if kind == "key":
        write_profile(person.profiles, "default", msgspec.structs.replace(KEY, endpoint=person.server.url))
        proof = "ZPKEY:key-secret"
    scopes = ("--scope", "repository:team/app:pull,push", "--scope", "registry:catalog:*")
    printed = person.run("token", "--registry", *scopes, "--endpoint", person.server.url).stdout
    assert printed == "of-the-registry\n"
    _, query, header = person.server.seen[0]
    assert query == [
        ("service", host(person)),
        ("scope", "repository:team/app:pull,push"),
        ("scope", "registry:catalog:*"),
    ]
    assert header == (f"Basic {base64.b64encode(proof.encode()).decode()}" if proof else "")


def test_logging_out_revokes_and_removes(person):
    old = person.logged_in()
    write_profile(person.profiles, "k", KEY)
    shown = person.json("logout", "--json")
    assert shown == {"profile": "default", "endpoint": person.server.url, "revoked": True}
    form = {"token": old.refresh_token, "token_type_hint": "refresh_token", "client_id": "zotplus-cli"}
    assert person.issuer.sent("/revoke") == [form]
    assert not person.path.exists()
    assert read_profiles(person.profiles).profiles == {"k": KEY}
    assert person.run("logout").exit_code == 3


def test_logging_out_of_a_key_only_removes_it(person):
    write_profile(person.profiles, "k", KEY)
    assert person.run("logout", "--profile", "k").stdout == "Logged out of https://keys.example.\n"
    assert read_profiles(person.profiles).profiles == {}


@pytest.mark.parametrize("trouble", ["down", "refuses", "cannot", "lost"])
def test_logging_out_removes_whatever_the_issuer_says(person, trouble):
    found = person.logged_in()
    if trouble == "down":
        person.in_loop(person.issuer.down())
    if trouble == "refuses":
        person.issuer.answers["/realms/test/revoke"] = b""
        person.tokens = msgspec.structs.replace(found, revocation_endpoint=f"{person.issuer.origin}/nowhere")
    if trouble == "cannot":
        person.tokens = msgspec.structs.replace(found, revocation_endpoint="", refresh_token="")
    if trouble == "lost":
        person.path.unlink()
    result = person.run("logout", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["revoked"] is False
    assert "note" in json.loads(result.stderr)
    assert not person.path.exists()
    assert read_profiles(person.profiles).profiles == {}


@pytest.mark.parametrize("name", ["../../evil", "a/b", "..", ".", "ü", "a b"])
def test_no_name_of_a_profile_leaves_the_folder(person, name):
    profiles = profiles_path(person.environment)
    assert tokens_path(profiles, name).parent == profiles.parent / "tokens"
    assert person.login("--profile", name).exit_code == 0
    assert [path.suffix for path in sorted((profiles.parent / "tokens").iterdir())] == [".json", ".lock"]
    assert person.run("token", "--profile", name).exit_code == 0
