"""Whatever an issuer answers is read, or refused in words; nothing else comes of it."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.cli.signin.device_flow import Waiting
from zotplus.cli.signin.docker_credentials import _host
from zotplus.cli.signin.issuer import Granted, require_address, words
from zotplus.domain.errors import Problem

ISSUER = "https://login.example.org/realms/x"
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)
urls = st.text(alphabet="htps:/[]@?#.-%é\x1b a1", max_size=30).map(lambda text: f"https://{text}") | values


def answers(*names):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, values | urls))


@settings(max_examples=200)
@given(answers("access_token", "token_type", "expires_in", "refresh_token", "id_token"))
def test_a_token_answer_is_read_or_refused(answer):
    with contextlib.suppress(Problem):
        found = Granted.read({"access_token": "a", "token_type": "bearer"} | answer)
        assert found.access_token.isascii()
        assert found.access_token.isprintable()


@settings(max_examples=200)
@given(answers("device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"))
def test_a_device_answer_is_read_or_refused(answer):
    whole = {"device_code": "a", "user_code": "b", "verification_uri": ISSUER, "expires_in": 60}
    with contextlib.suppress(Problem):
        found = Waiting.read(whole | answer, ISSUER)
        assert found.address.startswith("https://")
        assert found.complete.startswith("https://") or not found.complete


@settings(max_examples=200)
@given(urls)
def test_an_address_of_an_issuer_is_safe_or_refused(url):
    with contextlib.suppress(Problem):
        found = require_address(url, ISSUER)
        assert found.startswith("https://")
        assert found.isascii()
        assert found.isprintable()


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_name_of_a_registry_is_read(text):
    assert isinstance(_host(text), str)


@settings(max_examples=100)
@given(values)
def test_an_issuers_words_are_one_short_line(text):
    assert len(words(text)) <= 300
    assert "\n" not in words(text)
