"""The composition root: settings become adapters, services, faces and servers, here and nowhere else.

Used by ``serve`` (workers and janitor) and by commands that work on a stopped server. Engines open at their first use,
so what is composed before a fork is opened after it.
"""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from zotplus.adapters.blobs_classes import LocalBlobsByClass
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb
from zotplus.adapters.oidc.settings import login_offers
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.adapters.sealing_aead.sealing import open_sealing
from zotplus.adapters.zot.discovery import connect
from zotplus.app import auditing, omissions
from zotplus.app.encrypting import encryption_of, remote_keyring
from zotplus.app.identities import identities
from zotplus.app.observers import UNOBSERVED, Observers
from zotplus.app.reporting import Reporting
from zotplus.gateway.head import Listener, RequestHead
from zotplus.gateway.limits import RequestLimits
from zotplus.gateway.pipeline import FaceOf, Pipeline
from zotplus.gateway.queries.reading import is_query
from zotplus.gateway.queries.signing import is_signed_for
from zotplus.gateway.route import Face, SupportsPlain
from zotplus.gateway.transport.server import Server, ServerLimits
from zotplus.gateway.transport.wire import Wire
from zotplus.ports.audit import AuditLog
from zotplus.ports.blobs import Blobs
from zotplus.ports.identity import TokenVerifier
from zotplus.ports.keyring import KeyRing, SupportsClose
from zotplus.ports.keyvalue import KeyValue
from zotplus.ports.sealing import Sealing
from zotplus.ports.telemetry import Telemetry
from zotplus.ports.upstream import Upstream
from zotplus.protocols.api.face import PREFIX as API_PREFIX
from zotplus.protocols.api.face import ApiFace
from zotplus.protocols.iam.face import SERVICE as IAM
from zotplus.protocols.iam.face import IamFace
from zotplus.protocols.mint.face import MintFace
from zotplus.protocols.oci.face import OciFace
from zotplus.protocols.operations.face import Exposition, OperationsFace
from zotplus.protocols.operations.readiness import Readiness
from zotplus.protocols.s3.astray.face import AstrayFace, is_minio_administration, speaks_s3
from zotplus.protocols.s3.face import S3Face
from zotplus.protocols.s3.request import Site
from zotplus.protocols.sts.face import StsFace
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.access_logging import AccessLogging
from zotplus.services.configuration.counting import Usage
from zotplus.services.configuration.documents import Documents
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.directory import Services
from zotplus.services.encryption.kms_keys import KmsKeys
from zotplus.services.encryption.rewrapping import Rewrapping
from zotplus.services.events.dead_letters import DeadLetters
from zotplus.services.events.events import Events
from zotplus.services.events.notifications import Notifications
from zotplus.services.events.outbox import Outbox
from zotplus.services.lifecycle.lifecycles import Lifecycles
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.plain import Plain
from zotplus.services.policies.applying import Applying
from zotplus.services.policies.explaining import Explaining
from zotplus.services.policies.policies import Policies
from zotplus.services.protection.limits import CallerLimits
from zotplus.services.removals import Removals
from zotplus.services.renaming import Renaming
from zotplus.services.sharing.objects import ObjectSharing
from zotplus.services.sharing.sharing import Sharing
from zotplus.services.upkeep.backups import BackupReport, Backups
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import Scrub
from zotplus.settings import Settings

OCI_PREFIXES = ("/v2", "/auth")
S3_PREFIX = "/s3"
STS_PREFIX = "/sts"
IAM_PREFIX = "/iam"
MINT_PREFIX = "/_/oidc"
OPERATIONS_PREFIXES = ("/health", "/metrics")


@dataclass(frozen=True, kw_only=True, slots=True)
class Engines:
    """Everything foreign that the services stand on."""

    store: KeyValue
    blobs: Blobs
    sealing: Sealing
    upstream: Upstream
    telemetry: Telemetry
    exposition: Exposition
    verifier: TokenVerifier = field(default_factory=lambda: OidcVerifier(()))
    observers: Observers = UNOBSERVED
    audit: AuditLog | None = None
    keyring: KeyRing | None = None

    async def close(self) -> None:
        """Release all of them."""
        if isinstance(self.keyring, SupportsClose):
            await self.keyring.close()
        await self.verifier.close()
        await self.upstream.close()
        await self.store.close()
        await self.blobs.close()


