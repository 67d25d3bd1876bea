"""Plain reads on their lane: from a connection's bytes to those of the answer, past HTTP parser, request and task.

The pipeline decides as for all other requests. What log, metrics and audit are told of such requests is told together
some fifty times a second, by the same functions: each by itself finds the caches full of the request's own code, and
takes twice as long.
"""

import asyncio
import time

from zotplus.gateway.head import Listener
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.plain import Origin, PlainRequest, read_plain
from zotplus.gateway.transport.telling import finished
from zotplus.gateway.transport.wire import plain_answer
from zotplus.ports.telemetry import Telemetry

TELL_SECONDS = 0.02
"""How long what is to be told waits for others."""
_OK = 200
_NO_HEADERS: dict[str, str] = {}


class PlainLane:
    """The lane of one listener, for the pipeline's face of plain requests there; without one it is closed."""

    def __init__(self, pipeline: Pipeline, telemetry: Telemetry, listener: Listener) -> None:
        face = pipeline.plain_faces.get(listener)
        self._pipeline = pipeline
        self._telemetry = telemetry
        self._listener = listener
        self._face = face
        self._stamp = b"" if face is None else face.request_id_header.encode()
        self._untold: list[tuple[PlainRequest, int, float, float]] = []

    def close(self) -> None:
        """All further requests take the usual way."""
        self._face = None
        self.tell()

    def answer(self, data: bytes, origin: Origin) -> bytes | None:
        """The answer to the request that is all of ``data``; None where it takes the usual way, without any effect."""
        face = self._face
        request = None if face is None else read_plain(data, origin)
        if request is None or face is None:
            return None
        request.listener = self._listener
        read = self._pipeline.answer_plainly(face, request)
        if read is None:
            return None
        sent = len(read.content) if read.with_content else 0
        request.raw_headers = ()  # no longer needed, and there are hundreds until they are told of
        self._untold.append((request, sent, time.time(), time.perf_counter()))
        if len(self._untold) == 1:
            asyncio.get_running_loop().call_later(TELL_SECONDS, self.tell)
        return plain_answer(read, (self._stamp, request.request_id))

    def tell(self) -> None:
        """Tell log, metrics and audit of what was answered since the last time."""
        untold, self._untold = self._untold, []
        for request, sent, at, ended in untold:
            told = finished(request, _OK, (0, sent), (at, ended))
            trace = self._telemetry.answered(_NO_HEADERS, told)
            self._pipeline.told_plainly(request, (_OK, sent), at, trace)
