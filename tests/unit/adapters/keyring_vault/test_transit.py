"""Wrapping under keys of a transit engine."""

import logging

import pytest
from aiohttp import web

from zotplus.adapters.keyring_vault import transit as transit_module
from zotplus.adapters.keyring_vault.settings import VaultSettings
from zotplus.adapters.keyring_vault.transit import VaultKeyRing
from zotplus.domain import errors
from zotplus.domain.errors import Problem

KEY = bytes(range(32))


@pytest.fixture
async def ring_of(transit):
    made = []

    def make(**settings):
        settings = settings or {"token": "good"}
        ring = VaultKeyRing(VaultSettings(**{"url": transit.url, **settings}))
        made.append(ring)
        return ring

    yield make
    for ring in made:
        await ring.close()
        await ring.close()


async def refusal(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault


async def test_a_key_is_wrapped_and_opened_by_the_engine(ring_of):
    ring = ring_of()
    wrapped = await ring.wrap("backups", KEY, b'{"a":"b"}')
    assert wrapped.startswith(b"vault:v1:")
    assert KEY not in wrapped
    assert await ring.unwrap("backups", wrapped, b'{"a":"b"}') == KEY


async def test_another_context_does_not_open(ring_of):
    ring = ring_of()
    wrapped = await ring.wrap("backups", KEY, b"one")
    assert await refusal(ring.unwrap("backups", wrapped, b"two")) is errors.BLOB_CORRUPT
    assert await refusal(ring.unwrap("backups", wrapped, b"")) is errors.BLOB_CORRUPT
    assert await refusal(ring.unwrap("backups", b"\xff\xfe", b"")) is errors.BLOB_CORRUPT


async def test_a_key_that_is_not_there_is_told(ring_of):
    ring = ring_of()
    assert await refusal(ring.wrap("other", KEY, b"")) is errors.KMS_KEY_NOT_FOUND
    assert await refusal(ring.unwrap("other", b"vault:v1:aaaa", b"")) is errors.KMS_KEY_NOT_FOUND
    assert await refusal(ring.is_current("other", b"vault:v1:aaaa")) is errors.KMS_KEY_NOT_FOUND


async def test_a_rotated_key_still_opens_and_what_is_older_is_known(ring_of, transit, monkeypatch):
    monkeypatch.setattr(transit_module, "_VERSION_SECONDS", -1)
    ring = ring_of()
    old = await ring.wrap("backups", KEY, b"")
    assert await ring.is_current("backups", old)
    transit.rotate("backups")
    assert not await ring.is_current("backups", old)
    assert await ring.unwrap("backups", old, b"") == KEY
    assert await ring.is_current("backups", await ring.wrap("backups", KEY, b""))


async def test_the_newest_version_is_asked_for_once_in_a_while(ring_of, transit):
    ring = ring_of()
    wrapped = await ring.wrap("backups", KEY, b"")
    for _ in range(3):
        assert await ring.is_current("backups", wrapped)
    assert [path for path, _ in transit.asked].count("/v1/transit/keys/backups") == 1


async def test_a_token_that_may_not_is_refused_and_never_logged(ring_of, caplog):
    caplog.set_level(logging.DEBUG)
    ring = ring_of(token="wrong-secret")
    assert await refusal(ring.wrap("backups", KEY, b"")) is errors.KMS_REFUSED
    assert "wrong-secret" not in caplog.text
    assert "wrong-secret" not in repr(VaultSettings(url="http://x", token="wrong-secret"))


async def test_a_token_is_read_from_its_file_again_when_it_was_replaced(ring_of, transit, tmp_path):
    path = tmp_path / "token"
    path.write_text("good\n")
    ring = ring_of(token_file=str(path), namespace="team")
    await ring.wrap("backups", KEY, b"")
    transit.tokens = {"newer"}
    path.write_text("newer\n")
    await ring.wrap("backups", KEY, b"")
    assert {namespace for _, namespace in transit.asked} == {"team"}
    path.unlink()
    transit.tokens = set()
    assert await refusal(ring.wrap("backups", KEY, b"")) is errors.KMS_UNAVAILABLE


async def test_kubernetes_logs_in_once_and_again_when_the_token_ended(ring_of, transit, tmp_path):
    path = tmp_path / "jwt"
    path.write_text("pod")
    ring = ring_of(kubernetes_role="zotplus", jwt_file=str(path))
    for _ in range(3):
        await ring.wrap("backups", KEY, b"")
    assert transit.logins == 1
    transit.tokens.clear()
    await ring.wrap("backups", KEY, b"")
    assert transit.logins == 2


async def test_a_login_ends_with_its_lease(ring_of, transit, tmp_path, monkeypatch):
    path = tmp_path / "jwt"
    path.write_text("pod")
    ring = ring_of(kubernetes_role="zotplus", jwt_file=str(path))
    await ring.wrap("backups", KEY, b"")
    ring._http._login = (0.0, ring._http._login[1])
    await ring.wrap("backups", KEY, b"")
    assert transit.logins == 2


async def test_a_refused_login_is_told(ring_of, tmp_path):
    path = tmp_path / "jwt"
    path.write_text("somebody else")
    assert await refusal(ring_of(kubernetes_role="zotplus", jwt_file=str(path)).wrap("backups", KEY, b"")) is (
        errors.KMS_REFUSED
    )


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (web.json_response({"errors": ["Vault is sealed"]}, status=503), errors.KMS_UNAVAILABLE),
        (web.json_response({"errors": ["does not support"]}, status=400), errors.KMS_REFUSED),
        (web.Response(text="<html>"), errors.KMS_UNAVAILABLE),
        (web.json_response([1]), errors.KMS_UNAVAILABLE),
        (web.json_response({"data": {}}), errors.KMS_UNAVAILABLE),
        (web.Response(text="no", status=500), errors.KMS_UNAVAILABLE),
        (web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"}), errors.KMS_UNAVAILABLE),
        (web.Response(body=b" " * (1 << 20) + b"{}"), errors.KMS_UNAVAILABLE),
    ],
    ids=lambda value: str(getattr(value, "status", getattr(value, "code", ""))),
)
async def test_an_engine_out_of_order_is_told_as_such(ring_of, transit, answer, fault):
    transit.broken = answer
    assert await refusal(ring_of().wrap("backups", KEY, b"")) is fault


