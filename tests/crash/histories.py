"""Histories of one key that many clients read and change at once, and the search for an order that explains them.

A history is linearizable when its operations can be put into one order that keeps what ended before something else
began, and in which each answer is the one that a single key would give. The search is Wing's and Gong's, with the
memory of what was tried that Lowe added: an operation may come next when no other one that is left ended before it
began, and a set of done operations with the same content of the key need not be tried twice. Every writer writes
content that nobody else does, so that an ETag tells which write is seen.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

OK, GONE, FAILED, BUSY = "ok", "gone", "failed", "busy"
OUTCOMES = {200: OK, 204: OK, 404: GONE, 412: FAILED, 409: BUSY}
"""Status -> outcome: it happened; there was no object; the condition did not hold; nothing happened, try again."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One request and its answer, between two moments of one clock.

    A write makes the key ``becomes`` (None: absent), under no condition, ``absent``, or ``match``; a read (``reads``)
    found ``seen``.
    """

    name: str
    began: int
    ended: int
    outcome: str
    reads: bool = False
    seen: str | None = None
    becomes: str | None = None
    absent: bool = False
    match: str | None = None

    def after(self, content: str | None) -> tuple[bool, str | None]:
        """Whether a key with ``content`` gives this answer, and its content then."""
        if self.outcome == BUSY:
            return True, content
        if self.reads:
            return self.seen == content and self.outcome == (GONE if content is None else OK), content
        expected = self._outcome_at(content)
        return expected == self.outcome, self.becomes if expected == OK else content

    def _outcome_at(self, content: str | None) -> str:
        if self.absent:
            return OK if content is None else FAILED
        if self.match is None:
            return OK
        if content is None:
            return GONE
        return OK if content == self.match else FAILED


def explain(history: Sequence[Operation], content: str | None = None) -> list[Operation] | None:
    """An order that explains ``history`` from a key with ``content``; None where there is none."""
    operations = sorted(history, key=lambda operation: operation.began)
    everything = (1 << len(operations)) - 1
    tried: set[tuple[int, str | None]] = set()
    # Each frame: what is done, the content then, what may come next, and the operation that led here.
    stack = [(0, content, iter(_candidates(operations, 0)), -1)]
    while stack:
        done, now, candidates, _ = stack[-1]
        if done == everything:
            return [operations[frame[3]] for frame in stack[1:]]
        for number in candidates:
            fits, then = operations[number].after(now)
            following = done | 1 << number
            if fits and (following, then) not in tried:
                tried.add((following, then))
                stack.append((following, then, iter(_candidates(operations, following)), number))
                break
        else:
            stack.pop()
    return None


def _candidates(operations: Sequence[Operation], done: int) -> list[int]:
    """What is left and began before anything else that is left had ended."""
    left = [number for number in range(len(operations)) if not done >> number & 1]
    if not left:
        return []
    first_end = min(operations[number].ended for number in left)
    return [number for number in left if operations[number].began <= first_end]


@dataclass
class Recorder:
    """Collects the operations of many threads."""

    history: list[Operation] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, name: str, act: Callable[[], object], **what):
        """Do ``act``, whose answer has a status, and note when it began and ended; the answer."""
        began = time.monotonic_ns()
        answer = act()
        ended = time.monotonic_ns()
        seen = answer.etag if what.get("reads") and answer.status == 200 else None
        operation = Operation(name=name, began=began, ended=ended, outcome=OUTCOMES[answer.status], seen=seen, **what)
        with self._lock:
            self.history.append(operation)
        return answer


def told(history: Sequence[Operation]) -> str:
    """The history for people, by time."""
    ordered = sorted(history, key=lambda operation: operation.began)
    first = ordered[0].began if ordered else 0
    return "\n".join(
        f"{(operation.began - first) // 1000:8} to {(operation.ended - first) // 1000:8} us  {operation.name}: "
        f"{operation.outcome} {operation.seen or ''}"
        for operation in ordered
    )
