"""Where the client's secrets are, and who gets them."""

import stat

import pytest

from zotplus.cli import faults
from zotplus.cli.remote.profiles import Profile, profiles_path, read_profiles, write_profile
from zotplus.cli.remote.target import DEFAULT_ENDPOINT, Choice, clean_endpoint, resolve
from zotplus.domain import errors
from zotplus.domain.errors import Problem

STORED = Profile(endpoint="https://one.example", access_key="ONE", secret_key="one-secret", region="eu", ca_file="/ca")


@pytest.fixture
def environ(tmp_path):
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture
def path(environ):
    return profiles_path(environ)


def refused(fault):
    return pytest.raises(Problem, check=lambda problem: problem.fault is fault)


def test_what_is_written_is_read(path):
    write_profile(path, "default", STORED)
    write_profile(path, "other", Profile(endpoint="http://two.example"))
    assert read_profiles(path).profiles == {"default": STORED, "other": Profile(endpoint="http://two.example")}


def test_only_the_owner_may_read_it(path):
    write_profile(path, "default", STORED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert [found.name for found in path.parent.iterdir()] == ["client.yaml"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(path, mode):
    write_profile(path, "default", STORED)
    path.chmod(mode)
    with refused(faults.PROFILES_UNSAFE):
        read_profiles(path)


def test_nothing_is_written_through_a_link(path, tmp_path):
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    with refused(faults.PROFILES_UNSAFE):
        write_profile(path, "default", STORED)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "content", [b"a: [", b"\xff", b"profiles: 3", b"[]", b"profiles: {a: {endpoint: x, colour: red}}", b"- " * 30]
)
def test_another_document_is_refused_without_quoting_it(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"#one-secret\n" + content)
    path.chmod(0o600)
    with pytest.raises(Problem) as caught:
        read_profiles(path)
    assert caught.value.fault is faults.PROFILES_MALFORMED
    assert "one-secret" not in caught.value.detail


def test_the_folder_follows_the_xdg_specification(tmp_path):
    assert profiles_path({"XDG_CONFIG_HOME": "/x"}).as_posix() == "/x/zotplus/client.yaml"
    assert profiles_path({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}).as_posix() == "/h/.config/zotplus/client.yaml"
    assert profiles_path({"HOME": "/h"}).as_posix() == "/h/.config/zotplus/client.yaml"


def test_without_anything_it_is_the_local_server_and_nobody(environ):
    target = resolve(Choice(), environ)
    assert (target.endpoint, target.access_key, target.secret_key) == (DEFAULT_ENDPOINT, "", "")


def test_a_login_is_used(environ, path):
    write_profile(path, "default", STORED)
    target = resolve(Choice(), environ)
    assert (target.endpoint, target.access_key, target.secret_key) == ("https://one.example", "ONE", "one-secret")
    assert (target.region, target.ca_file) == ("eu", "/ca")


def test_options_win_over_the_environment_and_that_over_the_login(environ, path):
    write_profile(path, "default", STORED)
    environ |= {
        "ZOTPLUS_ENDPOINT": "http://two.example",
        "ZOTPLUS_ACCESS_KEY": "TWO",
        "ZOTPLUS_SECRET_KEY": "two-secret",
    }
    assert resolve(Choice(), environ).access_key == "TWO"
    assert resolve(Choice(), environ).endpoint == "http://two.example"
    assert resolve(Choice(endpoint="http://three.example"), environ).endpoint == "http://three.example"
    assert resolve(Choice(access_key="THREE"), environ).access_key == "THREE"


@pytest.mark.parametrize(
    "endpoint", ["https://evil.example", "http://one.example", "https://one.example:444", "https://one.example/x"]
)
def test_a_logins_secret_goes_to_no_other_server(environ, path, endpoint):
    write_profile(path, "default", STORED)
    target = resolve(Choice(endpoint=endpoint), environ)
    assert (target.access_key, target.secret_key, target.ca_file) == ("", "", "")


@pytest.mark.parametrize("endpoint", ["https://one.example/", "HTTPS://ONE.example:443", " https://one.example"])
def test_another_spelling_is_the_same_server(environ, path, endpoint):
    write_profile(path, "default", STORED)
    assert resolve(Choice(endpoint=endpoint), environ).secret_key == "one-secret"


def test_half_a_credential_is_none(environ):
    with refused(errors.CREDENTIALS_MISSING):
        resolve(Choice(access_key="TWO"), environ)
    with refused(errors.CREDENTIALS_MISSING):
        resolve(Choice(), {**environ, "ZOTPLUS_SECRET_KEY": "x"})


def test_an_unknown_profile_is_answered_with_the_nearest(environ, path):
    write_profile(path, "staging", STORED)
    with pytest.raises(Problem, match="Did you mean staging"):
        resolve(Choice(profile="stagin"), environ)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8080",
        "ftp://x",
        "http://",
        "http://u:p@x",
        "http://x?a",
        "http://x#a",
        "http://x:99999",
        "http://[::1",
    ],
)
def test_what_is_no_endpoint_is_refused(text):
    with refused(faults.ENDPOINT_INVALID):
        clean_endpoint(text)


def test_secrets_do_not_show_in_representations(environ, path):
    write_profile(path, "default", STORED)
    assert "one-secret" not in repr(STORED)
    assert "one-secret" not in repr(resolve(Choice(), environ))
