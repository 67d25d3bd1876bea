r"""The one place that builds keys: what lies where in the ordered keyspace.

Every key begins with one byte that names its table. Parts of fixed length need no separator; ``\0`` separates text
of any length from what follows, and no text in a key may hold it, so that order and meaning are never in doubt::

    B <bucket name>                                  bucket
    O <bucket id: 8> <object key>                    object, small content included: its newest version
    o <bucket id: 8> <object key> \0 <inverse: 8>    earlier version, and any delete marker; the newest first
    q <bucket id: 8> <object key>                    where among those the null version is (inverse: 8)
    c <bucket id: 8> <kind>                          document of a bucket: policy, lifecycle rules and so on
    W <bucket name>                                  bucket whose policy or access control lists count, with the
                                                     revision of these (records/sharing)
    w <bucket name>                                  bucket whose requests are logged
    u <bucket id: 8>                                 how much a bucket holds
    e <webhook> \0 <number: 8>                       event still to be delivered (services/events)
    E <number: 8>                                    event that could not be delivered
    Q                                                number of the newest event
    U <bucket id: 8> <object key> \0 <upload id>     unfinished multipart upload
    P <upload id> <part number: 2>                   part of an upload
    F <upload id>                                    completed upload, so that a client may complete again
    d <bucket id: 8> <digest: 32>                    rename that was done, by its client's token
    X <bucket id: 8>                                 bucket removed by name, its content still to be emptied
    R <digest: 32> <storage class>                   how often a blob is referred to; the class has a store of its own
    S <digest: 32> <storage class>                   a blob's block checksums
    Z <milliseconds: 8> <digest: 32> <storage class> a blob without references since then
    H <hold id>                                      nothing may be collected until it ends
    C <credential id>                                credential, its secret sealed
    L <credential id>                                when a credential was used last (milliseconds: 8)
    G <grant id>                                     grant
    g <grantee> \0 <grant id>                        the grants of one grantee
    V <policy name> \0 <version: 4>                  version of a policy
    v <policy name>                                  which version of a policy is current
    a <grantee> \0 <policy name>                     policy attached to a grantee
    b <policy name> \0 <grantee>                     to whom a policy is attached
    t <name>                                         trust in workloads that another issuer vouches for
    j <digest: 32>                                   token that was exchanged, by its issuer and id
    J <milliseconds: 8> <digest: 32>                 the same, ordered by when it may be forgotten
    n <principal id>                                 what was issued to it before then is void; * is everybody,
                                                     <trust>#terms what was issued under terms of before
    N                                                generation of credentials, grants, policies and trusts
    r <token id>                                     revoked token of our own; the value is when it ends (seconds: 8)
    A <stream>                                       newest checkpoint of a stream of the audit log
    k <key id>                                       key that signs the audit log's checkpoints, sealed
    T <key id>                                       signing key of registry tokens, sealed (services/tokens)
    K <key id>                                       key that wraps the keys of objects, sealed

Numbers are big-endian. An object key has at most 1,024 bytes (Amazon S3 User Guide, "Naming Amazon S3 objects"), so the
longest key (``U``) has 1,066 bytes; the port takes 1,600.
"""

from typing import Final

BUCKETS: Final = b"B"
OBJECTS: Final = b"O"
VERSIONS: Final = b"o"
NULL_VERSIONS: Final = b"q"
DOCUMENTS: Final = b"c"
SHARED: Final = b"W"
USAGE: Final = b"u"
LOGGED: Final = b"w"
EVENTS: Final = b"e"
DEAD_LETTERS: Final = b"E"
LAST_EVENT: Final = b"Q"
UPLOADS: Final = b"U"
PARTS: Final = b"P"
COMPLETED: Final = b"F"
RENAMED: Final = b"d"
PURGING: Final = b"X"
REFERENCES: Final = b"R"
BLOCK_SUMS: Final = b"S"
UNREFERENCED: Final = b"Z"
HOLDS: Final = b"H"
CREDENTIALS: Final = b"C"
LAST_USED: Final = b"L"
USERS: Final = b"i"
GRANTS: Final = b"G"
GRANTS_BY_GRANTEE: Final = b"g"
POLICY_VERSIONS: Final = b"V"
POLICIES: Final = b"v"
ATTACHMENTS: Final = b"a"
ATTACHMENTS_BY_POLICY: Final = b"b"
TRUSTS: Final = b"t"
EXCHANGED: Final = b"j"
EXCHANGED_BY_TIME: Final = b"J"
NOT_BEFORE: Final = b"n"
GENERATION: Final = b"N"
REVOKED_TOKENS: Final = b"r"
AUDIT_HEADS: Final = b"A"
AUDIT_KEYS: Final = b"k"
RING_KEYS: Final = b"K"

BUCKET_ID_BYTES: Final = 8
UPLOAD_ID_BYTES: Final = 32
OBJECT_KEY_OFFSET: Final = 1 + BUCKET_ID_BYTES
"""Where the object's key begins in a key of ``O`` or ``U``."""

SEQUENCE_BYTES: Final = 8