@pytest.mark.parametrize("content", [{"data": {"plaintext": "AAAA"}}, {"data": {"plaintext": "?"}}, {"data": {}}])
async def test_a_key_of_the_wrong_form_is_never_used(ring_of, transit, content):
    transit.broken = web.json_response(content)
    assert await refusal(ring_of().unwrap("backups", b"vault:v1:x", b"")) is errors.KMS_UNAVAILABLE
    transit.broken = web.json_response({"data": {"latest_version": "1"}})
    assert await refusal(ring_of().is_current("backups", b"vault:v1:x")) is errors.KMS_UNAVAILABLE


async def test_a_login_without_a_token_is_told(ring_of, transit, tmp_path):
    path = tmp_path / "jwt"
    path.write_text("pod")
    transit.broken = web.json_response({"auth": None})
    ring = ring_of(kubernetes_role="zotplus", jwt_file=str(path))
    assert await refusal(ring.wrap("backups", KEY, b"")) is errors.KMS_UNAVAILABLE


async def test_nobody_there_is_told(ring_of):
    ring = ring_of(url="http://127.0.0.1:1", token="good")
    assert await refusal(ring.wrap("backups", KEY, b"")) is errors.KMS_UNAVAILABLE


@pytest.mark.parametrize(
    "settings",
    [{"token": "a", "token_file": "b"}, {}, {"token": "a", "url": "ftp://x"}, {"token": "a", "url": "http://x?y"}],
)
def test_settings_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(ValueError, match=r"kms\.vault"):
        VaultSettings(**{"url": "http://x", **settings})
