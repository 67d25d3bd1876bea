"""How many requests are being answered, so that a server can end when none is."""

import asyncio
from types import TracebackType


class Running:
    """A count; each request is a ``with`` of its own, or calls ``begin`` and, whatever happens, ``end``."""

    def __init__(self) -> None:
        self.count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self) -> None:
        """One more."""
        self.count += 1
        self._idle.clear()

    def end(self) -> None:
        """One less."""
        self.count -= 1
        if not self.count:
            self._idle.set()

    def __enter__(self) -> None:
        self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    async def ended(self) -> None:
        """Wait until none is running."""
        await self._idle.wait()
