"""The guard against forged requests: which addresses an endpoint may have.

CVE-2021-21287 (MinIO), CVE-2026-73080 (SeaweedFS) and RustFS GHSA-m479 were servers that could be made to ask an
address of their own network; the last by a name whose address changed between check and connection.
"""

import ipaddress
import socket

import msgspec
import pytest
from aiohttp.abc import AbstractResolver

from zotplus.adapters.webhooks.addresses import AddressRefusedError, GuardedResolver, is_within, literal
from zotplus.adapters.webhooks.settings import EventSettings, WebhookSettings

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]
PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
NEVER = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "2002:7f00:1::1",
    "2001:0:0:0::1",
    "::7f00:1",
    "::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "fec0::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "::ffff:100.100.100.200",
    "168.63.129.16",
]


@pytest.mark.parametrize(
    ("addresses", "reaches"),
    [
        (PUBLIC, {"public", "private", "local"}),
        (PRIVATE, {"private", "local"}),
        (LOCAL, {"local"}),
        (NEVER, set()),
    ],
    ids=["public", "private", "local", "never"],
)
def test_an_address_is_within_reach_or_not(addresses, reaches):
    for address in addresses:
        found = {reach for reach in ("public", "private", "local") if is_within(ipaddress.ip_address(address), reach)}
        assert found == reaches, address


@pytest.mark.parametrize("text", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1", "::1"])
def test_an_address_is_known_however_it_is_written(text):
    assert literal(text).is_loopback


@pytest.mark.parametrize("text", ["example.org", "localhost", "é", ""])
def test_a_name_is_no_address(text):
    assert literal(text) is None


class Answers(AbstractResolver):
    """A resolver that gives these addresses, each time the next list."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0)
        return [
            {"hostname": host, "host": one, "port": port, "family": family, "proto": 0, "flags": 0} for one in found
        ]

    async def close(self):
        self.closed = True


async def test_only_addresses_within_reach_are_connected_to():
    inner = Answers(["10.0.0.1", "93.184.215.14", "fe80::1%eth0"])
    resolver = GuardedResolver("public", inner)
    assert [one["host"] for one in await resolver.resolve("hooks.example.org", 443)] == ["93.184.215.14"]
    await resolver.close()
    assert inner.closed


async def test_a_name_whose_address_changes_is_judged_each_time():
    """RustFS GHSA-m479: DNS rebinding. What is connected to is what was judged, and it is judged each time."""
    resolver = GuardedResolver("public", Answers(["93.184.215.14"], ["169.254.169.254"]))
    await resolver.resolve("hooks.example.org")
    with pytest.raises(AddressRefusedError, match=r"169\.254\.169\.254.*not within reach: public"):
        await resolver.resolve("hooks.example.org")


async def test_the_systems_resolver_is_used_by_default():
    resolver = GuardedResolver("local")
    assert {one["host"] for one in await resolver.resolve("localhost", 80)} <= {"127.0.0.1", "::1"}
    await resolver.close()
    await GuardedResolver("local").close()


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("ftp://example.org/", "local"),
        ("https://", "local"),
        ("https://user:secret@example.org/", "local"),
        ("https://example.org/#part", "local"),
        ("https://example.org/a b", "local"),
        ("https://example.org:99999/", "local"),
        ("https://①②⑦.0.0.1/", "public"),
        ("http://example.org/", "public"),
        ("https://127.0.0.1/", "public"),
        ("https://[::ffff:127.0.0.1]/", "public"),
        ("https://2130706433/", "private"),
        ("https://10.0.0.1/", "public"),
        ("http://169.254.169.254/latest/meta-data/", "local"),
    ],
)
def test_an_url_that_must_not_be_called_is_refused_at_the_start(url, reach):
    """CVE-2021-21287, CVE-2026-73080: an address of the own network, or that of a cloud's metadata."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "hook", "url": url, "reach": reach}, WebhookSettings)


def test_an_url_within_reach_is_taken():
    for url, reach in (
        ("https://hooks.example.org:8443/objects?x=1", "public"),
        ("http://hooks.team.svc/objects", "private"),
        ("http://127.0.0.1:9000/", "local"),
    ):
        assert msgspec.convert({"name": "hook", "url": url, "reach": reach}, WebhookSettings).url == url


def test_two_webhooks_of_one_name_are_refused():
    one = {"name": "hook", "url": "https://hooks.example.org"}
    with pytest.raises(msgspec.ValidationError, match="name of its own"):
        msgspec.convert({"webhooks": [one, one]}, EventSettings)
