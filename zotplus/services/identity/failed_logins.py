"""How often a password may be wrong. In memory, per process and user name; the peer's address is not known here."""

from collections import OrderedDict

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.lookups import Clock

FREE_FAILURES = 10
"""Wrong passwords in a row that cost nothing: a job with an old secret on a few machines stays below."""
WINDOW_SECONDS = 60.0
"""After this long they are forgotten."""
PAUSE_SECONDS = 5.0
"""How long the name is refused after each further one: about 20 guesses a minute and process are left, while whoever
knows the password waits for seconds at most. A longer pause would make locking others out the better attack."""
REMEMBERED_NAMES = 4_096
"""Names remembered, about 1 MiB; the one whose failures are the longest ago goes first."""


class _Failures(msgspec.Struct):
    since: float
    count: int = 0
    last: float = 0.0


class FailedLogins:
    """Names whose passwords were wrong lately. Names that exist and names that do not are treated alike."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: OrderedDict[str, _Failures] = OrderedDict()

    def require_patience(self, name: str) -> None:
        """Raise ``SLOW_DOWN`` while ``name`` pauses, whether or not the password would be right."""
        known = self._names.get(name)
        if known is None or known.count < FREE_FAILURES:
            return
        if 0 <= self._clock() - known.last < PAUSE_SECONDS:  # below 0: the clock was set back
            raise Problem(errors.SLOW_DOWN, f"Too many wrong passwords for this name; wait {PAUSE_SECONDS:.0f} s.")

    def failed(self, name: str) -> None:
        """Count one."""
        now = self._clock()
        known = self._names.get(name)
        if known is None or not 0 <= now - known.since < WINDOW_SECONDS:
            known = self._names[name] = _Failures(since=now)
        known.count += 1
        known.last = now
        self._names.move_to_end(name)
        if len(self._names) > REMEMBERED_NAMES:
            self._names.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget them."""
        self._names.pop(name, None)
