"""All services of one process, as the faces see them."""

from dataclasses import dataclass

from zotplus.services.access import Access
from zotplus.services.buckets import Buckets
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The use cases that a handler may call."""

    access: Access
    buckets: Buckets
    objects: Objects
    multipart: Multipart