def local_store(settings: Settings, told: Observers = UNOBSERVED) -> KeyValueLmdb:
    """The metadata store of this machine."""
    return KeyValueLmdb(settings.metadata, on_commit=told.commit)


def local_blobs(settings: Settings, told: Observers = UNOBSERVED) -> LocalBlobsByClass:
    """The content stores of this machine; without storage classes too, to tell of one that was taken away."""

    def open_store(store: FilesystemBlobsSettings) -> BlobsFilesystem:
        return BlobsFilesystem(store, on_read=told.blob_read, on_write=told.blob_written)

    stores = {one.name: open_store(one.blobs) for one in settings.storage_classes}
    return LocalBlobsByClass(open_store(settings.blobs), stores)


def saved_blobs(settings: Settings, folder: Path) -> LocalBlobsByClass:
    """The content stores of the backup in ``folder``: a folder within it for each storage class of the settings."""
    saved = {
        one.name: BlobsFilesystem(FilesystemBlobsSettings(path=str(folder / "classes" / one.name)))
        for one in settings.storage_classes
    }
    return LocalBlobsByClass(BlobsFilesystem(FilesystemBlobsSettings(path=str(folder))), saved)


def engines(settings: Settings, reporting: Reporting, managed_url: str | None = None) -> Engines:
    """The adapters that ``settings`` ask for. ``managed_url`` is where the supervisor's own Zot listens."""
    told = reporting.observers
    return Engines(
        store=local_store(settings, told),
        blobs=local_blobs(settings, told),
        sealing=open_sealing(settings.master_key, settings.data, settings.previous_master_key),
        upstream=connect(settings.upstream, managed_url=managed_url, trace=told.trace),
        telemetry=reporting.telemetry,
        exposition=reporting.exposition,
        verifier=OidcVerifier(settings.identity.issuers),
        observers=told,
        keyring=remote_keyring(settings),
    )


def services(settings: Settings, parts: Engines) -> Services:
    """The use cases over ``parts``."""
    store, blobs = parts.store, parts.blobs
    issuers = [issuer.name for issuer in settings.identity.issuers]
    known = identities(settings, store, parts.sealing, parts.verifier)
    sharing = Sharing(store, issuers=issuers)
    buckets = Buckets(store, settings.s3.region)
    encryption = encryption_of(settings, store, parts.sealing, parts.keyring)
    return Services(
        access=known.access,
        lifecycle=known.lifecycle,
        users=known.users,
        callers=known.callers,
        grants=known.grants,
        federation=known.federation,
        tokens=known.tokens,
        policies=Policies(store, issuers=issuers),
        applying=Applying(store, issuers=issuers),
        explaining=Explaining(store, known.access, known.people, public_access=settings.identity.public_access),
        buckets=buckets,
        documents=Documents(store),
        usage=Usage(store),
        removals=Removals(store, buckets, clock=time.time),
        renaming=Renaming(store),
        encryption=encryption,
        kms_keys=KmsKeys(store, parts.sealing, is_elsewhere=parts.keyring is not None),
        rewrapping=Rewrapping(store, encryption),
        sharing=sharing,
        object_sharing=ObjectSharing(store, sharing),
        lifecycles=Lifecycles(store, classes=settings.class_names, day=settings.lifecycle.day),
        versioning=Versioning(store),
        events=_events(settings, store),
        access_logging=AccessLogging(store),
        objects=Objects(store, blobs, inline_limit=settings.s3.inline_limit, encryption=encryption),
        plain=Plain(store, known.access, encryption),
        multipart=Multipart(store, blobs, encryption=encryption),
        collector=Collector(
            store, blobs, grace=settings.collector.grace, upload_expiry=settings.collector.upload_expiry
        ),
        scrub=Scrub(store, blobs),
        audit=auditing.archive(settings, store),
        backup=partial(_backup, parts, settings),
        logins=login_offers(settings.identity),
    )


def _events(settings: Settings, store: KeyValue) -> Events:
    names = tuple([webhook.name for webhook in settings.events.webhooks])
    return Events(
        notifications=Notifications(store, names),
        outbox=Outbox(store),
        dead_letters=DeadLetters(store),
        webhooks=names,
    )