_SEPARATOR: Final = b"\0"
_MAX_SEQUENCE: Final = 2**64 - 1


def after(prefix: bytes) -> bytes | None:
    """The least key above all that begin with ``prefix``; None when there is none (a prefix of only 0xFF)."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def table_span(table: bytes) -> tuple[bytes, bytes | None]:
    """First key and end of everything in ``table``, or under a longer prefix."""
    return table, after(table)


def bucket(name: str) -> bytes:
    """A bucket by its name."""
    return BUCKETS + name.encode()


def objects(bucket_id: bytes) -> bytes:
    """What all objects of a bucket begin with."""
    return OBJECTS + bucket_id


def object_(bucket_id: bytes, key: bytes) -> bytes:
    """An object by its key's UTF-8 bytes."""
    return OBJECTS + bucket_id + key


def versions(bucket_id: bytes) -> bytes:
    """What all earlier versions and delete markers of a bucket begin with."""
    return VERSIONS + bucket_id


def versions_of(bucket_id: bytes, key: bytes) -> bytes:
    """What the earlier versions of one key begin with; the newest comes first."""
    return VERSIONS + bucket_id + key + _SEPARATOR


def version(bucket_id: bytes, key: bytes, sequence: int) -> bytes:
    """An earlier version by its sequence."""
    return versions_of(bucket_id, key) + inverse(sequence)


def inverse(sequence: int) -> bytes:
    """``sequence`` such that greater ones come first."""
    return (_MAX_SEQUENCE - sequence).to_bytes(SEQUENCE_BYTES, "big")


def split_version(key: bytes) -> tuple[bytes, int]:
    """Object key and sequence from a key of ``o``."""
    name = key[OBJECT_KEY_OFFSET : -SEQUENCE_BYTES - 1]
    return name, _MAX_SEQUENCE - int.from_bytes(key[-SEQUENCE_BYTES:], "big")


def null_version(bucket_id: bytes, key: bytes) -> bytes:
    """Where the null version of a key is, while it is not the newest."""
    return NULL_VERSIONS + bucket_id + key


def null_versions(bucket_id: bytes) -> bytes:
    """What all of those of a bucket begin with."""
    return NULL_VERSIONS + bucket_id


def documents(bucket_id: bytes) -> bytes:
    """What all documents of a bucket begin with."""
    return DOCUMENTS + bucket_id


def document(bucket_id: bytes, kind: str) -> bytes:
    """A document of a bucket."""
    return DOCUMENTS + bucket_id + kind.encode()


def shared(name: str) -> bytes:
    """A bucket whose policy or access control lists count, by its name."""
    return SHARED + name.encode()


def usage(bucket_id: bytes) -> bytes:
    """How much a bucket holds."""
    return USAGE + bucket_id


def logged(name: str) -> bytes:
    """Marks a bucket whose requests are logged; the value is empty."""
    return LOGGED + name.encode()


def events_of(webhook: str) -> bytes:
    """What all events begin with that wait for a webhook."""
    return EVENTS + webhook.encode() + _SEPARATOR


def event(webhook: str, number: int) -> bytes:
    """An event that waits for a webhook."""
    return events_of(webhook) + number.to_bytes(SEQUENCE_BYTES, "big")


def event_number(key: bytes) -> int:
    """The number from a key of ``e``."""
    return int.from_bytes(key[-SEQUENCE_BYTES:], "big")


def webhook_of_event(key: bytes) -> str:
    """The webhook's name from a key of ``e``."""
    return key[1 : -SEQUENCE_BYTES - 1].decode()


def dead_letter(number: int) -> bytes:
    """An event that could not be delivered."""
    return DEAD_LETTERS + number.to_bytes(SEQUENCE_BYTES, "big")


def dead_letter_number(key: bytes) -> int:
    """The number from a key of ``E``."""
    return int.from_bytes(key[1:], "big")


def uploads(bucket_id: bytes) -> bytes:
    """What all unfinished uploads of a bucket begin with."""
    return UPLOADS + bucket_id


def upload(bucket_id: bytes, key: bytes, upload_id: str) -> bytes:
    """An unfinished upload; ordered by object key, then upload id."""
    return UPLOADS + bucket_id + key + _SEPARATOR + upload_id.encode()


def bucket_of_upload(key: bytes) -> bytes:
    """The bucket's id from an upload's key."""
    return key[1:OBJECT_KEY_OFFSET]


def split_upload(key: bytes) -> tuple[bytes, str]:
    """Object key and upload id from an upload's key."""
    name, _, upload_id = key[OBJECT_KEY_OFFSET:].partition(_SEPARATOR)
    return name, upload_id.decode()


def parts(upload_id: str) -> bytes:
    """What all parts of an upload begin with."""
    return PARTS + upload_id.encode()


def part(upload_id: str, number: int) -> bytes:
    """A part by its number, 1 to 10,000."""
    return PARTS + upload_id.encode() + number.to_bytes(2, "big")


def part_number(key: bytes) -> int:
    """The number from a part's key."""
    return int.from_bytes(key[-2:], "big")


