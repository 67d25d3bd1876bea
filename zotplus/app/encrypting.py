"""Encryption as the settings ask for it: the registry's own key ring, and the one of Vault or OpenBao."""

from zotplus.adapters.keyring_vault.transit import VaultKeyRing
from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.domain.encryption.schemes import SSE_S3, SSE_S3_KEY
from zotplus.ports.keyring import KeyRing
from zotplus.ports.keyvalue import KeyValue
from zotplus.ports.sealing import Sealing
from zotplus.services.encryption.encryption import Encryption, Rings
from zotplus.services.encryption.ring import LocalKeyRing
from zotplus.settings import Settings


def remote_keyring(settings: Settings) -> KeyRing | None:
    """The ring of a key service, where one is configured."""
    vault = settings.kms.vault
    return None if vault is None else VaultKeyRing(vault)


def encryption_of(settings: Settings, store: KeyValue, sealing: Sealing, remote: KeyRing | None) -> Encryption:
    """Encryption over the ring in the store, and ``remote`` for SSE-KMS where there is one."""
    made = {SSE_S3_KEY} if remote is not None else {SSE_S3_KEY, settings.kms.default_key}
    own = LocalKeyRing(store, sealing, AesGcm, makes=frozenset(made))
    scheme = SSE_S3 if settings.s3.encryption == SSE_S3 else ""
    return Encryption(Rings(own, remote or own, AesGcm), scheme=scheme, kms_key=settings.kms.default_key)
