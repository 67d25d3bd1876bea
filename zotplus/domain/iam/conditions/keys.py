"""Every condition key that a policy can name, and where it is present.

Spec: AWS IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, "Amazon S3".
"""

from typing import Final

import msgspec

from zotplus.domain.iam.conditions.operators import ValueType


class ConditionKey(msgspec.Struct, frozen=True, kw_only=True):
    """One row. A ``name`` that ends in ``/…`` or ``-…`` stands for all names that go on from there.

    ``present`` says for people where the key is; ``actions`` are patterns of the actions that carry it, empty where
    every request can. ``is_reserved``: nothing brings it yet, so that a condition on it is one on an absent key.
    ``is_fact``: what is asked for has to be looked at before the request can be decided.
    """

    name: str
    type: ValueType
    summary: str
    present: str
    actions: tuple[str, ...] = ()
    is_multivalued: bool = False
    is_reserved: bool = False
    is_fact: bool = False

    @property
    def prefix(self) -> str:
        """What names of the family begin with, in lower case; empty for a single key."""
        return self.name[:-1].lower() if self.name.endswith(_REST) else ""


_REST: Final = "…"

CONDITION_KEYS: dict[str, ConditionKey] = {}
"""The rows by their names in lower case."""

_families: list[ConditionKey] = []


def _key(name: str, type_: ValueType, present: str, summary: str, **more: tuple[str, ...] | bool) -> None:
    row = msgspec.convert(
        {"name": name, "type": type_, "present": present, "summary": summary, **more}, type=ConditionKey
    )
    CONDITION_KEYS[name.lower()] = row
    if row.prefix:
        _families.append(row)


def condition_key(name: str) -> ConditionKey | None:
    """The row for ``name`` in any case of letters; None where there is no such key."""
    lowered = name.lower()
    found = CONDITION_KEYS.get(lowered)
    if found is not None and not found.prefix:
        return found
    return next((row for row in _families if lowered.startswith(row.prefix) and len(lowered) > len(row.prefix)), None)


def is_fact(name: str) -> bool:
    """Whether ``name``, in any case of letters and with anything behind it, is known only by a look at the object."""
    return name.lower().startswith(_FACTS)


_FACTS: Final = ("s3:existingobjecttag/", "aws:resourcetag/", "zotplus:acl")

_STRING, _NUMERIC, _DATE, _BOOL = ValueType.STRING, ValueType.NUMERIC, ValueType.DATE, ValueType.BOOL
_EVERY = "every request"
_LATER = "nothing yet"
_KNOWN = "callers that logged in"
_ISSUED = "callers with a token of an issuer, and their sessions"
_SESSIONS = "sessions"
_SENT = "requests that send it"
_LISTS = ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
_OBJECTS = ("s3:*Object*", "s3:*Upload*")
_TAGGING = "requests with x-amz-tagging"
_LOCKS = ("s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold")
_ARTIFACTS = ("oci:*", "helm:*", "rpm:*", "terraform:*", "supplychain:*")

# --- the request -----------------------------------------------------------------------------------------------------
_key("aws:SourceIp", ValueType.IP, _EVERY, "The client's address, as trusted proxies name it.")
_key("aws:SecureTransport", _BOOL, _EVERY, "Whether the request came over TLS.")
_key("aws:CurrentTime", _DATE, _EVERY, "The server's time.")
_key("aws:EpochTime", _DATE, _EVERY, "The server's time in seconds since 1970.")
_key("aws:UserAgent", _STRING, _SENT, "The `User-Agent` header. Clients choose it freely: never rely on it.")
_key("aws:Referer", _STRING, _SENT, "The `Referer` header. Clients choose it freely: never rely on it.")
_key("zotplus:door", _STRING, _EVERY, "The protocol of the request: `s3`, `oci`, `api`, `sts` and so on.")