async def _backup(parts: Engines, settings: Settings, folder: Path) -> BackupReport:
    target = saved_blobs(settings, folder)
    try:
        report = await Backups(parts.store, parts.blobs, target).create(folder)
        return msgspec.structs.replace(report, left_out=omissions.of_backup(settings))
    finally:
        await target.close()


def pipeline(settings: Settings, parts: Engines) -> Pipeline:
    """All faces behind one pipeline."""
    directory = services(settings, parts)
    audit = auditing.trail(settings, parts.store, parts.audit)
    s3 = s3_faces(settings)
    # Where a host can name a bucket, nothing is plain.
    plain: Mapping[Listener, SupportsPlain] = s3 if settings.s3.domain is None else {}
    return Pipeline(faces(settings, parts, directory, s3), directory, audit, _limits(settings), plain_faces=plain)


def s3_faces(settings: Settings) -> dict[Listener, S3Face]:
    """S3 at the root of its own port, and below a prefix of the main one."""
    s3 = settings.s3

    def face(prefix: str, domain: str | None) -> S3Face:
        site = Site(
            prefix=prefix,
            domain=domain,
            region=s3.region,
            takes_keys_over_http=s3.allow_sse_c_over_http,
            classes=settings.class_names,
        )
        return S3Face(site, allow_signature_v2=s3.allow_signature_v2)

    return {Listener.S3: face("", s3.domain), Listener.MAIN: face(S3_PREFIX, None)}


def _limits(settings: Settings) -> RequestLimits | None:
    protection = settings.protection
    return RequestLimits(CallerLimits(protection, settings.workers)) if protection.is_on else None


def faces(settings: Settings, parts: Engines, directory: Services, s3_faces: Mapping[Listener, S3Face]) -> FaceOf:
    """The rule that gives each address its face: by listener, then path, then host; the rest is administration."""
    main_s3, root_s3 = s3_faces[Listener.MAIN], s3_faces[Listener.S3]
    oci = OciFace(parts.upstream, directory.tokens, settings.http.external_url)
    readiness = Readiness(parts.store, parts.blobs, parts.upstream, parts.verifier.status, parts.audit)
    operations = OperationsFace(readiness, parts.exposition, settings.metrics)
    api, sts, iam = ApiFace(), StsFace(), IamFace()
    astray = AstrayFace(main_s3, S3_PREFIX, settings.http.external_url)
    by_prefix: tuple[tuple[str, Face], ...] = (
        *((prefix, oci) for prefix in OCI_PREFIXES),
        (S3_PREFIX, main_s3),
        (STS_PREFIX, sts),
        (IAM_PREFIX, iam),
        (MINT_PREFIX, MintFace()),
        *((prefix, operations) for prefix in OPERATIONS_PREFIXES),
    )
    domain = settings.s3.domain

    def query_face(head: RequestHead) -> Face:
        return iam if is_signed_for(head, IAM) else sts

    def face_of(head: RequestHead) -> Face:
        if head.listener is Listener.S3:
            if is_minio_administration(head):
                return astray
            return query_face(head) if is_query(head, "") else root_s3
        if is_query(head, S3_PREFIX):
            return query_face(head)
        if domain is not None and _is_within_domain(head.headers.get("Host", ""), domain):
            return query_face(head) if is_query(head, "") else root_s3
        path = head.raw_path
        for prefix, face in by_prefix:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                return face
        return astray if not _is_of_api(path) and speaks_s3(head) else api

    return face_of


def _is_of_api(path: str) -> bool:
    return path.startswith(f"{API_PREFIX}/") or path in (API_PREFIX, "/openapi.json")


def _is_within_domain(host: str, domain: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.lower() == domain or name.lower().endswith("." + domain)


def servers(settings: Settings, parts: Engines) -> dict[Listener, Server]:
    """A server for each listener, over one pipeline and one way to the wire."""
    http = settings.http
    limits = ServerLimits(
        idle_seconds=http.body_timeout,
        head_seconds=http.head_timeout,
        keepalive_seconds=http.keepalive_timeout,
        line_bytes=http.max_line_bytes,
        trusted_proxies=tuple(ipaddress.ip_network(network) for network in http.trusted_proxies),
    )
    way, wire = pipeline(settings, parts), Wire(parts.blobs, http.body_timeout, parts.observers.blob_read)
    return {listener: Server(way, wire, parts.telemetry, listener, limits) for listener in Listener}
