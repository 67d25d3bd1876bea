"""Encryption as the settings ask for it."""

import msgspec
import pytest

from tests.faces.gateway import settings_for
from zotplus.adapters.keyring_vault.settings import VaultSettings
from zotplus.adapters.keyring_vault.transit import VaultKeyRing
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.app.encrypting import encryption_of, remote_keyring
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.records.buckets import BucketRecord
from zotplus.services.values import Protection
from zotplus.settings import load

BUCKET = BucketRecord(id=b"12345678", created_ms=1, owner="o", region="r")


@pytest.fixture
def encryption(tmp_path):
    def make(remote=None, **s3):
        settings = settings_for(tmp_path)
        settings = msgspec.structs.replace(settings, s3=msgspec.structs.replace(settings.s3, **s3))
        return encryption_of(settings, KeyValueMemory(), AeadSealing([b"k" * 32]), remote)

    return make


def test_new_objects_are_plain_unless_the_server_says_otherwise(encryption):
    assert encryption().choose(BUCKET, None) is None
    assert encryption(encryption="SSE-S3").choose(BUCKET, None) == Protection(scheme="SSE-S3")


async def test_without_vault_the_ring_makes_the_default_key(encryption, tmp_path):
    assert remote_keyring(settings_for(tmp_path)) is None
    assert (await encryption().begin(Protection(scheme="SSE-KMS", key_id="s3-default")))[1].key_id == "s3-default"


async def test_vault_holds_the_keys_of_sse_kms_and_the_ring_that_of_sse_s3(encryption, tmp_path):
    vault = msgspec.structs.replace(
        settings_for(tmp_path).kms, vault=VaultSettings(url="http://127.0.0.1:1", token="secret-token")
    )
    remote = remote_keyring(settings_for(tmp_path, kms=vault))
    assert isinstance(remote, VaultKeyRing)
    both = encryption(remote)
    assert (await both.begin(Protection(scheme="SSE-S3")))[1].scheme == "SSE-S3"
    with pytest.raises(Problem) as raised:
        await both.begin(Protection(scheme="SSE-KMS", key_id="s3-default"))
    assert raised.value.fault is errors.KMS_UNAVAILABLE
    await remote.close()


def test_the_settings_are_read_from_yaml_and_never_shown(tmp_path):
    path = tmp_path / "zotplus.yaml"
    path.write_text("kms: {default_key: objects, vault: {url: 'https://vault:8200', token: hidden-token}}\n")
    settings = load(path, {})
    assert (settings.kms.default_key, settings.kms.vault.url) == ("objects", "https://vault:8200")
    assert "hidden-token" not in repr(settings.kms)
