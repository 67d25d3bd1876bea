"""Whom policies and lists of buckets name: principals by ARN, by name, and by ids in the form of Amazon's.

Spec: Amazon S3 User Guide, "Principals for bucket policies"; "Who is a grantee?". A canonical user id cannot be turned
back into a name: it is compared with those of everybody who is known.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from functools import cached_property

from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import principal_of_arn
from zotplus.domain.iam.principal_names import ANONYMOUS, AUTHENTICATED, PUBLIC, USER_PREFIX
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.access import find_credential, find_user
from zotplus.records.trusts import find_trust
from zotplus.services.identity.grantees import is_credential, is_grantee, is_user, issuer_of

_is_canonical = re.compile(r"[0-9a-f]{64}").fullmatch


def canonical_id(name: str) -> str:
    """The id of a principal in the form of Amazon's, which tells nobody the name."""
    return hashlib.sha256(name.encode()).hexdigest()


class Names:
    """Finds who is meant. ``known`` are names that nobody has to look up.

    ``issuers`` are the configured ones; None: people, groups and roles of any are taken.
    """

    def __init__(self, snapshot: Snapshot, issuers: Collection[str] | None, known: Iterable[str] = ()) -> None:
        self._snapshot = snapshot
        self._issuers = issuers
        self._known = {canonical_id(name): name for name in known}

    def of_principal(self, type_: str, text: str) -> str:
        """The name behind a principal of a policy; empty for nobody. As ``buckets.reading.NameOf``."""
        if type_ == "CanonicalUser" or (type_ == "AWS" and _is_canonical(text)):
            return self.of_canonical(text)
        try:
            name = principal_of_arn(text)
        except Problem:
            return ""
        if self._is_somebody(name):
            return name
        user = f"{USER_PREFIX}{name}"  # Amazon's ARN of a user has its bare name
        return user if text.startswith("arn:") and self._is_somebody(user) else ""

    def of_grantee(self, text: str) -> str:
        """The name behind the id of a grantee or owner: one of Amazon's form, or the name itself; empty for nobody."""
        found = self.of_canonical(text)
        if found:
            return found
        return text if text not in (PUBLIC, AUTHENTICATED) and self._is_somebody(text) else ""

    def of_canonical(self, text: str) -> str:
        """The name behind an id in the form of Amazon's; empty where it is nobody's."""
        if _is_canonical(text) is None:
            return ""
        return self._known.get(text) or self._credentials.get(text, "")

    @cached_property
    def _credentials(self) -> dict[str, str]:
        """All keys and robots by such ids; made once, however many a list names."""
        found = self._snapshot.scan(*layout.table_span(layout.CREDENTIALS))
        names = [key[len(layout.CREDENTIALS) :].decode() for key, _ in found]
        return {canonical_id(name): name for name in names}

    def _is_somebody(self, name: str) -> bool:
        """Whether there is such a key, robot or trust, or could be such a person, group or operator."""
        if not is_grantee(name) or name == ANONYMOUS:
            return False
        if is_credential(name):
            return find_credential(self._snapshot, name) is not None
        if is_user(name):
            return find_user(self._snapshot, name.removeprefix(USER_PREFIX)) is not None
        issuer = issuer_of(name)
        if issuer is not None:
            return self._issuers is None or issuer in self._issuers
        kind, _, rest = name.partition(":")
        return kind != "trust" or find_trust(self._snapshot, rest) is not None
