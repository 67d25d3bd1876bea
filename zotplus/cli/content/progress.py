"""How far a transfer is: what the engines tell, and the line that shows it to people."""

import time
from typing import Protocol, TextIO

from zotplus.cli.output import human_size

_INTERVAL = 0.1
"""Seconds between two drawings: smooth for eyes, and no work to speak of."""


class Progress(Protocol):
    """Counts bytes; what must be sent again is taken back first."""

    def expect(self, count: int) -> None:
        """So many more bytes are to come in all."""
        ...

    def advance(self, count: int) -> None:
        """So many bytes are through; negative when they must go again."""
        ...


class Meter:
    """Counts, and draws one line on ``screen`` where that is a terminal."""

    def __init__(self, screen: TextIO, *, shows: bool) -> None:
        self._screen = screen
        self._shows = shows and screen.isatty()
        self._total = 0
        self._through = 0
        self._begun = time.monotonic()
        self._drawn = 0.0

    @property
    def is_shown(self) -> bool:
        """Whether a line is drawn, which nothing else should then write into."""
        return self._shows

    def expect(self, count: int) -> None:
        """See ``Progress.expect``."""
        self._total += count

    def advance(self, count: int) -> None:
        """See ``Progress.advance``."""
        self._through += count
        now = time.monotonic()
        if self._shows and now - self._drawn >= _INTERVAL:
            self._drawn = now
            self._draw(now)

    def close(self) -> None:
        """Draw the last state and leave the line."""
        if self._shows and self._total:
            self._draw(time.monotonic())
            self._screen.write("\n")

    def line(self, now: float) -> str:
        """What is drawn at ``now`` (as ``time.monotonic``)."""
        share = self._through / self._total if self._total else 0
        speed = self._through / max(now - self._begun, 0.001)
        filled = int(30 * share)
        sizes = f"{human_size(self._through)} of {human_size(self._total)}"
        return f"[{'#' * filled}{'.' * (30 - filled)}] {share:4.0%}  {sizes}  {human_size(int(speed))}/s"

    def _draw(self, now: float) -> None:
        self._screen.write(f"\r\x1b[K{self.line(now)}")
        self._screen.flush()
