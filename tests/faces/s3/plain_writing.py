"""Plain writes beside the way of all other requests: both over one stage, and all that the store holds."""

import hashlib
from dataclasses import replace

import msgspec

from tests.faces.s3.stage import Body, Call
from zotplus.gateway.auditing import UNAUDITED
from zotplus.gateway.pipeline import Pipeline
from zotplus.records import layout
from zotplus.records.buckets import BUCKET
from zotplus.services.objects import Objects

CONTENT = b"content"
PLAIN = Call(method="PUT", path="/bucket/key", body=CONTENT)
WRONG = hashlib.sha256(b"other").hexdigest()
INLINE_LIMIT = 16_384
OTHER_NIGHT = 1_000_000_000.0


def sha256(content=CONTENT):
    return hashlib.sha256(content).hexdigest()


def rebuild(stage, *, limits=None, audit=UNAUDITED, **services):
    """Give the stage another pipeline over the same store; ``services`` replaces some."""
    stage.services = replace(stage.services, **services)
    stage.pipeline = Pipeline(lambda head: stage.faces[head.listener], stage.services, audit, limits)
    return stage


async def prepare(stage):
    """Have the stage's clock of changes stand still, and the administrator's credential looked up once."""
    rebuild(stage, objects=Objects(stage.store, stage.blobs, clock=lambda: OTHER_NIGHT))
    await stage.ask("GET", "/bucket")
    return stage


def opened(stage, call, **head):
    """The call's bytes, read; None where they are no plain request."""
    return stage.plain_request(msgspec.structs.replace(stage.head(call), **head), call.body)


def told(context, reply):
    """A reply without its request's id."""
    return reply.status, reply.headers, reply.body.replace(context.request_id.encode(), b"-")


async def performed(stage, write, request):
    """The answer to what was begun, and what is told of it."""
    context, reply = await stage.pipeline.perform_plainly(write, request)
    assert context.request_id == request.request_id
    return told(context, reply), context


async def plainly(stage, call):
    """What the plain way answers, and what is told of it."""
    request = opened(stage, call)
    write = stage.write_plainly(request)
    assert write is not None
    return await performed(stage, write, request)


async def usually(stage, call):
    """What the way of all others answers, and its context."""
    context = stage.pipeline.open(stage.head(call), Body(call.body))
    return told(context, await stage.pipeline.respond(context)), context


def is_taken(stage, call, **head):
    """Whether the request is taken as a plain one; in any case nothing may have happened yet."""
    before, callers = everything(stage), set(stage.pipeline.callers)
    request = opened(stage, call, **head)
    write = None if request is None else stage.write_plainly(request)
    assert everything(stage) == before
    if write is None:
        assert stage.pipeline.callers == callers
        assert request is None or request.decisions == []
    return write is not None


def everything(stage):
    return stage.store.read_now(lambda snapshot: dict(snapshot.scan(b"")))


def stored(stage):
    """Key -> stored record of all objects."""
    return {key[9:].decode(): value for key, value in everything(stage).items() if key[:1] == layout.OBJECTS}


def change_bucket(stage, **changes):
    place = layout.bucket("bucket")
    record = BUCKET.decode(everything(stage)[place])
    return stage.store.write(
        lambda transaction: transaction.put(place, BUCKET.encode(msgspec.structs.replace(record, **changes)))
    )
