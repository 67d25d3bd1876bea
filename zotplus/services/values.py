"""The values that the object services take and give. Times are seconds since the epoch, sizes are bytes."""

from collections.abc import AsyncIterator

import msgspec

from zotplus.domain.conditions import (
    UNCONDITIONAL_READ,
    UNCONDITIONAL_WRITE,
    ReadConditions,
    Unchanged,
    WriteConditions,
)
from zotplus.domain.encryption.framing import Opener
from zotplus.domain.ranges import Range


class BucketInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket: its name, when it was created, by which principal id, and the region it reports.

    ``versioning`` is empty, ``Enabled`` or ``Suspended``; ``documents`` are the kinds of documents that it has.
    """

    name: str
    created: float
    owner: str
    region: str
    versioning: str = ""
    lock_enabled: bool = False
    ownership: str = "BucketOwnerEnforced"
    documents: tuple[str, ...] = ()


class BucketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a bucket begins: ``versioning`` as ``BucketInfo`` has it; ``lock_enabled`` keeps versions in any case.

    ``acl`` is its access control list, whose grantees may be stand-ins (``domain/storage/acls``). ``encryption`` is the
    default of its objects, quotas are 0 for none.
    """

    versioning: str = ""
    lock_enabled: bool = False
    ownership: str = "BucketOwnerEnforced"
    acl: "tuple[AclGrant, ...]" = ()
    encryption: "Protection | None" = None
    tags: dict[str, str] = {}
    quota_bytes: int = 0
    quota_objects: int = 0


PLAIN_BUCKET = BucketOptions()


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes something, for owners and events: principal id, request id, and the client's address."""

    principal: str = ""
    request_id: str = ""
    address: str = ""


NOBODY = Actor()


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a version: ``mode`` GOVERNANCE, COMPLIANCE or empty; ``until`` seconds since the epoch; a hold."""

    mode: str = ""
    until: float = 0.0
    legal_hold: bool = False


class AclGrant(msgspec.Struct, frozen=True):
    """One line of an access control list: ``grantee`` (principal id, ``public`` or ``authenticated``), permission."""

    grantee: str
    permission: str


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """How content is or shall be encrypted: ``scheme`` SSE-S3, SSE-KMS or SSE-C.

    ``key_id`` is the KMS key's, ``context`` its encryption context as JSON. ``customer_key`` are the 32 bytes that came
    with an SSE-C request (never stored, never logged), ``key_md5`` the base64 of their MD5.
    """

    scheme: str
    key_id: str = ""
    context: str = ""
    bucket_key: bool = False
    customer_key: bytes = b""
    key_md5: str = ""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Protection({self.scheme})"


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer says about an object. ``headers`` are the stored content headers, with lower-case names.

    They are ``content-type``, ``cache-control``, ``content-disposition``, ``content-encoding``, ``content-language``
    and ``expires``; ``metadata`` is the user's, without the ``x-amz-meta-`` prefix. ``lock`` None asks for the bucket's
    default, ``protection`` None too.
    """

    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    tags: dict[str, str] = {}
    lock: Lock | None = None
    acl: tuple[AclGrant, ...] = ()
    protection: Protection | None = None


class Checksum(msgspec.Struct, frozen=True, kw_only=True):
    """A stored checksum: ``algorithm`` as S3 writes it (``CRC64NVME``), base64 ``value``, FULL_OBJECT or COMPOSITE."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a stored blob: hexadecimal ``digest``, ``offset`` and ``length``; ``sums`` as ``ChunkSums.to_bytes``.

    Where there is an ``opener`` the blob is encrypted: offset and length are those of the plaintext, which only the
    opener gives, and it proves it.
    """

    digest: str
    offset: int
    length: int
    sums: bytes = b""
    opener: Opener | None = None


class ObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An object without its content. ``etag`` has no quotes; ``part_sizes`` is empty unless it came in parts.

    ``version`` is None where the bucket never kept versions, ``null`` for the version without an id. ``owner`` is a
    principal id, empty for what was written before owners were kept. ``ages`` says that its bucket has lifecycle rules.
    """

    key: str
    size: int
    etag: str
    modified: float
    attributes: Attributes = Attributes()
    checksum: Checksum | None = None
    part_sizes: tuple[int, ...] = ()
    part_checksums: tuple[str, ...] = ()
    version: str | None = None
    owner: str = ""
    ages: bool = False


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which version to read, and what of it; ``version`` is empty for the newest.

    The range ``wanted`` counts only where the object is ``unchanged``. ``customer_key`` opens what SSE-C encrypted; for
    what is about tags, lock or rights and not about the content ``keyless`` asks for no such key.
    """

    version: str = ""
    wanted: Range | None = None
    conditions: ReadConditions = UNCONDITIONAL_READ
    unchanged: Unchanged | None = None
    customer_key: bytes = b""
    keyless: bool = False


