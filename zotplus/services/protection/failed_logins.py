"""How often a password may be wrong: by name and by address, in memory and per process.

Failures fill a bucket that leaks. Above its mark each further one makes everybody of that name, or behind that address,
wait, twice as long every time. Whoever logged in with this name from this address last time does not wait for the
mistakes of others: otherwise guessing would be the way to lock people out (OWASP Authentication Cheat Sheet, "Account
Lockout"). Names that exist and names that do not are treated alike.
"""

import math
from collections import OrderedDict

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.neighbours import neighbourhood
from zotplus.services.lookups import Clock

REMEMBERED = 4_096
"""Names, addresses and pairs remembered, each about 1 MiB; what was used the longest ago goes first."""
FIRST_PAUSE_SECONDS = 1.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """``free`` failures cost nothing, one is forgiven in ``leak`` seconds, a pause has at most ``longest`` seconds."""

    free: int
    leak: float
    longest: float


BY_NAME = Patience(free=10, leak=6.0, longest=30.0)
"""A job with an old secret on a few machines stays below ten. In the long run ten guesses a minute and process are
left. Whoever knows the password and comes from a new address waits for half a minute at most."""
BY_ADDRESS = Patience(free=40, leak=3.0, longest=60.0)
"""More, because a company may share one address; across all names twenty guesses a minute and process are left."""


class _Failures(msgspec.Struct):
    last: float
    level: float = 0.0
    until: float = 0.0


class _Tally:
    """The failures under each name, or from each address."""

    def __init__(self, patience: Patience, clock: Clock) -> None:
        self.known: OrderedDict[str, _Failures] = OrderedDict()
        self._patience = patience
        self._clock = clock

    def pause(self, key: str) -> float:
        """Seconds that ``key`` still has to wait; 0 where it need not."""
        known = self.known.get(key)
        if known is None:
            return 0.0
        left = known.until - self._clock()
        return left if 0 < left <= self._patience.longest else 0.0  # longer: the clock was set back

    def count(self, key: str) -> None:
        """One more."""
        now, patience = self._clock(), self._patience
        known = self.known.get(key)
        if known is None or now < known.last:
            known = self.known[key] = _Failures(last=now)
        known.level = max(0.0, known.level - (now - known.last) / patience.leak) + 1
        known.last = now
        over = known.level - patience.free
        if over >= 0:
            known.until = now + min(patience.longest, FIRST_PAUSE_SECONDS * 2.0 ** min(over, 30))
        self.known.move_to_end(key)
        if len(self.known) > REMEMBERED:
            self.known.popitem(last=False)


class FailedLogins:
    """Who has to wait before the next password is looked at."""

    def __init__(self, clock: Clock) -> None:
        self._names = _Tally(BY_NAME, clock)
        self._addresses = _Tally(BY_ADDRESS, clock)
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    def require_patience(self, name: str, address: str = "") -> None:
        """Raise ``LOGIN_PAUSED`` while ``name`` or ``address`` has to wait, whether or not the password is right."""
        near = neighbourhood(address)
        if (name, near) in self._familiar:
            return
        pause = max(self._names.pause(name), self._addresses.pause(near))
        if pause:
            seconds = math.ceil(pause)
            raise Problem(errors.LOGIN_PAUSED, f"Too many wrong passwords; wait {seconds} s.", retry_after=seconds)

    def failed(self, name: str, address: str = "") -> None:
        """Count a wrong password. An empty ``name``: what came was no login of anybody."""
        near = neighbourhood(address)
        self._familiar.pop((name, near), None)
        if name:
            self._names.count(name)
        if near:
            self._addresses.count(near)

    def succeeded(self, name: str, address: str = "") -> None:
        """Remember that ``name`` logs in from ``address``. What others did under the name stays counted."""
        pair = (name, neighbourhood(address))
        if pair in self._familiar or not pair[1]:
            return
        self._familiar[pair] = None
        if len(self._familiar) > REMEMBERED:
            self._familiar.popitem(last=False)
