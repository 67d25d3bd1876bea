"""Behind which address a caller is: log, limits and conditions on addresses believe it, so nobody may choose theirs."""

import msgspec
import pytest

from tests.faces.gateway import settings_for, start
from tests.faces.test_bad_requests import exchange

ITSELF = "127.0.0.1"
CLIENT = "203.0.113.9"


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory):
    """A gateway that trusts the proxy of this machine, and another one in 10.0.0.0/8 before it."""
    settings = settings_for(tmp_path_factory.mktemp("proxied"))
    http = msgspec.structs.replace(settings.http, trusted_proxies=("127.0.0.0/8", "10.0.0.0/8", "fd00::/8"))
    running = start(tmp_path_factory.mktemp("unused"), settings=msgspec.structs.replace(settings, http=http))
    yield running
    running.stop()


def address_of(gateway, *headers):
    """The address that a request with these headers is taken to come from."""
    lines = "".join(f"{line}\r\n" for line in headers)
    exchange(gateway.port, f"GET /s3/b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n".encode())
    return gateway.finished()[-1].peer


def test_without_trusted_proxies_no_header_changes_the_address(gateway):
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP", "True-Client-IP"):
        assert address_of(gateway, f"{name}: {CLIENT}") == ITSELF


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ((), ITSELF),
        ((f"X-Forwarded-For: {CLIENT}",), CLIENT),
        ((f"X-Forwarded-For: {CLIENT}, 10.1.2.3",), CLIENT),
        ((f"X-Forwarded-For: {CLIENT}", "X-Forwarded-For: 10.1.2.3"), CLIENT),
        (("X-Forwarded-For: 2001:db8::7, fd00::1",), "2001:db8::7"),
        ((f"X-Forwarded-For: {CLIENT}, ::ffff:10.1.2.3",), CLIENT),
        (("X-Forwarded-For: 10.1.2.3",), "10.1.2.3"),
    ],
    ids=["nothing", "one", "two proxies", "two headers", "IPv6", "mapped", "a caller within the proxies' network"],
)
def test_behind_trusted_proxies_the_nearest_other_address_counts(behind_a_proxy, headers, address):
    assert address_of(behind_a_proxy, *headers) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"10.9.9.9, {CLIENT}", CLIENT),
        (f"{CLIENT}, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
    ],
)
def test_what_a_caller_puts_before_its_own_address_does_not_count(behind_a_proxy, forwarded, address):
    assert address_of(behind_a_proxy, f"X-Forwarded-For: {forwarded}") == address


@pytest.mark.parametrize("rubbish", ["unknown", "203.0.113.9:4711", "<script>", "1.2.3", "999.0.0.1"])
def test_what_is_no_address_leaves_the_last_one_that_is(behind_a_proxy, rubbish):
    assert address_of(behind_a_proxy, f"X-Forwarded-For: {rubbish}") == ITSELF
    assert address_of(behind_a_proxy, f"X-Forwarded-For: {rubbish}, {CLIENT}") == CLIENT


def test_other_headers_of_proxies_are_not_believed_either_way(behind_a_proxy):
    for name in ("Forwarded", "X-Real-IP", "Client-IP", "True-Client-IP"):
        assert address_of(behind_a_proxy, f"{name}: {CLIENT}") == ITSELF
