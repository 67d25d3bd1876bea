"""An issuer's public keys: a JSON Web Key Set taken in one form only, and a signature checked with exactly one key.

What a key may verify follows from the key's own type, never from the token: a token that names HMAC meets no key that
could be its secret.

Spec: RFC 7517 (JWK), RFC 7518, 3.1 and 6 (algorithms and their keys), RFC 8037 and RFC 9864 (Ed25519).
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from zotplus.adapters.oidc.compact import KEY_ID_MAX_CHARACTERS
from zotplus.adapters.oidc.strict_json import read_object

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

# joserfc is imported where it is used: 50 ms that the first token waits for, and a start does not.

KEYS_MAX = 64
"""Keys of one issuer at most. Keycloak keeps two or three, GitHub four; each costs a parse."""

RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 8_192
"""RFC 7518, 3.3 asks for 2,048; above 8,192 a verification takes milliseconds."""

RSA_EXPONENT_BITS_MAX = 64
"""Honest exponents have 17 bits; a long one makes every verification slow."""

_CURVES = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ED25519 = ("EdDSA", "Ed25519")
_PRIVATE = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. ``key_id`` is empty where the set names none; ``algorithms`` are those that it may verify."""

    key_id: str
    algorithms: tuple[str, ...]
    parsed: Any


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """The usable keys of an issuer. ``digest`` is that of the document; ``skipped`` tells why others are left out."""

    keys: tuple[PublicKey, ...]
    digest: str
    skipped: tuple[str, ...] = ()

    def find(self, key_id: str, algorithm: str) -> PublicKey | None:
        """The key of this name that may verify ``algorithm``.

        A token without a key id is served where exactly one key fits: trying several would let the sender choose.
        """
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        if key_id:
            return next((key for key in fitting if key.key_id == key_id), None)
        return fitting[0] if len(fitting) == 1 else None


def read_keys(content: bytes) -> KeySet:
    """The keys in a JSON Web Key Set. Keys that are of no use here are left out, as RFC 7517, 5 asks.

    Raises ``ValueError`` with a sentence's middle for a document that is no key set, or holds no usable key.
    """
    members = read_object(content).get("keys")
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise ValueError("it is no key set")
    if len(members) > KEYS_MAX:
        raise ValueError(f"it has more than {KEYS_MAX} keys")
    keys: list[PublicKey] = []
    skipped: list[str] = []
    for member in members:
        try:
            keys.append(_key(member))
        except ValueError as reason:
            skipped.append(str(reason))
    if not keys:
        raise ValueError(f"it has no usable key ({'; '.join(dict.fromkeys(skipped)) or 'it is empty'})")
    return KeySet(keys=tuple(keys), digest=hashlib.sha256(content).hexdigest(), skipped=tuple(skipped))


def holds(token: str, key: PublicKey, algorithm: str) -> bool:
    """Whether ``key`` made the signature of ``token`` by ``algorithm``, which must be among the key's. Never raises."""
    from joserfc import jws  # noqa: PLC0415 - see above
    from joserfc.errors import JoseError  # noqa: PLC0415 - see above

    if algorithm not in key.algorithms:
        return False
    try:
        jws.deserialize_compact(token, key.parsed, registry=_registry(algorithm))
    except (JoseError, ValueError, TypeError):
        return False
    return True


_registries: dict[str, Any] = {}


def _registry(algorithm: str) -> Any:
    """The rules of joserfc for one algorithm; unknown header names are overlooked, ``compact`` has judged them."""
    if algorithm not in _registries:
        from joserfc.jws import JWSRegistry  # noqa: PLC0415 - see above

        class Registry(JWSRegistry):
            max_header_length = 4_096  # a chain's thumbprints and a long key id; the token as a whole is bounded

            def get_alg(self, name: str) -> Any:
                """Only ours; without the warning that the name EdDSA is deprecated: older issuers still use it."""
                if name != algorithm:
                    raise ValueError("another algorithm than the one that was judged")
                return self.algorithms[name]

        _registries[algorithm] = Registry(algorithms=[algorithm], strict_check_header=False)
    return _registries[algorithm]


def _key(member: Mapping[str, Any]) -> PublicKey:
    """One member of a set. Raises ``ValueError`` with the reason for one that is of no use here."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - see above

    key_id = member.get("kid", "")
    if not isinstance(key_id, str) or len(key_id) > KEY_ID_MAX_CHARACTERS:
        raise ValueError("a key id is no short text")
    operations = member.get("key_ops", ["verify"])
    if member.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("a key is not for signatures")
    if not _PRIVATE.isdisjoint(member):
        raise ValueError("a key is private or symmetric")
    try:
        algorithms, parsed = _parsed(member)
    except (JoseError, TypeError, KeyError) as error:
        raise ValueError("a key cannot be read") from error
    named = member.get("alg")
    if named is not None and named not in algorithms:
        raise ValueError("a key names an algorithm that is not its own or not supported")
    return PublicKey(key_id=key_id, algorithms=algorithms if named is None else (str(named),), parsed=parsed)


def _parsed(member: Mapping[str, Any]) -> "tuple[tuple[str, ...], RSAKey | ECKey | OKPKey]":
    from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: PLC0415 - see above

    kind, curve = member.get("kty"), member.get("crv")
    if kind == "RSA":
        _require_rsa_size(member)
        return _RSA, RSAKey.import_key({"kty": "RSA", "n": member["n"], "e": member["e"]})
    if kind == "EC" and isinstance(curve, str) and curve in _CURVES:
        public = {"kty": "EC", "crv": curve, "x": member["x"], "y": member["y"]}
        return _CURVES[curve], ECKey.import_key(public)
    if kind == "OKP" and curve == "Ed25519":
        return _ED25519, OKPKey.import_key({"kty": "OKP", "crv": curve, "x": member["x"]})
    raise ValueError("a key is of a type that is not supported")


def _require_rsa_size(member: Mapping[str, Any]) -> None:
    """Before the numbers become a key, which would warn of small ones and take long over large ones."""
    modulus, exponent = (_bits(member[name]) for name in ("n", "e"))
    if not RSA_BITS_MIN <= modulus <= RSA_BITS_MAX:
        raise ValueError(f"an RSA key has less than {RSA_BITS_MIN} or more than {RSA_BITS_MAX} bits")
    if exponent > RSA_EXPONENT_BITS_MAX:
        raise ValueError("an RSA key has an outlandish exponent")


def _bits(number: object) -> int:
    """How many bits a number in base64url has."""
    if not isinstance(number, str) or not number.isascii():
        raise ValueError("a key cannot be read")
    return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()
