"""Jobs gathered into batches: the thread that takes them is woken once or twice for a batch, not for every job.

Each waking takes the interpreter's lock from the thread that brings the jobs, which costs more than a job itself.
"""

import threading
from typing import Generic, TypeVar

J = TypeVar("J")


class Gathering(Generic[J]):
    """Jobs in the order they came. Any thread may ``put``; one thread takes, at most ``limit`` at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._jobs: list[J] = []
        self._wanted = 1  # how many jobs the taking thread sleeps for
        self._closed = False

    def put(self, job: J) -> None:
        """Add a job."""
        with self._changed:
            self._jobs.append(job)
            if len(self._jobs) == self._wanted:
                self._changed.notify()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, expected: int, linger: float) -> list[J]:
        """Wait for a job, and then for up to ``linger`` seconds until there are ``expected``; empty at the end."""
        with self._changed:
            while not self._jobs and not self._closed:
                self._wanted = 1
                self._changed.wait()
            if len(self._jobs) < expected and not self._closed:
                self._wanted = expected
                self._changed.wait(linger)
            batch = self._jobs[: self._limit]
            del self._jobs[: self._limit]
            return batch
