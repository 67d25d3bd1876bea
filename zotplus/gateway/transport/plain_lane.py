"""Plain requests on their lane: from a connection's bytes to those of the answer, past HTTP parser, request and stream.

The pipeline decides as for all other requests. What arrives in one turn of the event loop is answered together: first
all of it is received, then decided, then sent. Between two system calls a request finds the caches full of the kernel's
work and takes twice as long, and a client that sleeps has to be woken for each answer. So log, metrics and audit are
told of such requests together too, some fifty times a second, by the same functions.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11

from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.plain import PlainRequest, read_plain
from zotplus.gateway.route import PlainRead, PlainWrite, SupportsPlain
from zotplus.gateway.transport.connection import GatewayProtocol
from zotplus.gateway.transport.running import Running
from zotplus.gateway.transport.telling import finished, now
from zotplus.gateway.transport.wire import answer_bytes, plain_answer
from zotplus.ports.telemetry import Telemetry

log = structlog.get_logger("zotplus.server")

TELL_SECONDS = 0.02
"""How long what is to be told waits for others."""
TOGETHER = 64
"""How many requests are decided before the first answer is sent: enough to gain by it, and a few MiB at most."""
_OK = 200
_WRITE = "PUT"

Untold = tuple[PlainRequest | Context, int, tuple[int, int], tuple[float, float]]
"""A request, its status, the bytes of its body and of the answer's, and when it was answered: time and clock."""


Arrived = tuple[bytes, GatewayProtocol, float]
"""What arrived on a connection, and when."""


class _Asked(NamedTuple):
    """What the form of the answer to a plain write depends on."""

    method: str
    version: HttpVersion


_ASKED = {False: _Asked(_WRITE, HttpVersion11), True: _Asked(_WRITE, HttpVersion10)}
"""By ``PlainRequest.is_old``."""


class PlainLane:
    """The lane of one listener, for the pipeline's face of plain requests there; without one it is closed.

    Writes that wait for the store are counted in ``running``.
    """

    def __init__(self, pipeline: Pipeline, telemetry: Telemetry, listener: Listener, running: Running) -> None:
        face = pipeline.plain_faces.get(listener)
        self._pipeline = pipeline
        self._telemetry = telemetry
        self._listener = listener
        self._running = running
        self._face = face
        self._stamp = "" if face is None else face.request_id_header
        self._stamp_bytes = self._stamp.encode()
        self._arrived: list[Arrived] = []
        self._answers: list[tuple[GatewayProtocol, bytes]] = []
        self._untold: list[Untold] = []
        self._writes: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """All further requests take the usual way."""
        self.answer_arrived()
        self._face = None
        self.tell()

    def take(self, data: bytes, connection: GatewayProtocol, *, at_once: bool) -> bool:
        """See ``Lane.take``."""
        if self._face is None:
            return False
        if not self._arrived and not at_once:
            asyncio.get_running_loop().call_soon(self.answer_arrived)
        self._arrived.append((data, connection, time.perf_counter()))
        connection.busy()
        if at_once:
            self.answer_arrived()
        return True

    def answer_arrived(self) -> None:
        """See ``Lane.answer_arrived``. What is no plain request takes the usual way, and nothing has happened then."""
        arrived, self._arrived = self._arrived, []
        if self._face is not None:
            for start in range(0, len(arrived), TOGETHER):
                self._answer_together(self._face, arrived[start : start + TOGETHER])

    def _answer_together(self, face: SupportsPlain, arrived: list[Arrived]) -> None:
        reads: list[tuple[PlainRequest, Arrived]] = []
        others: list[tuple[PlainRequest | None, Arrived]] = []
        for one in arrived:
            data, connection, since = one
            connection.given_back()
            request = read_plain(data, connection.origin)
            if request is not None:
                request.listener, request.started = self._listener, since
            if request is None or request.method == _WRITE:
                others.append((request, one))
            else:
                reads.append((request, one))
        found = self._pipeline.answer_plainly(face, [request for request, _ in reads])
        ended = now()
        for (request, one), read in zip(reads, found, strict=True):
            if read is None:
                others.append((None, one))
                continue
            try:
                self._answers.append((one[1], self._answer(read, request, ended)))
            except Exception:
                log.exception("connection_failed")
                one[1].abort()
        self._send()
        for other, one in others:
            self._begin(face, other, one)

    def _answer(self, read: PlainRead, request: PlainRequest, ended: tuple[float, float]) -> bytes:
        request.let_go()
        self._tell_soon((request, _OK, (0, len(read.content)), ended))
        return plain_answer(read, (self._stamp_bytes, request.request_id), is_old=request.is_old)

    def _send_soon(self, connection: GatewayProtocol, answer: bytes) -> None:
        """Send the answer with those to all other writes that one commit made durable."""
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._send)
        self._answers.append((connection, answer))

    def _send(self) -> None:
        answers, self._answers = self._answers, []
        for connection, answer in answers:
            try:
                connection.answered(answer)
            except Exception:
                log.exception("reply_failed")
                connection.abort()

    def _begin(self, face: SupportsPlain, request: PlainRequest | None, arrived: Arrived) -> None:
        """Begin a plain write, or let the bytes take the usual way."""
        data, connection, _ = arrived
        try:
            if request is None or not self._has_begun(face, request, connection):
                connection.read(data)
        except Exception:
            log.exception("connection_failed")
            connection.abort()

    def _has_begun(self, face: SupportsPlain, request: PlainRequest, connection: GatewayProtocol) -> bool:
        write = self._pipeline.begin_plainly(face, request)
        if write is None:
            return False
        connection.busy()
        self._running.begin()  # before the task does: a server that ends now waits for it
        task = asyncio.create_task(self._finish(write, request, connection))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return True

    async def _finish(self, write: PlainWrite, request: PlainRequest, connection: GatewayProtocol) -> None:
        try:
            told, reply = await self._pipeline.perform_plainly(write, request)
            answer, sent = answer_bytes(_ASKED[request.is_old], reply, (self._stamp, request.request_id))
            if connection.is_gone:
                told, sent = told if isinstance(told, Context) else request.as_context(), 0
                told.log["broken"] = "the client is gone"
            received = len(request.content)
            request.let_go()
            self._tell_soon((told, reply.status, (received, sent), now()))
            self._send_soon(connection, answer)
        except Exception:
            log.exception("reply_failed", request_id=request.request_id, operation=request.operation_name)
            connection.abort()
        finally:
            self._running.end()

    def _tell_soon(self, untold: Untold) -> None:
        self._untold.append(untold)
        if len(self._untold) == 1:
            asyncio.get_running_loop().call_later(TELL_SECONDS, self.tell)

    def tell(self) -> None:
        """Tell log, metrics and audit of what was answered since the last time."""
        if not self._untold:
            return
        untold, self._untold = self._untold, []
        told = [finished(*one) for one in untold]
        traces: Sequence[str] = [""] * len(told)
        try:
            traces = self._telemetry.answered_together(told)
        except Exception:  # the audit log is told in any case
            log.exception("requests_not_logged", request_ids=[one.request_id for one in told])
        self._pipeline.told_plainly(zip([one[0] for one in untold], told, traces, strict=True))
