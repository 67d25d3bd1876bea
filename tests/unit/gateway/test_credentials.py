"""The Authorization header and the Basic scheme, for every face that takes it."""

import base64
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.gateway.credentials import BASIC_MAX_CHARACTERS, authorization, basic, caller


class Callers:
    async def anonymous(self):
        return "anonymous"

    async def by_password(self, user, password, address):
        assert address == "192.0.2.1"
        return user, password

    async def by_token(self, token):
        return "token", token

    async def by_certificate(self, operator):
        return "certificate", operator


class Fields(PlainHeaders):
    def __contains__(self, name):
        return self.get(name) is not None


def sent(*values):
    return Fields([("Authorization", value) for value in values])


def context(*values, certificate="", method="GET", **headers):
    fields = Fields([*[("Authorization", value) for value in values], *headers.items()])
    head = SimpleNamespace(
        headers=fields, certificate=certificate, peer="192.0.2.1", method=method, host="registry.test:8443"
    )
    return SimpleNamespace(head=head, services=SimpleNamespace(callers=Callers()))


def encoded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def refused(call, *arguments):
    with pytest.raises(Problem) as raised:
        call(*arguments)
    return raised.value.fault.code


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Basic eDp5", ("basic", "eDp5")),
        ("BASIC   eDp5 ", ("basic", "eDp5")),
        (" bearer a.b.c", ("bearer", "a.b.c")),
        ("Basic", ("basic", "")),
        ("", ("", "")),
    ],
)
def test_the_scheme_is_read_without_regard_to_case(value, expected):
    assert authorization(sent(value)) == expected


def test_no_header_is_no_scheme():
    assert authorization(sent()) == ("", "")


def test_two_headers_are_refused():
    assert refused(authorization, sent("Basic eDp5", "Basic eDp5")) == "credentials_ambiguous"


def test_the_password_may_hold_colons_and_any_letters():
    assert basic(encoded("ci:a:b:ü")) == ("ci", "a:b:ü")


@pytest.mark.parametrize("text", ["ci:", ":secret", ":"])
def test_an_empty_name_or_password_is_read_and_left_to_the_lookup(text):
    user, _, password = text.partition(":")
    assert basic(encoded(text)) == (user, password)


MALFORMED = [
    "",
    "!",
    encoded("nocolon"),
    encoded(b"\xff\xff\xff\xff"),
    "/w==",
    "eHg=",
    "eDp5 eDp5",
    "eDp",
    "é",
    "A" * (BASIC_MAX_CHARACTERS + 4),
]


@pytest.mark.parametrize("value", MALFORMED)
def test_what_is_not_base64_of_user_and_password_is_refused(value):
    assert refused(basic, value) == "credentials_malformed"


def test_the_longest_credential_is_read():
    text = "u:" + "p" * (BASIC_MAX_CHARACTERS // 4 * 3 - 2)
    assert len(encoded(text)) == BASIC_MAX_CHARACTERS
    assert basic(encoded(text)) == ("u", text[2:])


@given(st.text(max_size=200) | st.binary(max_size=200).map(encoded))
def test_any_text_is_a_credential_or_malformed(value):
    try:
        outcome = len(basic(value))
    except Problem as problem:
        outcome = problem.fault.code
    assert outcome in {2, "credentials_malformed"}


async def test_a_caller_without_a_header_is_anonymous():
    assert await caller(context()) == "anonymous"


async def test_a_client_certificate_counts_where_no_header_says_otherwise():
    assert await caller(context(certificate="backup")) == ("certificate", "backup")
    assert await caller(context("basic " + encoded("ci:secret"), certificate="backup")) == ("ci", "secret")


async def test_a_bearer_token_is_asked_for():
    assert await caller(context("bearer a.b.c")) == ("token", "a.b.c")


async def test_a_caller_is_asked_for_by_password():
    assert await caller(context("basic " + encoded("ci:secret"))) == ("ci", "secret")


@pytest.mark.parametrize("value", ["", "Digest x", *("Basic " + value for value in MALFORMED)])
async def test_a_caller_with_anything_else_is_refused(value):
    with pytest.raises(Problem) as raised:
        await caller(context(value))
    assert raised.value.fault.code == "credentials_malformed"


async def test_a_caller_with_two_credentials_is_refused():
    with pytest.raises(Problem) as raised:
        await caller(context("Basic eDp5", "Basic eDp5"))
    assert raised.value.fault.code == "credentials_ambiguous"


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "", "Origin": "https://registry.test:8443"},
    {"Origin": "https://elsewhere.test"},
    {"Origin": "https://registry.test"},
    {"Origin": "null"},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://other-name-of-it.test"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://registry.test:8443"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(("values", "certificate"), [(("basic " + encoded("ci:secret"),), ""), ((), "backup")])
async def test_a_page_of_another_site_changes_nothing_with_what_a_browser_sends_by_itself(headers, values, certificate):
    with pytest.raises(Problem) as raised:
        await caller(context(*values, certificate=certificate, method="POST", **headers))
    assert raised.value.fault.code == "access_denied"
    assert await caller(context(*values, certificate=certificate, **headers))  # reading: it does not see the answer
    assert await caller(context("bearer a.b.c", method="POST", **headers)) == ("token", "a.b.c")


@pytest.mark.parametrize("headers", OWN)
@pytest.mark.parametrize(("values", "certificate"), [(("basic " + encoded("ci:secret"),), ""), ((), "backup")])
async def test_programs_and_the_gateways_own_pages_change_things(headers, values, certificate):
    assert await caller(context(*values, certificate=certificate, method="POST", **headers))
