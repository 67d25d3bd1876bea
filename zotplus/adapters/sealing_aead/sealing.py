"""The sealing port by AES-256-GCM.

A sealed value is ``version (1) | key id (4) | nonce (12) | ciphertext | tag (16)``; everything before the ciphertext,
and the caller's context, is authenticated with it. Several keys may be open at once, so that a new master key can
be put first while values under the old one still open.

Spec: NIST SP 800-38D, 8.2.2 and 8.3 (random 96-bit nonces: at most 2^32 values under one key).
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zotplus.adapters.sealing_aead.secret_files import create_secret_file, read_secret_file, replace_secret_file
from zotplus.domain import errors
from zotplus.domain.errors import Problem

KEY_BYTES = 32
MASTER_KEY_FILE = "master.key"
_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES


class AeadSealing:
    """Seals under the first of ``keys`` (32 bytes each) and opens under any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a master key has 32 bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """See ``Sealing.seal``."""
        header = _VERSION + self._current + secrets.token_bytes(_NONCE_BYTES)
        nonce = header[-_NONCE_BYTES:]
        return header + self._ciphers[self._current].encrypt(nonce, secret, header + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """See ``Sealing.open``."""
        if len(sealed) < _HEADER_BYTES + _TAG_BYTES or sealed[:1] != _VERSION:
            raise Problem(errors.STORAGE_FAILED, "A sealed value is damaged.")
        header, content = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        cipher = self._ciphers.get(header[1 : 1 + _KEY_ID_BYTES])
        if cipher is None:
            raise Problem(errors.STORAGE_FAILED, "A sealed value was made under another master key.")
        try:
            return cipher.decrypt(header[-_NONCE_BYTES:], content, header + context)
        except InvalidTag as error:
            raise Problem(errors.STORAGE_FAILED, "A sealed value is damaged, or belongs to another record.") from error

    def is_current(self, sealed: bytes) -> bool:
        """See ``SupportsRotation.is_current``."""
        return sealed.startswith(_VERSION + self._current)

    def may_open(self, sealed: bytes) -> bool:
        """See ``SupportsRotation.may_open``."""
        return sealed[:1] == _VERSION and sealed[1 : 1 + _KEY_ID_BYTES] in self._ciphers

    def stale_marks(self) -> tuple[bytes, ...]:
        """See ``SupportsRotation.stale_marks``."""
        return tuple([_VERSION + key_id for key_id in self._ciphers if key_id != self._current])


def open_sealing(master_key: str | None, data_dir: Path, previous: str | None = None) -> AeadSealing:
    """Sealing under ``master_key`` (base64 or hexadecimal of 32 bytes), else under the key file in ``data_dir``.

    The file is made at the first start. What was sealed under ``previous``, or under a further key of the file, opens
    too. Raises ``SETTING_INVALID`` for a key or file of the wrong form.
    """
    keys = [decode_master_key(master_key)] if master_key is not None else _keys_of_file(data_dir / MASTER_KEY_FILE)
    return AeadSealing([*keys, *([] if previous is None else [decode_master_key(previous)])])


def _keys_of_file(path: Path) -> list[bytes]:
    text = read_secret_file(path) if path.exists() else create_secret_file(path, generate_master_key())
    return [decode_master_key(line) for line in text.split("\n")]


def read_keyring(data_dir: Path) -> list[str]:
    """The master keys in the file of ``data_dir``: the one that seals first, then those of an unfinished rotation.

    Raises ``SETTING_INVALID``.
    """
    lines = read_secret_file(data_dir / MASTER_KEY_FILE).split("\n")
    for line in lines:
        decode_master_key(line)
    return lines


def write_keyring(data_dir: Path, keys: Sequence[str]) -> None:
    """Make ``keys`` those of the file of ``data_dir``: all at once, and durable before it returns."""
    replace_secret_file(data_dir / MASTER_KEY_FILE, "\n".join(keys))


def generate_master_key() -> str:
    """A new random master key in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def decode_master_key(text: str) -> bytes:
    """The 32 bytes of a key in base64 (either alphabet) or hexadecimal. Raises ``SETTING_INVALID``."""
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(_standard(text), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise Problem(
            errors.SETTING_INVALID,
            "The master key must be 32 random bytes in base64 or hexadecimal (`openssl rand -base64 32`).",
            setting="master_key",
        )
    return key


def _standard(text: str) -> str:
    return text.replace("-", "+").replace("_", "/")


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"zotplus master key id" + key).digest()[:_KEY_ID_BYTES]
