"""Wrapping under keys of the transit engine: they never leave Vault, which encrypts and decrypts for us.

The object's key is made here and wrapped by ``encrypt``; the context is authenticated as ``associated_data``, which the
engine takes for its AEAD keys (``aes256-gcm96``, the default, ``aes128-gcm96``, ``chacha20-poly1305``).

Spec: Vault HTTP API, "Transit secrets engine": Encrypt data, Decrypt data, Read key; OpenBao has the same.
"""

import base64
import binascii
import time
from typing import Any

import msgspec

from zotplus.adapters.keyring_vault.http import VaultHttp, VaultRefusal
from zotplus.adapters.keyring_vault.settings import VaultSettings
from zotplus.domain import errors
from zotplus.domain.encryption.framing import KEY_BYTES
from zotplus.domain.errors import Problem

_VERSION_SECONDS = 30.0  # how long the newest version of a key is believed, for wrapping anew
_FORBIDDEN = frozenset({401, 403})
_NOT_FOUND = 404
_BAD_REQUEST = 400


class VaultKeyRing:
    """See ``KeyRing``. Connections are made at the first use, in the worker's own loop."""

    def __init__(self, settings: VaultSettings) -> None:
        self._mount = settings.mount.strip("/")
        self._http = VaultHttp(settings)
        self._newest: dict[str, tuple[float, int]] = {}

    async def wrap(self, key_id: str, key: bytes, context: bytes) -> bytes:
        """See ``KeyRing.wrap``."""
        body = {"plaintext": _text(key), **_associated(context)}
        answer = await self._ask("encrypt", key_id, body)
        wrapped = answer.get("ciphertext")
        if not isinstance(wrapped, str) or not wrapped.startswith("vault:v"):
            raise _unusable()
        return wrapped.encode()

    async def unwrap(self, key_id: str, wrapped: bytes, context: bytes) -> bytes:
        """See ``KeyRing.unwrap``."""
        body = {"ciphertext": wrapped.decode("ascii", "replace"), **_associated(context)}
        answer = await self._ask("decrypt", key_id, body)
        try:
            key = base64.b64decode(str(answer.get("plaintext", "")), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise _unusable()
        return key

    async def is_current(self, key_id: str, wrapped: bytes) -> bool:
        """See ``KeyRing.is_current``."""
        known = self._newest.get(key_id)
        if known is None or time.monotonic() - known[0] > _VERSION_SECONDS:
            answer = await self._ask("keys", key_id, None)
            newest = answer.get("latest_version")
            if not isinstance(newest, int):
                raise _unusable()
            known = self._newest[key_id] = (time.monotonic(), newest)
        return wrapped.startswith(b"vault:v%d:" % known[1])

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _ask(self, verb: str, key_id: str, body: dict[str, str] | None) -> dict[str, Any]:
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._http.ask(f"/v1/{self._mount}/{verb}/{key_id}", content)
        except VaultRefusal as refusal:
            raise _problem(refusal, verb, key_id) from None
        data = answer.get("data")
        if not isinstance(data, dict):
            raise _unusable()
        return data


def _problem(refusal: VaultRefusal, verb: str, key_id: str) -> Problem:
    """What a refusal means. Vault's own words can name what it was asked to open: they are not repeated."""
    told = " ".join(refusal.reasons)
    if refusal.status in _FORBIDDEN:
        return Problem(errors.KMS_REFUSED, key_id=key_id)
    is_unknown = refusal.status == _NOT_FOUND or "not found" in told
    if is_unknown:
        return Problem(errors.KMS_KEY_NOT_FOUND, key_id=key_id)
    if verb == "decrypt" and refusal.status == _BAD_REQUEST:
        return Problem(errors.BLOB_CORRUPT, "The key service cannot open the wrapped key of an object.")
    if refusal.status == _BAD_REQUEST:
        return Problem(errors.KMS_REFUSED, "The key service does not encrypt under this key.", key_id=key_id)
    return Problem(errors.KMS_UNAVAILABLE, f"The key service answered {refusal.status}.")


def _unusable() -> Problem:
    return Problem(errors.KMS_UNAVAILABLE, "The key service gave no usable answer.")


def _associated(context: bytes) -> dict[str, str]:
    return {"associated_data": _text(context)} if context else {}


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
