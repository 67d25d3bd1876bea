"""Ed25519 for checkpoints. Spec: RFC 8032."""

import hashlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_KEY_ID_CHARACTERS = 16


def generate() -> bytes:
    """A new private key: 32 bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The public key, 32 bytes, of a private one."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """The name of a key: the beginning of its SHA-256, so that a name cannot be given to another key."""
    return hashlib.sha256(public).hexdigest()[:_KEY_ID_CHARACTERS]


def pem(public: bytes) -> bytes:
    """A public key for ``openssl``."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Ed25519Signer:
    """Implements ``domain.audit.chain.Signer``."""

    def __init__(self, private: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()
        self.key = key_id(self.public)

    def sign(self, content: bytes) -> str:
        """The signature in hexadecimal."""
        return self._private.sign(content).hex()


class Verifier:
    """Verifies under public keys by their ids."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {name: Ed25519PublicKey.from_public_bytes(public) for name, public in keys.items()}

    def __call__(self, key: str, content: bytes, signature: str) -> bool:
        """See ``domain.audit.verification.VerifySignature``."""
        known = self._keys.get(key)
        if known is None:
            return False
        try:
            known.verify(bytes.fromhex(signature), content)
        except (InvalidSignature, ValueError):
            return False
        return True