NEWEST = Selection()


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What to delete: a ``version`` for good, or (empty) the object, which leaves a marker where versions are kept.

    ``bypass`` lets governance retention be passed over by who may.
    """

    version: str = ""
    conditions: WriteConditions = UNCONDITIONAL_WRITE
    bypass: bool = False
    by: Actor = NOBODY


NOW = Deletion()


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """What a deletion did: whether anything was there, and the version that is gone or the marker that was made.

    ``version`` is None where the bucket never kept versions. ``is_marker`` says that ``version`` is a delete marker,
    just made or (where a version was named) just removed.
    """

    was_there: bool
    version: str | None = None
    is_marker: bool = False


class ObjectContent(msgspec.Struct, frozen=True, kw_only=True):
    """An object and where its bytes are: inlined here, or in slices to be sent in order."""

    info: ObjectInfo
    inline: bytes | None
    slices: tuple[Slice, ...] = ()


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the content must turn out to be; every value given is checked before anything becomes visible.

    ``md5`` is hexadecimal, ``sha256`` hexadecimal (x-amz-content-sha256). ``algorithm`` asks for that checksum to be
    computed and kept; ``checksum`` is its expected base64 value, or a function where it only comes in a trailer.
    """

    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    algorithm: str | None = None
    checksum: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Content on its way in: ``chunks`` decoded, ``expected`` known beforehand.

    ``trailer`` is asked once after the last chunk for checksums that came behind the body: header name -> value. ``by``
    is who sends it; ``customer_key`` comes with a part of an SSE-C upload. ``event`` is what to announce.
    """

    chunks: AsyncIterator[bytes]
    expected: Expected = Expected()
    trailer: "Trailer | None" = None
    by: Actor = NOBODY
    event: str = "ObjectCreated:Put"
    customer_key: bytes = b""


class Small(msgspec.Struct, frozen=True, kw_only=True):
    """As ``Source``, of ``content`` that is here already, with the ``headers`` of its object."""

    content: bytes
    headers: dict[str, str]
    expected: Expected = Expected()
    by: Actor = NOBODY
    event: str = "ObjectCreated:Put"


class Trailer(msgspec.Struct):
    """Filled by the body's decoder when the last chunk has been read: lower-case header name -> value."""

    values: dict[str, str] = {}


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy to be made: ``source`` and ``target`` are bucket and key; ``attributes`` None keeps the source's.

    ``algorithm`` names the checksum that the copy is to have, of its whole content; None keeps the source's. The
    ``conditions`` are judged by the source, the ``target_conditions`` by what is there now. ``source_version`` is empty
    for the newest, ``source_key`` the customer's key of an SSE-C source. Of ``target_attributes`` only lock, access
    control list, protection and (unless it ``keeps_tags``) tags count: they are never taken from the source.
    ``storage_class`` None is that of the attributes.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    attributes: Attributes | None = None
    algorithm: str | None = None
    conditions: ReadConditions = UNCONDITIONAL_READ
    target_conditions: WriteConditions = UNCONDITIONAL_WRITE
    source_version: str = ""
    source_key: bytes = b""
    target_attributes: Attributes = Attributes()
    keeps_tags: bool = True
    storage_class: str | None = None
    by: Actor = NOBODY

    @property
    def changes_nothing(self) -> bool:
        """Whether it would put an object onto itself as it is; bringing an earlier version back is a change."""
        return (
            self.source == self.target
            and not self.source_version
            and self.attributes is None
            and self.algorithm is None
            and self.keeps_tags
            and self.storage_class is None
            and self.target_attributes.protection is None
        )


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A listing: keys after ``after`` (exclusive) with ``prefix``; those alike up to ``delimiter`` are rolled up.

    ``after`` is a key or a common prefix of an earlier page; ``limit`` 0 to 1,000 entries and prefixes together.
    """

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = 1000


class ListEntry(msgspec.Struct, frozen=True):
    """One listed object: its ``key`` and ``fragment``, the ready XML of everything after <Key> but <Owner>.

    The fragment (``domain/listing.py``) is rendered once, when the object is written.
    """

    key: str
    fragment: bytes


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page: ``items`` in order, a str is a common prefix; ``next_after`` is None on the last page."""

    items: tuple[ListEntry | str, ...]
    next_after: str | None = None


class VersionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of versions behind ``after``, a key or common prefix; with ``after_version`` that key goes on there."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    after_version: str = ""
    limit: int = 1000


class VersionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A listed version or delete marker; ``fragment`` as that of ``ListEntry``, ``version`` is ``null`` without id."""

    key: str
    version: str
    is_newest: bool
    is_marker: bool
    fragment: bytes
    owner: str
    modified: float


class VersionListing(msgspec.Struct, frozen=True, kw_only=True):
    """A page: ``items`` in order, a str is a common prefix; ``next_after`` is (key, version), None on the last page."""

    items: tuple[VersionEntry | str, ...]
    next_after: tuple[str, str] | None = None


class PartInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded part; ``number`` 1 to 10,000, ``etag`` without quotes, encrypted as its upload."""

    number: int
    size: int
    etag: str
    modified: float
    checksum: Checksum | None = None
    protection: Protection | None = None


class UploadInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished multipart upload."""

    key: str
    upload_id: str
    initiated: float
    initiator: str
    attributes: Attributes = Attributes()
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


class PartSource(msgspec.Struct, frozen=True, kw_only=True):
    """What a part is copied from: ``wanted`` are first and last byte, None for all; ``version`` empty for the newest.

    ``customer_key`` opens what SSE-C encrypted, ``part_key`` is that of an SSE-C upload.
    """

    bucket: str
    key: str
    version: str = ""
    wanted: tuple[int, int] | None = None
    conditions: ReadConditions = UNCONDITIONAL_READ
    customer_key: bytes = b""
    part_key: bytes = b""


class PartChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One line of CompleteMultipartUpload: the part meant, its ETag, and algorithm and value of a checksum if given."""

    number: int
    etag: str
    algorithm: str | None = None
    checksum: str | None = None


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload is completed to: the parts in order, and what is expected of the whole (size, checksum).

    ``checksum_type`` is the one that the client believes the upload to have, None where it does not say.
    """

    parts: tuple[PartChoice, ...]
    expected: Expected = Expected()
    checksum_type: str | None = None
    by: Actor = NOBODY
