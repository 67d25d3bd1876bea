"""Limits on what one caller asks, where a request meets them: after it is known who asks, before anything is done."""

from zotplus.domain.neighbours import neighbourhood
from zotplus.gateway.context import NOBODY, Context
from zotplus.services.protection.limits import CallerLimits

SMALL_BODY_BYTES = 65_536
"""Up to here a body is in memory at once and no upload that takes time: forms, documents, small objects."""
UNLIMITED_FACES = frozenset({"operations"})
"""Probes and scrapes of an orchestrator come from few addresses, and a server that is busy must not look dead."""


class RequestLimits:
    """Admits requests by the counts of ``callers``."""

    def __init__(self, callers: CallerLimits) -> None:
        self._callers = callers
        self._uploading: dict[int, str] = {}

    def admit(self, context: Context) -> None:
        """Count a request whose caller is known. Raises ``TOO_MANY_REQUESTS``. ``leave`` has to follow."""
        if context.face.name in UNLIMITED_FACES:
            return
        caller = _caller(context)
        self._callers.take(caller)
        length = context.body.length
        if (length is None or length > SMALL_BODY_BYTES) and self._callers.begin_upload(caller):
            self._uploading[id(context)] = caller

    def admit_small(self, caller: str) -> None:
        """As ``admit`` for the principal of a request whose body is small; nobody has to ``leave``."""
        self._callers.take(caller)

    def leave(self, context: Context) -> None:
        """The request is answered."""
        caller = self._uploading.pop(id(context), None)
        if caller is not None:
            self._callers.end_upload(caller)

    def forget(self, context: Context) -> None:
        """An attempt at the request was given up without any effect, and it comes again."""
        if context.principal is not NOBODY and context.face.name not in UNLIMITED_FACES:
            self._callers.give_back(_caller(context))


def _caller(context: Context) -> str:
    """A principal's id; for a request without credentials the address, behind a sign that no id begins with."""
    principal = context.principal
    return f"@{neighbourhood(context.head.peer)}" if principal.is_anonymous else principal.id
