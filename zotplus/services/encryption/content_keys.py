"""The key of one object while it is open: what seals and opens its streams."""

import secrets

from zotplus.domain.encryption.framing import KEY_BYTES, SALT_BYTES, Opener, Sealer, stream_id, stream_key
from zotplus.ports.ciphers import Ciphers


class ContentKey:
    """An object's own key. It never leaves the process but wrapped."""

    __slots__ = ("_ciphers", "secret")

    def __init__(self, ciphers: Ciphers, secret: bytes) -> None:
        self._ciphers = ciphers
        self.secret = secret

    def __repr__(self) -> str:
        """Without the key."""
        return "ContentKey()"

    def sealer(self, number: int = 0) -> Sealer:
        """What encrypts a new stream: the whole content, or part ``number``."""
        stream = stream_id(number, secrets.token_bytes(SALT_BYTES))
        return Sealer(self._ciphers(stream_key(self.secret, stream)), stream)

    def opener(self, stream: bytes, size: int) -> Opener:
        """What decrypts the stream of that id, which has ``size`` bytes of plaintext."""
        return Opener(self._ciphers(stream_key(self.secret, stream)), size)


def new_content_key(ciphers: Ciphers) -> ContentKey:
    """A random key for a new object."""
    return ContentKey(ciphers, secrets.token_bytes(KEY_BYTES))