# --- the caller ------------------------------------------------------------------------------------------------------
_key("aws:username", _STRING, _KNOWN, "The caller's name for people. Issuers may let users change it.")
_key("aws:userid", _STRING, _KNOWN, "The caller's stable id, as the audit log names it.")
_key("aws:PrincipalArn", _STRING, _KNOWN, "The caller's ARN; that of the role (the trust) for sessions.")
_key("aws:PrincipalAccount", _STRING, _KNOWN, "The registry's one account, `000000000000`.")
_key("aws:PrincipalType", _STRING, _EVERY, "`anonymous`, `key`, `robot`, `user`, `trust` or `certificate`.")
_key("aws:PrincipalTag/…", _STRING, _ISSUED, "A tag that the token's issuer gives (`https://aws.amazon.com/tags`).")
_key("aws:MultiFactorAuthPresent", _BOOL, _LATER, "Issuers ask for second factors, not the gateway.", is_reserved=True)
_key("aws:MultiFactorAuthAge", _NUMERIC, _LATER, "The same.", is_reserved=True)
_key("aws:TokenIssueTime", _DATE, _ISSUED, "When the token, or the session, was issued.")
_key("sts:RoleSessionName", _STRING, _SESSIONS, "What the session is called. Whoever begins it chooses the name.")
_key("zotplus:issuer", _STRING, _ISSUED, "The configured name of the token's issuer.")
_key("zotplus:subject", _STRING, _ISSUED, "The subject that the issuer gave: stable, never reused.")
_key("zotplus:groups", _STRING, _ISSUED, "The caller's groups at the issuer.", is_multivalued=True)
_key("zotplus:roles", _STRING, _ISSUED, "The caller's roles at the issuer.", is_multivalued=True)
_key("zotplus:claim/…", _STRING, _ISSUED, "A claim of the token, by its path with dots.", is_multivalued=True)
_key("zotplus:credential", _STRING, _KNOWN, "`key`, `robot`, `jwt`, `session`, `token` or `certificate`.")
_key("zotplus:token", _STRING, "what was got for a token of the gateway", "The id of that token, with which it ends.")

# --- what is asked for -----------------------------------------------------------------------------------------------
_key("s3:prefix", _STRING, "listings of a bucket", "The prefix that is listed.", actions=_LISTS)
_key("s3:delimiter", _STRING, "listings of a bucket", "The delimiter of the listing.", actions=_LISTS)
_key("s3:max-keys", _NUMERIC, "listings of a bucket", "The most keys that are asked for.", actions=_LISTS)
_key("s3:VersionId", _STRING, "requests that name a version", "The version that is asked for.", actions=_OBJECTS)
_key("s3:x-amz-…", _STRING, "requests that send the header", "A header of the S3 API.", actions=("s3:*",))
_key(
    *("s3:LocationConstraint", _STRING, "creation of buckets", "The region of the new bucket."),
    actions=("s3:CreateBucket",),
)
_key("s3:object-lock-mode", _STRING, "requests that set a retention", "Its mode.", actions=_LOCKS)
_key("s3:object-lock-retain-until-date", _DATE, "requests that set a retention", "When it ends.", actions=_LOCKS)
_key(
    *("s3:object-lock-remaining-retention-days", _NUMERIC, "requests that set a retention", "Its days from now on."),
    actions=_LOCKS,
)
_key("s3:object-lock-legal-hold", _STRING, "requests that set a legal hold", "`ON` or `OFF`.", actions=_LOCKS)
_key("s3:ExistingObjectTag/…", _STRING, "objects that have it", "A tag of the object.", actions=_OBJECTS, is_fact=True)
_key("s3:RequestObjectTag/…", _STRING, _TAGGING, "A tag for the object.", actions=_OBJECTS)
_key(
    *("s3:RequestObjectTagKeys", _STRING, _TAGGING, "The keys of all those tags."),
    actions=_OBJECTS,
    is_multivalued=True,
)
_key("s3:signatureversion", _STRING, "signed requests", "`AWS4-HMAC-SHA256`, or `AWS` for signature version 2.")
_key("s3:signatureAge", _NUMERIC, "presigned requests", "Milliseconds since the request was signed.")
_key("s3:authType", _STRING, "signed requests", "`REST-HEADER`, `REST-QUERY-STRING` or `POST`.")
_key("s3:TlsVersion", _NUMERIC, "connections with TLS, not behind a proxy", "The version of TLS, such as 1.3.")
_key("s3:ResourceAccount", _STRING, "requests of the S3 API", "The registry's one account, `000000000000`.")
_key("aws:ResourceAccount", _STRING, "requests of the S3 API", "The same.")
_key("aws:RequestTag/…", _STRING, _LATER, "A tag that the request gives.", is_reserved=True)
_key("aws:ResourceTag/…", _STRING, "buckets that have it", "A tag of the bucket.", actions=("s3:*",), is_fact=True)
_key("aws:TagKeys", _STRING, _LATER, "The keys of all tags of a request.", is_multivalued=True, is_reserved=True)
_key(
    *("zotplus:acl", _STRING, "objects with access control lists"),
    "What the object's list gives the caller: `READ`, `READ_ACP`, `WRITE_ACP`.",
    actions=_OBJECTS,
    is_multivalued=True,
    is_fact=True,
)
_key("zotplus:signed", _BOOL, _LATER, "Whether a trusted signature is there.", actions=_ARTIFACTS, is_reserved=True)
