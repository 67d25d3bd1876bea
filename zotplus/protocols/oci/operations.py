"""Parsed requests of the distribution API: frozen values that say what they need leave for."""

import msgspec

from zotplus.domain.actions import OCI_DELETE, OCI_PULL, OCI_PUSH, Action
from zotplus.domain.iam import Need
from zotplus.protocols.oci.addresses import Address, Parameters, build_query


class Forwarded(msgspec.Struct, frozen=True, kw_only=True):
    """A request that goes to the upstream when ``action`` on its repository is allowed.

    ``parameters`` are those of the query that the operation knows; the rest is dropped.
    """

    address: Address
    parameters: Parameters = ()
    action: Action

    def needs(self) -> tuple[Need, ...]:
        """The action on the repository."""
        return (Need(self.action.name, resource(self.address.repository)),)

    @property
    def target(self) -> str:
        """Path and query as the upstream gets them, spelled by the gateway."""
        return self.address.path + build_query(self.parameters)


class BeginUpload(Forwarded, frozen=True, kw_only=True):
    """POST of an upload; ``mount`` is a digest that the client would rather have linked from ``source``.

    Leave to read ``source`` is not needed to upload: without it the mount becomes an upload, as the specification
    allows, and nobody learns whether the blob is there.
    """

    mount: str = ""
    source: str = ""


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """A page of repository names: ``limit`` entries after ``last``. The handler decides per repository."""

    limit: int
    last: str = ""

    def needs(self) -> tuple[Need, ...]:
        """Nothing in general."""
        return ()


class Bare(msgspec.Struct, frozen=True):
    """A request that says nothing beyond its route: the ping, and the token server's, whose handlers decide."""

    def needs(self) -> tuple[Need, ...]:
        """Nothing in general."""
        return ()


def resource(repository: str) -> str:
    """The name of a repository in policies."""
    return f"oci:{repository}"


def may_pull(repository: str) -> Need:
    """Leave to read ``repository``."""
    return Need(OCI_PULL.name, resource(repository))


SCOPE_ACTIONS = {OCI_PULL.name: ("pull",), OCI_PUSH.name: ("pull", "push"), OCI_DELETE.name: ("delete",)}
"""What a challenge tells a client to ask for. Pushing clients read as well (HEAD of blobs and manifests)."""
