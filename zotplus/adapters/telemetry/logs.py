"""Logs by structlog: constant event names, values as fields, one line each, never a secret."""

import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import msgspec
import structlog

from zotplus.adapters.telemetry.settings import LogSettings
from zotplus.adapters.telemetry.writer import LineWriter
from zotplus.domain.audit.times import timestamp

MASK = "********"
SECRET_FIELDS = frozenset(
    {"secret", "secret_key", "password", "token", "authorization", "cookie", "master_key", "signature", "headers"}
)
"""Fields that are masked whatever they hold: a second line of defence, the first is not to log them."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_RESET = "\x1b[0m"

Event = MutableMapping[str, Any] | msgspec.Struct
"""What becomes a line: fields by name, ``time``, ``level`` and ``event`` first."""


class Logs:
    """The process's log: ``configure_logs`` makes it, the access log writes to it, ``close`` flushes it."""

    def __init__(self, settings: LogSettings, descriptor: int, *, process: str, threaded: bool) -> None:
        self.settings = settings
        self.process = process
        self.is_json = settings.format == "json" or (settings.format == "auto" and not os.isatty(descriptor))
        self.writer = LineWriter(descriptor, settings.flush_interval if threaded else 0)
        self._encoder = msgspec.json.Encoder(enc_hook=str)
        self._colour = os.isatty(descriptor) and "NO_COLOR" not in os.environ

    def emit(self, level: str, event: Event) -> None:
        """Write one line."""
        line = self._encoder.encode(event) + b"\n" if self.is_json else self._for_people(event)
        self.writer.write(line, urgent=level not in {"debug", "info"})

    def emit_all(self, events: Sequence[Event]) -> None:
        """Write lines together; none of them is urgent."""
        if not events:
            return
        lines = self._encoder.encode_lines(events) if self.is_json else b"".join(map(self._for_people, events))
        self.writer.write(lines)

    def close(self) -> None:
        """Flush."""
        self.writer.close()

    def _for_people(self, event: Event) -> bytes:
        fields = msgspec.structs.asdict(event) if isinstance(event, msgspec.Struct) else dict(event)
        at, level, name = (str(fields.pop(key, "")) for key in ("time", "level", "event"))
        trace = fields.pop("exception", "")
        fields.pop("process", None)
        words = " ".join(f"{key}={_printable(value)}" for key, value in fields.items())
        colour, reset = (_COLOURS.get(level, ""), _RESET) if self._colour else ("", "")
        line = f"{at[11:]} {colour}{level:<7}{reset} {name:<24} {words}".rstrip()
        return f"{line}\n{trace}{trace and chr(10)}".encode(errors="backslashreplace")


def configure_logs(settings: LogSettings, *, process: str, threaded: bool, descriptor: int | None = None) -> Logs:
    """Set up structlog, and the library logs behind it, for this process (``worker-0``, ``janitor``, ``supervisor``).

    ``threaded`` gathers lines and writes them in a thread; without it each line is written at once.
    """
    logs = Logs(settings, sys.stderr.fileno() if descriptor is None else descriptor, process=process, threaded=threaded)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, _finisher(logs)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,  # loggers are made at import, before this; and a child configures anew
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    root.setLevel(max(logging.INFO, _LEVELS[settings.level]))
    return logs


def _finisher(logs: Logs) -> Callable[[Any, str, MutableMapping[str, Any]], str]:
    def finish(_logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        level = "error" if method == "exception" else method
        line = {
            "time": timestamp(time.time()),
            "level": level,
            "event": event.pop("event", ""),
            "process": logs.process,
        }
        line.update((key, MASK if key in SECRET_FIELDS else value) for key, value in event.items())
        logs.emit(level, line)
        return ""

    return finish


class _LibraryHandler(logging.Handler):
    """What libraries log by ``logging`` becomes an event of the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        bound = structlog.get_logger().bind(logger=record.name, message=record.getMessage())
        getattr(bound, level if level in _COLOURS else "info")("library_message", exc_info=record.exc_info)


def _printable(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)
