"""JSON lines to standard output or a file. The file is opened for each batch, so that logrotate may move it away."""

import asyncio
import os
from collections.abc import Sequence

from zotplus.adapters.audit.files import FILE_MODE
from zotplus.adapters.audit.outputs.message import Message

STDOUT = "stdout"
_STDOUT_DESCRIPTOR = 1


class LinesOutput:
    """Implements ``Output``."""

    def __init__(self, to: str) -> None:
        self._to = to

    async def send(self, messages: Sequence[Message]) -> None:
        """See ``Output.send``."""
        await asyncio.to_thread(self._write, b"".join(message.text + b"\n" for message in messages))

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, content: bytes) -> None:
        if self._to == STDOUT:
            _write_all(_STDOUT_DESCRIPTOR, content)
            return
        descriptor = os.open(self._to, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            _write_all(descriptor, content)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
