"""The port of ciphers by AES-256-GCM of ``cryptography``. Spec: NIST SP 800-38D."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zotplus.domain import errors
from zotplus.domain.encryption.framing import Data
from zotplus.domain.errors import Problem


class AesGcm:
    """AES-256-GCM under one key; it can be used from several threads at once."""

    __slots__ = ("_cipher", "encrypt")

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self.encrypt = self._cipher.encrypt

    def decrypt(self, nonce: bytes, data: Data, associated: bytes | None, /) -> bytes:
        """See ``Cipher.decrypt``."""
        try:
            return self._cipher.decrypt(nonce, data, associated)
        except InvalidTag as error:
            raise _damaged() from error

    def decrypt_into(self, nonce: bytes, data: Data, associated: bytes | None, buffer: memoryview, /) -> int:
        """See ``Cipher.decrypt_into``."""
        try:
            return self._cipher.decrypt_into(nonce, data, associated, buffer)
        except InvalidTag as error:
            raise _damaged() from error


def _damaged() -> Problem:
    return Problem(errors.BLOB_CORRUPT, "The encrypted content is damaged or misplaced.")
