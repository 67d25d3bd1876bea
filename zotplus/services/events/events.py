"""The services about events as one, for the faces."""

from dataclasses import dataclass

from zotplus.services.events.dead_letters import DeadLetters
from zotplus.services.events.notifications import Notifications
from zotplus.services.events.outbox import Outbox


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """Rules of buckets, queues, and what could not be delivered. ``webhooks`` are the names in the settings."""

    notifications: Notifications
    outbox: Outbox
    dead_letters: DeadLetters
    webhooks: tuple[str, ...] = ()
