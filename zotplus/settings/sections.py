"""The settings as data: what can be set, its unit, its default and why it is what it is.

The docstring below each field is the one source of the reference page, the JSON Schema and ``zotplus config schema``.
Settings of an engine are declared by its adapter; this module puts them together.
"""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from zotplus.adapters.audit.settings import AuditSettings
from zotplus.adapters.blobs_fs.settings import FilesystemBlobsSettings
from zotplus.adapters.keyring_vault.settings import VaultSettings
from zotplus.adapters.keyvalue_lmdb.settings import LmdbSettings
from zotplus.adapters.oidc.settings import IdentitySettings
from zotplus.adapters.telemetry.settings import LogSettings, MetricsSettings, TelemetrySettings
from zotplus.adapters.webhooks.settings import EventSettings
from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.ports.blobs import CLASS_NAME
from zotplus.services.federation.sessions import SessionSettings
from zotplus.services.protection.limits import ProtectionSettings
from zotplus.services.tokens.registry_tokens import RegistryTokenSettings

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400 * 365)]
SecretText = Annotated[str, msgspec.Meta(min_length=1, max_length=65_536, extra={"secret": True})]

_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Processor cores that this process may use: its affinity, capped by the container's limit, at least 1.

    Spec: Linux cgroup v2, "cpu.max" (``quota period`` in microseconds, or ``max``).
    """
    usable = len(os.sched_getaffinity(0))
    try:
        quota, _, period = _CPU_LIMIT.read_text().strip().partition(" ")
        limit = usable if quota == "max" else round(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        limit = usable
    return max(1, min(usable, limit, 256))


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Certificate and key of the listening ports; both are read again when a file changes and at SIGHUP."""

    certificate: Annotated[str, msgspec.Meta(min_length=1)]
    """Path of the certificate chain in PEM, the server's own first. No default: TLS is on where it is set."""

    key: Annotated[str, msgspec.Meta(min_length=1)]
    """Path of the private key in PEM, without a passphrase. It must not be readable by every user."""

    client_ca_file: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    """Path of the certificates, in PEM, of the authorities that sign operators' client certificates
    (``identity.operators``). None by default: no client is asked for one. Use an authority of your own: whoever gets a
    certificate from it can open a connection."""

    client_certificates: Literal["optional", "required"] = "optional"
    """Whether a client without a certificate may connect, and come with other credentials. ``optional`` by default,
    because ``required`` shuts out ordinary clients and the probes of a kubelet."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The main port: registry, S3 under ``/s3``, administration, operations."""

    address: str = "0.0.0.0"
    """IP address to listen on, for the S3 port too; ``::`` takes IPv6 and IPv4. All of IPv4 by default, because
    a registry is there for other machines."""

    port: Port = 8080
    """TCP port. Above 1023, so that no privilege is needed; 0 takes a free one and prints it."""

    head_timeout: Seconds = 15.0
    """Seconds from the first byte of a request to the end of its head. Ends slow-header attacks; honest clients
    send a head in one packet."""

    body_timeout: Seconds = 60.0
    """Seconds without a single byte of a body, either way, before the connection is closed. There is no limit on
    the whole, so that slow lines can move large layers."""

    keepalive_timeout: Seconds = 75.0
    """Seconds that an idle connection is kept. Longer than the 60 s of usual load balancers, which otherwise
    reuse a connection just when it is closed."""

    max_line_bytes: Annotated[int, msgspec.Meta(ge=4_096, le=1_048_576)] = 16_384
    """Bytes of the request line and of each header at most; there may be 128 headers. A key of 1,024 bytes,
    percent-encoded, with a presigned query that carries a session token fits."""

    tls: TlsSettings | None = None
    """TLS 1.2 and later for both ports. Off by default: usually an ingress or route ends TLS."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) whose ``X-Forwarded-For``, ``-Proto`` and ``-Host`` are believed. None by default, because
    anybody could otherwise choose the address that the log and the policies see."""

    external_url: str | None = None
    """The address by which clients reach the main port (``https://registry.example.org``), for token realms and
    links. Taken from the Host header by default."""

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.address)
        for network in self.trusted_proxies:
            ipaddress.ip_network(network)
        if self.external_url is not None:
            require_origin(self.external_url)


