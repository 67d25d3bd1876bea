"""How far a transfer is: what the engines tell, and who listens."""

from typing import Protocol


class Progress(Protocol):
    """Counts bytes; a part that is sent again is taken back first."""

    def expect(self, count: int) -> None:
        """So many more bytes are to come in all."""
        ...

    def advance(self, count: int) -> None:
        """So many bytes are through; negative when they must go again."""
        ...


class Silent:
    """Nobody listens."""

    def expect(self, count: int) -> None:
        """Nothing."""

    def advance(self, count: int) -> None:
        """Nothing."""