def part_upload(key: bytes) -> str:
    """The upload id from a part's key."""
    return key[1 : 1 + UPLOAD_ID_BYTES].decode()


def renamed(bucket_id: bytes, digest: bytes) -> bytes:
    """What remains of a rename, by the SHA-256 of its client's token."""
    return RENAMED + bucket_id + digest


def completed(upload_id: str) -> bytes:
    """What remains of a completed upload."""
    return COMPLETED + upload_id.encode()


def purging(bucket_id: bytes) -> bytes:
    """A removed bucket whose content is still to be emptied."""
    return PURGING + bucket_id


def reference(digest: bytes) -> bytes:
    """The reference count of a blob."""
    return REFERENCES + digest


def block_sums(digest: bytes) -> bytes:
    """The block checksums of a blob."""
    return BLOCK_SUMS + digest


def unreferenced(since_ms: int, digest: bytes) -> bytes:
    """A blob that lost its last reference; ordered by when."""
    return UNREFERENCED + since_ms.to_bytes(8, "big") + digest


def split_unreferenced(key: bytes) -> tuple[int, bytes]:
    """Milliseconds and digest from a key of ``Z``."""
    return int.from_bytes(key[1:9], "big"), key[9:]


def hold(hold_id: str) -> bytes:
    """A hold on collection."""
    return HOLDS + hold_id.encode()


def credential(credential_id: str) -> bytes:
    """A credential by its id."""
    return CREDENTIALS + credential_id.encode()


def user(name: str) -> bytes:
    """A user with keys of their own, by the name, in which capitals make no difference."""
    return USERS + name.lower().encode()


def audit_head(stream: str) -> bytes:
    """The newest checkpoint of a stream of the audit log."""
    return AUDIT_HEADS + stream.encode()


def audit_key(key_id: str) -> bytes:
    """A key that signs the audit log's checkpoints."""
    return AUDIT_KEYS + key_id.encode()


def last_used(credential_id: str) -> bytes:
    """When a credential was used last."""
    return LAST_USED + credential_id.encode()


def grant(grant_id: str) -> bytes:
    """A grant by its id."""
    return GRANTS + grant_id.encode()


def grants_of(grantee: str) -> bytes:
    """What the grants of one grantee begin with."""
    return GRANTS_BY_GRANTEE + grantee.encode() + _SEPARATOR


def grant_of(grantee: str, grant_id: str) -> bytes:
    """One grant of a grantee; the value is empty."""
    return grants_of(grantee) + grant_id.encode()


def policy(name: str) -> bytes:
    """A policy's head."""
    return POLICIES + name.encode()


def policy_versions(name: str) -> bytes:
    """What the versions of a policy begin with."""
    return POLICY_VERSIONS + name.encode() + _SEPARATOR


def policy_version(name: str, number: int) -> bytes:
    """A version of a policy, from 1."""
    return policy_versions(name) + number.to_bytes(4, "big")


def policy_version_number(key: bytes) -> int:
    """The number from a key of ``V``."""
    return int.from_bytes(key[-4:], "big")


def attachments(grantee: str) -> bytes:
    """What the attachments of one grantee begin with."""
    return ATTACHMENTS + grantee.encode() + _SEPARATOR


def attachment(grantee: str, policy_name: str) -> bytes:
    """A policy attached to a grantee."""
    return attachments(grantee) + policy_name.encode()


def split_attachment(key: bytes) -> tuple[str, str]:
    """Grantee and policy name from a key of ``a``."""
    grantee, _, name = key[1:].partition(_SEPARATOR)
    return grantee.decode(), name.decode()


def attachments_of(policy_name: str) -> bytes:
    """What the attachments of one policy begin with."""
    return ATTACHMENTS_BY_POLICY + policy_name.encode() + _SEPARATOR


def attachment_of(policy_name: str, grantee: str) -> bytes:
    """One grantee of a policy; the value is empty."""
    return attachments_of(policy_name) + grantee.encode()


def revoked_token(token_id: str) -> bytes:
    """A revoked token by its id (``jti``)."""
    return REVOKED_TOKENS + token_id.encode()


def trust(name: str) -> bytes:
    """A trust by its name."""
    return TRUSTS + name.encode()


def exchanged(digest: bytes) -> bytes:
    """A token that was exchanged."""
    return EXCHANGED + digest


def exchanged_until(until_ms: int, digest: bytes) -> bytes:
    """The same token by the time when it may be forgotten; the value is empty."""
    return EXCHANGED_BY_TIME + until_ms.to_bytes(8, "big") + digest


def split_exchanged(key: bytes) -> tuple[int, bytes]:
    """Milliseconds and digest from a key of ``J``."""
    return int.from_bytes(key[1:9], "big"), key[9:]


def not_before(principal_id: str) -> bytes:
    """Since when what was issued to a principal counts; ``*`` for everybody."""
    return NOT_BEFORE + principal_id.encode()


def ring_key(key_id: str) -> bytes:
    """A key that wraps the keys of objects."""
    return RING_KEYS + key_id.encode()
