"""The log is read behind those who write it and sent on, so that a slow receiver never costs a request.

How far each output has come is kept beside the log, and only after it has taken what came before: a record is sent at
least once, and twice after a crash.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from zotplus.adapters.audit.files import FOLDER_MODE, replace_durably, streams
from zotplus.adapters.audit.outputs.lines import LinesOutput
from zotplus.adapters.audit.outputs.message import Message, Output, message_of
from zotplus.adapters.audit.outputs.otlp import OtlpOutput
from zotplus.adapters.audit.outputs.syslog import DatagramOutput, StreamOutput
from zotplus.adapters.audit.settings import AuditOutput
from zotplus.adapters.audit.walking import Place, Walk, beginning, ending

log = structlog.get_logger("zotplus.audit")

BATCH = 500
"""Messages sent together: some 250 KiB, below the 4 MiB that collectors take by default."""
LOOK_SECONDS = 1.0
RETRY_MAX_SECONDS = 60.0
_POSITIONS = msgspec.json.Decoder(dict[str, Place])


def output_of(settings: AuditOutput, service: str) -> Output:
    """The output that ``settings`` ask for."""
    match settings.kind:
        case "lines":
            return LinesOutput(settings.to)
        case "otlp":
            return OtlpOutput(settings.to, service)
        case "syslog" if settings.to.startswith(("tcp:", "tls:")):
            return StreamOutput(settings.to, settings.facility)
        case "syslog":
            return DatagramOutput(settings.to, settings.facility)


class Shipper:
    """Sends the log in ``folder`` to ``output``; ``label`` names its position."""

    def __init__(self, folder: Path, label: str, output: Output) -> None:
        self._folder = folder
        self._label = label
        self._output = output
        self._file = folder / f"sent-{label}.json"
        self._positions: dict[str, Place] | None = None

    async def run(self) -> None:
        """Send what there is and what comes, until cancelled. A failure is logged once and tried again, ever later."""
        wait = LOOK_SECONDS
        try:
            while True:
                try:
                    count = await self.ship()
                except OSError as error:
                    if wait == LOOK_SECONDS:
                        log.warning("audit_output_failed", output=self._label, reason=str(error))
                    wait = min(2 * wait, RETRY_MAX_SECONDS)
                else:
                    if wait > LOOK_SECONDS:
                        log.info("audit_output_works_again", output=self._label)
                    wait = LOOK_SECONDS
                    if count >= BATCH:
                        continue
                await asyncio.sleep(wait)
        finally:
            await self._output.close()

    async def ship(self) -> int:
        """Send one batch of every stream; how many messages the largest had. Raises ``OSError``."""
        positions = self._positions
        if positions is None:
            positions = self._positions = await asyncio.to_thread(self._load)
        largest = 0
        for name in await asyncio.to_thread(streams, self._folder):
            messages, place = await asyncio.to_thread(self._batch, name, positions.get(name))
            if place == positions.get(name):
                continue
            if messages:
                await self._output.send(messages)
            positions[name] = place
            await asyncio.to_thread(replace_durably, self._file, msgspec.json.encode(positions))
            largest = max(largest, len(messages))
        return largest

    def _batch(self, name: str, place: Place | None) -> tuple[Sequence[Message], Place]:
        walk = Walk(self._folder / name, place or beginning(self._folder / name), backward=False)
        try:
            found: list[Message] = []
            while len(found) < BATCH and (line := walk.next()) is not None:
                message = message_of(name, line)
                if message is not None:
                    found.append(message)
            return found, walk.place
        finally:
            walk.close()

    def _load(self) -> dict[str, Place]:
        """Where the output was; for a new one the end of what there is, since years of records are nobody's wish."""
        try:
            return _POSITIONS.decode(self._file.read_bytes())
        except FileNotFoundError:
            log.info("audit_output_begins", output=self._label)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("audit_position_unreadable", output=self._label)
        begun = {name: ending(self._folder / name) for name in streams(self._folder)}
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        replace_durably(self._file, msgspec.json.encode(begun))
        return begun
