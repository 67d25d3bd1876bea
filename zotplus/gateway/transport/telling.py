"""What is told of an answered request."""

import time

from zotplus.gateway.context import Context
from zotplus.gateway.plain import PlainRequest
from zotplus.ports.telemetry import Finished


def now() -> tuple[float, float]:
    """When a request is answered: time and clock."""
    return time.time(), time.perf_counter()


def finished(
    context: Context | PlainRequest, status: int, sizes: tuple[int, int], ended: tuple[float, float]
) -> Finished:
    """For log and metrics: ``sizes`` are the bytes of its body and of the answer's, ``ended`` is time and clock."""
    head = context.head
    received, sent = sizes
    at, clock = ended
    return Finished(
        request_id=context.request_id,
        face=context.face.name,
        operation=context.operation_name,
        principal=context.principal.id,
        method=head.method,
        path=head.raw_path,
        peer=head.peer,
        status=status,
        bytes_in=received,
        bytes_out=sent,
        at=at,
        seconds=clock - context.started,
        fields=context.log,
    )
