"""Signatures of forms: what is signed is the policy as it stands in its field, and nothing else.

Spec: AWS "Authenticating Requests in Browser-Based Uploads Using POST (AWS Signature Version 4)"; Amazon S3 Developer
Guide, "Browser-Based Uploads Using POST (AWS Signature Version 2)".
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.dates import parse_basic_date
from zotplus.domain.errors import Problem
from zotplus.domain.forms.policy import expired
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4 import MAX_SKEW
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM
from zotplus.domain.signatures.sigv4_claim import MAX_EXPIRES, Scope, read_scope

POLICY: Final = "policy"
_FIELDS_4 = (POLICY, "x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm")
_FIELDS_2 = (POLICY, "signature", "awsaccesskeyid")
_TOKEN = "x-amz-security-token"  # noqa: S105 - the name of a field
_ECHO = 128
_SIGNATURE_MAX = 128


class FormClaim(msgspec.Struct, frozen=True, kw_only=True):
    """An unverified signature of a ``policy``, which is still encoded. ``scope`` is None for version 2.

    ``timestamp`` is in seconds since the epoch, 0 for version 2, which has none.
    """

    access_key: str
    signature: str
    policy: str
    session_token: str | None = None
    scope: Scope | None = None
    timestamp: int = 0


def parse_form_claim(fields: Mapping[str, str]) -> FormClaim | None:
    """What the fields of a form, by lower-case name, say about who signed it; None for a form that nobody did.

    Raises ``CREDENTIALS_AMBIGUOUS`` for two signatures, ``ARGUMENT_INVALID`` for fields that are missing or not in
    their form.
    """
    is_version_2 = any(name in fields for name in _FIELDS_2[1:])
    is_version_4 = any(name in fields for name in _FIELDS_4[1:])
    if is_version_2 and is_version_4:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS)
    if not (is_version_2 or is_version_4 or POLICY in fields):
        return None
    for name in _FIELDS_2 if is_version_2 else _FIELDS_4:
        if name not in fields:
            raise missing(name)
    return _version_2(fields) if is_version_2 else _version_4(fields)


def missing(name: str) -> Problem:
    """The refusal of a form without the field ``name``."""
    detail = (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    )
    return Problem(errors.ARGUMENT_INVALID, detail, ArgumentName=name, ArgumentValue="")


def verify_form(claim: FormClaim, secret: str, now: float) -> None:
    """Prove that the holder of ``secret`` signed the policy; ``now`` is in seconds since the epoch.

    Raises ``CLOCK_SKEWED`` for a form from the future, ``ACCESS_DENIED`` for one of more than a week ago, beyond which
    no key of version 4 is good, and ``SIGNATURE_MISMATCH``.
    """
    if claim.scope is not None and claim.timestamp - now > MAX_SKEW:
        raise Problem(errors.CLOCK_SKEWED, MaxAllowedSkewMilliseconds=MAX_SKEW * 1000)
    if not hmac.compare_digest(_expected(claim, secret).encode(), claim.signature.encode()):
        raise Problem(
            errors.SIGNATURE_MISMATCH,
            AWSAccessKeyId=claim.access_key,
            StringToSign=claim.policy,
            SignatureProvided=claim.signature,
            StringToSignBytes=claim.policy.encode().hex(" "),
        )
    if claim.scope is not None and now - claim.timestamp > MAX_EXPIRES:
        raise expired()


def sign_policy(policy: str, secret: str, scope: Scope) -> str:
    """The version 4 signature of an encoded ``policy``."""
    return signing_key(secret, scope.date, scope.region, scope.service).sign(policy)


def _expected(claim: FormClaim, secret: str) -> str:
    if claim.scope is not None:
        return sign_policy(claim.policy, secret, claim.scope)
    raw = hmac.digest(secret.encode("utf-8", "surrogatepass"), claim.policy.encode(), "sha1")
    return base64.b64encode(raw).decode()


def _version_2(fields: Mapping[str, str]) -> FormClaim:
    return FormClaim(
        access_key=fields["awsaccesskeyid"][:_ECHO],
        signature=fields["signature"][:_SIGNATURE_MAX],
        policy=fields[POLICY],
        session_token=fields.get(_TOKEN),
    )


def _version_4(fields: Mapping[str, str]) -> FormClaim:
    algorithm, date = fields["x-amz-algorithm"], fields["x-amz-date"]
    if algorithm != ALGORITHM:
        raise _invalid("X-Amz-Algorithm", algorithm, f"Only {ALGORITHM} is supported")
    timestamp = parse_basic_date(date)
    if timestamp is None:
        raise _invalid("X-Amz-Date", date, "X-Amz-Date must be formated via ISO8601 Long format")
    credential = fields["x-amz-credential"]
    try:
        access_key, scope = read_scope(credential)
    except Problem as problem:
        raise _invalid("x-amz-credential", credential, problem.detail) from problem
    if not date.startswith(scope.date):
        raise _invalid("x-amz-credential", credential, "The date of the Credential is not that of X-Amz-Date.")
    return FormClaim(
        access_key=access_key,
        signature=fields["x-amz-signature"][:_SIGNATURE_MAX],
        policy=fields[POLICY],
        session_token=fields.get(_TOKEN),
        scope=scope,
        timestamp=timestamp,
    )


def _invalid(name: str, value: str, detail: str) -> Problem:
    return Problem(errors.ARGUMENT_INVALID, detail, ArgumentName=name, ArgumentValue=value[:_ECHO])
