"""Events: the queues of webhooks, and dead letters to look at, to try again or to forget."""

from datetime import UTC, datetime

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.openapi import QueryParameter
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.events.documents import (
    Chosen,
    Count,
    DeadLetterDocument,
    DeadLetterList,
    EventStatus,
    QueueDocument,
)
from zotplus.services.events.dead_letters import PAGE_MAX, DeadLetter
from zotplus.services.events.outbox import Queue

_PAGE = 100
_RESOURCE = "admin:events"
_DIGITS = 4
_QUERY = (
    QueryParameter(name="after", summary="The id of the dead letter to go on after."),
    QueryParameter(name="limit", summary=f"Dead letters of the page, 1 to {PAGE_MAX}; {_PAGE} by default."),
)


async def read_status(context: Context, _call: Call, _body: None) -> EventStatus:
    """The queue of every webhook: of those in the settings, and of others that events wait for."""
    events = context.services.events
    found = {queue.webhook: queue for queue in await events.outbox.queues()}
    names = [*events.webhooks, *(name for name in found if name not in events.webhooks)]
    return EventStatus(
        queues=tuple([_queue(name, found.get(name), configured=name in events.webhooks) for name in names])
    )


async def list_dead_letters(context: Context, call: Call, _body: None) -> DeadLetterList:
    """A page of them. Raises ``ARGUMENT_INVALID``."""
    limit = _limit(call.query.get("limit", str(_PAGE)))
    page = await context.services.events.dead_letters.list(call.query.get("after", ""), limit)
    more = page[-1].event.id if len(page) == limit else None
    return DeadLetterList(dead_letters=tuple([_document(letter) for letter in page]), next=more)


async def retry(context: Context, _call: Call, body: Chosen) -> Count:
    """They are in their queues again, as the newest."""
    letters = context.services.events.dead_letters
    if body.id is not None:
        await letters.retry(body.id)
        return _counted(context, 1)
    return _counted(context, await letters.retry_all(body.webhook))


async def forget(context: Context, _call: Call, body: Chosen) -> Count:
    """They are gone for good."""
    letters = context.services.events.dead_letters
    if body.id is not None:
        await letters.delete(body.id)
        return _counted(context, 1)
    return _counted(context, await letters.delete_all(body.webhook))


def _counted(context: Context, count: int) -> Count:
    context.log["dead_letters"] = count
    return Count(count=count)


def _limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
    if not 1 <= limit <= PAGE_MAX:
        raise Problem(errors.ARGUMENT_INVALID, f"limit is 1 to {PAGE_MAX}.", argument="limit")
    return limit


def _queue(name: str, queue: Queue | None, *, configured: bool) -> QueueDocument:
    return QueueDocument(
        webhook=name,
        configured=configured,
        waiting=0 if queue is None else queue.waiting,
        more=queue is not None and queue.more,
        oldest=None if queue is None else datetime.fromtimestamp(queue.oldest, UTC),
        attempts=0 if queue is None else queue.attempts,
        reason="" if queue is None else queue.reason,
    )


def _document(letter: DeadLetter) -> DeadLetterDocument:
    event = letter.event
    return DeadLetterDocument(
        id=event.id,
        webhook=letter.webhook,
        event=event.name,
        bucket=event.bucket,
        key=event.key,
        version=event.version,
        time=datetime.fromtimestamp(event.time, UTC),
        attempts=letter.attempts,
        reason=letter.reason,
        died=datetime.fromtimestamp(letter.died, UTC),
    )


ENDPOINTS = (
    Endpoint(
        address="GET /events",
        name="ReadEventStatus",
        summary="See how many events wait for each webhook, since when, and why.",
        work=read_status,
        action=actions.ADMIN_READ_EVENTS,
        resource=_RESOURCE,
        gives=EventStatus,
    ),
    Endpoint(
        address="GET /events/dead-letters",
        name="ListDeadLetters",
        summary="List events that could not be delivered, the oldest first.",
        work=list_dead_letters,
        action=actions.ADMIN_READ_EVENTS,
        resource=_RESOURCE,
        query=_QUERY,
        gives=DeadLetterList,
    ),
    Endpoint(
        address="POST /events/dead-letters/retry",
        name="RetryDeadLetters",
        summary="Have events delivered again that were given up.",
        work=retry,
        action=actions.ADMIN_RETRY_EVENTS,
        resource=_RESOURCE,
        takes=Chosen,
        gives=Count,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="POST /events/dead-letters/delete",
        name="DeleteDeadLetters",
        summary="Forget events that were given up.",
        work=forget,
        action=actions.ADMIN_DELETE_EVENTS,
        resource=_RESOURCE,
        takes=Chosen,
        gives=Count,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
)
