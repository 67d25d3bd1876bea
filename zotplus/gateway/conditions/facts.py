"""What has to be known of an object before a request about it can be decided: its tags, and what its list gives.

Looked up only where a policy of the caller asks for it (``PolicySet.facts``), between knowing who asks and deciding.
A need about an object whose facts were not looked up although they count is denied: nothing is decided by half.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from zotplus.domain.iam import Denied, Need
from zotplus.domain.iam.principal_names import AUTHENTICATED, PUBLIC
from zotplus.domain.principals import Principal
from zotplus.services.sharing.values import Address

if TYPE_CHECKING:
    from zotplus.gateway.context import Context

VERSION_KEY = "s3:versionid"
_S3 = "s3:"
_UNKNOWN = Denied("policies ask for what was not looked up of the object")

Keys = Mapping[str, str | tuple[str, ...]]


class Facts:
    """The facts of one request by resource and version."""

    __slots__ = ("_first", "_known")

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Keys] = {}
        self._first: dict[str, Keys] = {}

    def put(self, resource: str, version: str, keys: Keys) -> None:
        """Note what is known of a version, or of the newest (empty)."""
        self._known[resource, version] = keys
        self._first.setdefault(resource, keys)

    def are_known(self, need: Need) -> bool:
        """Whether the facts that ``need`` is about were looked up."""
        return (need.resource, _version(need)) in self._known

    def given(self, need: Need) -> Need | Denied:
        """``need`` with the facts; the denial where they are unknown and it is about an object.

        What a handler asks later, about the object that the request is about, names no version.
        """
        keys = self._known.get((need.resource, _version(need)))
        if keys is None:
            keys = self._first.get(need.resource)
        if keys is None:
            return _UNKNOWN if "/" in need.resource else need
        return msgspec.structs.replace(need, keys={**keys, **need.keys})


NO_FACTS = Facts()
"""Those of nearly every request; never written to."""


def wants_facts(principal: Principal, need: Need) -> bool:
    """Whether policies of ``principal`` ask for facts to decide ``need``."""
    return need.resource.startswith(_S3) and principal.policies.wants_facts(need.resource)


async def gather(context: "Context", needs: Iterable[Need]) -> None:
    """Look up what policies of the caller ask for about all that ``needs`` are about. Costs nothing where none does."""
    principal = context.principal
    if not principal.policies.facts:
        return
    names = names_of(principal)
    for need in needs:
        if not wants_facts(principal, need) or context.facts.are_known(need):
            continue
        if context.facts is NO_FACTS:
            context.facts = Facts()
        address = address_of(need)
        context.facts.put(need.resource, address.version, await context.services.object_sharing.facts(address, names))


def address_of(need: Need) -> Address:
    """The bucket, object or version that ``need``, which is about S3, names."""
    bucket, _, key = need.resource.removeprefix(_S3).partition("/")
    return Address(bucket=bucket, key=key, version=_version(need))


def names_of(principal: Principal) -> frozenset[str]:
    """All names by which access control lists know ``principal``."""
    if principal.is_anonymous:
        return frozenset({PUBLIC})
    return frozenset({principal.id, *principal.names, PUBLIC, AUTHENTICATED})


def _version(need: Need) -> str:
    version = need.keys.get(VERSION_KEY, "")
    return version if isinstance(version, str) else ""
