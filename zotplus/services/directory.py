"""All services of one process, as the faces see them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from zotplus.ports.audit import AuditArchive
from zotplus.ports.identity import LoginOffer
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.access_logging import AccessLogging
from zotplus.services.configuration.counting import Usage
from zotplus.services.configuration.documents import Documents
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.encryption.encryption import Encryption
from zotplus.services.encryption.kms_keys import KmsKeys
from zotplus.services.encryption.rewrapping import Rewrapping
from zotplus.services.events.events import Events
from zotplus.services.federation.federation import Federation
from zotplus.services.identity.access import Access
from zotplus.services.identity.callers import Callers
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.key_lifecycle import KeyLifecycle
from zotplus.services.identity.users import Users
from zotplus.services.lifecycle.lifecycles import Lifecycles
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.plain import Plain
from zotplus.services.policies.applying import Applying
from zotplus.services.policies.explaining import Explaining
from zotplus.services.policies.policies import Policies
from zotplus.services.removals import Removals
from zotplus.services.renaming import Renaming
from zotplus.services.sharing.objects import ObjectSharing
from zotplus.services.sharing.sharing import Sharing
from zotplus.services.tokens.registry_tokens import RegistryTokens
from zotplus.services.upkeep.backups import BackupReport
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import Scrub


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The use cases that a handler may call.

    ``backup`` writes a backup into an empty folder on this machine (``Backups.create``); ``logins`` are the issuers at
    which people log in.
    """

    access: Access
    lifecycle: KeyLifecycle
    users: Users
    callers: Callers
    grants: Grants
    federation: Federation
    tokens: RegistryTokens
    policies: Policies
    applying: Applying
    explaining: Explaining
    buckets: Buckets
    documents: Documents
    usage: Usage
    removals: Removals
    renaming: Renaming
    encryption: Encryption
    kms_keys: KmsKeys
    rewrapping: Rewrapping
    sharing: Sharing
    object_sharing: ObjectSharing
    lifecycles: Lifecycles
    versioning: Versioning
    events: Events
    access_logging: AccessLogging
    objects: Objects
    plain: Plain
    multipart: Multipart
    collector: Collector
    scrub: Scrub
    audit: AuditArchive
    backup: Callable[[Path], Awaitable[BackupReport]]
    logins: tuple[LoginOffer, ...] = ()