class S3Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The S3 face, under ``/s3`` of the main port and at the root of its own."""

    port: Port | None = 9000
    """TCP port where S3 is at the root, for clients that refuse a path in the endpoint (mc, warp); 0 takes a free
    one, ``null`` opens none."""

    region: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    """The region that buckets report, and that a new bucket may name. AWS's own default, so that clients need not be
    told. Signatures may name any region: it is covered by the signature and guards nothing here."""

    domain: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9.-]{1,253}$")] | None = None
    """DNS name below which buckets are virtual hosts (``bucket.s3.example.org``). None by default: path style only."""

    allow_signature_v2: bool = False
    """Whether SigV2 presigned URLs are accepted. Off by default: SigV2 signs with SHA-1 and leaves headers out."""

    inline_limit: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 16_384
    """Bytes up to which an object's content lives in its metadata record. One lookup reads it and one group commit
    writes it; above 16 KiB the metadata grows faster than it gains. 0 keeps every object apart."""

    access_log_interval: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0
    """Seconds that lines of buckets' access logs wait in memory before they are put as an object, or until there is a
    MiB of them. Five minutes: fewer, larger objects; what a killed process has not put is lost."""

    encryption: Literal["none", "SSE-S3"] = "none"
    """Encryption of new objects that neither their request nor their bucket says anything about. ``none`` by default:
    a disk that is encrypted as a whole does the same for all data, and plain content goes to clients without passing
    through the program. ``SSE-S3`` is what Amazon does."""

    allow_sse_c_over_http: bool = False
    """Whether customers' encryption keys are taken over plain HTTP. Off by default, as on Amazon: anybody on the way
    could read the key. Connections that a trusted proxy ends TLS for count as secure."""


class KmsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of SSE-KMS: in the registry's own ring, or in Vault or OpenBao."""

    default_key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")] = "s3-default"
    """Key where a request for SSE-KMS names none. In the registry's own ring it comes into being when it is first used,
    and it takes no ``kms:`` right, as ``aws/s3`` on Amazon; in Vault it has to be made."""

    vault: VaultSettings | None = None
    """Transit engine that holds the keys. None by default: the registry's own ring holds them, sealed."""


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The first administrator. Set both or none; when none is set, both are made and printed at the first start."""

    access_key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{3,128}$")] | None = None
    """Access key id: 3 to 128 letters, digits, dots, hyphens and underscores."""

    secret_key: Annotated[str, msgspec.Meta(min_length=8, max_length=128, extra={"secret": True})] | None = None
    """Secret key, 8 to 128 characters. There is no default secret, ever."""

    def __post_init__(self) -> None:
        if (self.access_key is None) is not (self.secret_key is None):
            raise ValueError("set both access_key and secret_key, or none")

    def __repr__(self) -> str:
        """Without the secret, which must not reach a log by way of a traceback."""
        return f"AdminSettings(access_key={self.access_key!r}, …)"


class CollectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The janitor's collection of content that nothing refers to any more."""

    interval: Seconds = 600.0
    """Seconds between two runs. A run costs one pass over the changed references."""

    grace: Seconds = 3_600.0
    """Seconds that unreferenced content is kept, so that a write under way never loses what it is about to name."""

    upload_expiry: Seconds = 7 * 86_400.0
    """Seconds after which an unfinished multipart upload is dropped. A week, as AWS suggests for lifecycle rules."""


class LifecycleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The janitor's work for buckets with lifecycle rules."""

    interval: Seconds = 3_600.0
    """Seconds between two rounds over all versions in such buckets. Hourly: what is due at midnight UTC, as with
    Amazon, is gone an hour later, and a round costs one pass over the metadata."""

    day: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)] = 86_400.0
    """Seconds that a day of the rules has, to whose multiples they round. Only tests have a reason to shorten it:
    objects then expire as early as that, for good."""


class StorageClassSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A storage class with a store of its own."""

    name: Annotated[str, msgspec.Meta(pattern=f"^{CLASS_NAME}$")]
    """The name by which clients ask for it (``x-amz-storage-class``) and lifecycle rules move objects there: up to 32
    capital letters, digits and underscores. It can be one of Amazon's (``GLACIER_IR``), but ``STANDARD`` is what
    ``blobs`` holds. Do not change or remove it while objects are in it: they could not be read."""

    blobs: FilesystemBlobsSettings
    """Where its content is: a folder, usually on slower and cheaper disks."""


def require_origin(url: str) -> None:
    """Refuse what is not ``http(s)://host[:port]``. Raises ``ValueError``."""
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError outside 0 to 65535
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise ValueError("an address is http://host:port or https://host:port, without path or credentials")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one server."""

    data_dir: Annotated[str, msgspec.Meta(min_length=1)] = "./var"
    """Folder of all that the server keeps, made when missing; on a local disk, for one server at a time."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = msgspec.field(default_factory=cores)
    """Processes that serve requests. One per core (within the container's CPU limit) uses the machine; more gain
    nothing."""

    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 25.0
    """Seconds that requests under way have to finish after SIGTERM. Below Kubernetes' 30 s, after which it kills."""

    master_key: SecretText | None = None
    """Key that seals stored secrets: 32 random bytes in base64 or hexadecimal. By default the file ``master.key`` in
    the data folder, made at the first start; a backup is worth nothing without it."""

    previous_master_key: SecretText | None = None
    """The master key before this one, in the same form: opens what was sealed under it and seals nothing. None by
    default; set it while `zotplus keys rotate-master` has not run since ``master_key`` was changed."""

    http: HttpSettings = HttpSettings()
    s3: S3Settings = S3Settings()
    kms: KmsSettings = KmsSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    admin: AdminSettings = AdminSettings()
    identity: IdentitySettings = IdentitySettings()
    protection: ProtectionSettings = ProtectionSettings()
    metadata: LmdbSettings = LmdbSettings(path="./var/metadata")
    blobs: FilesystemBlobsSettings = FilesystemBlobsSettings(path="./var/blobs")
    storage_classes: tuple[StorageClassSettings, ...] = ()
    """Storage classes that have a store of their own, from the warmest to the coldest: a lifecycle rule never moves an
    object back. None by default: everything is in ``blobs``, and Amazon's class names are only noted."""

    collector: CollectorSettings = CollectorSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    events: EventSettings = EventSettings()
    registry_tokens: RegistryTokenSettings = RegistryTokenSettings()
    sessions: SessionSettings = SessionSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    def __post_init__(self) -> None:
        if self.upstream.url is not None:
            require_origin(self.upstream.url)
        if self.http.port and self.http.port == self.s3.port:
            raise ValueError(f"http.port and s3.port are both {self.http.port}; each needs its own")
        if self.identity.operators and (self.http.tls is None or self.http.tls.client_ca_file is None):
            raise ValueError("identity.operators needs http.tls.client_ca_file, which says whose certificates count")

        self._check_classes()

    def _check_classes(self) -> None:
        names = [*self.class_names, "STANDARD"]
        paths = [Path(one.blobs.path).absolute() for one in self.storage_classes]
        if len(set(names)) < len(names):
            raise ValueError("each of storage_classes has a name of its own, and none is STANDARD")
        if len({*paths, Path(self.blobs.path).absolute()}) <= len(paths):
            raise ValueError("each of storage_classes has a folder of its own, and so has blobs")

    @property
    def class_names(self) -> tuple[str, ...]:
        """The storage classes that have a store of their own, warmest first."""
        return tuple(one.name for one in self.storage_classes)

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.data_dir)

    def __repr__(self) -> str:
        """Without values, as above."""
        return f"Settings(data_dir={self.data_dir!r}, …)"


DERIVED_PATHS = {("metadata", "path"): "metadata", ("blobs", "path"): "blobs"}
"""Settings whose default is a folder of this name in ``data_dir``."""
