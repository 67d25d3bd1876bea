"""The keys of Signature Version 4: derived for a day, a region and a service, and ready to sign with.

Spec: AWS "Authenticating Requests (AWS Signature Version 4)", "Task 3: Calculate signature"; RFC 2104 section 4 on
keeping the state of a keyed hash.
"""

import hmac
from functools import lru_cache
from hashlib import sha256

# One per credential, day, region and service; half a kilobyte each.
_MAX_KEYS = 4096
_BLOCK = 64  # bytes of SHA-256's blocks (RFC 2104 section 2)
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class SigningKey:
    """A derived key. Its two halves of HMAC-SHA-256 are begun once, which halves the price of a signature."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK, b"\0")  # a derived key has 32 bytes; longer ones would have to be hashed first
        self._inner = sha256(padded.translate(_INNER))
        self._outer = sha256(padded.translate(_OUTER))

    def sign(self, text: str) -> str:
        """The signature of ``text``, 64 hexadecimal digits."""
        return self.sign_bytes(text.encode())

    def sign_bytes(self, text: bytes) -> str:
        """The signature of UTF-8 ``text``."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()


@lru_cache(maxsize=_MAX_KEYS)
def signing_key(secret: str, date: str, region: str, service: str) -> SigningKey:
    """The key derived from ``secret`` for one day (``YYYYMMDD``), region and service."""
    key = b"AWS4" + secret.encode("utf-8", "surrogatepass")
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return SigningKey(key)
