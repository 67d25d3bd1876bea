"""``zotplus events``: what waits for webhooks, and what was given up."""

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import Command, Remote, json_option, remote_options
from zotplus.cli.output import emit_json, emit_table, human_time
from zotplus.protocols.api.events.documents import (
    Chosen,
    Count,
    DeadLetterDocument,
    DeadLetterList,
    EventStatus,
    QueueDocument,
)

_PAGE = 1_000


@click.group(cls=Group)
def events() -> None:
    """See events on their way to webhooks, and those that could not be delivered."""


@events.command("status")
@remote_options
@json_option
def status(*, remote: Remote, as_json: bool) -> None:
    """Show how many events wait for each webhook, since when, and why."""
    found = remote.run(lambda server: server.api.get("/events", EventStatus)).queues
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    emit_table(("WEBHOOK", "WAITING", "OLDEST", "FAILED", "REASON"), [_queue_row(queue) for queue in found])


@events.group("dead-letters", cls=Group)
def dead_letters() -> None:
    """Events that could not be delivered: list them, deliver them again, or forget them."""


@dead_letters.command("list")
@click.option("--webhook", metavar="NAME", help="Only those of this webhook.")
@remote_options
@json_option
def list_dead_letters(*, webhook: str | None, remote: Remote, as_json: bool) -> None:
    """List events that could not be delivered, the oldest first."""
    found: list[DeadLetterDocument] = []
    after: str | None = ""
    while after is not None:
        page = _page(remote, after)
        found += [letter for letter in page.dead_letters if webhook in (None, letter.webhook)]
        after = page.next
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    rows = [
        (one.id, one.webhook, one.event, f"{one.bucket}/{one.key}", human_time(one.time), one.reason) for one in found
    ]
    emit_table(("ID", "WEBHOOK", "EVENT", "OBJECT", "HAPPENED", "REASON"), rows)


def _page(remote: Remote, after: str) -> DeadLetterList:
    query = f"limit={_PAGE}" + (f"&after={after}" if after else "")
    return remote.run(lambda server: server.api.get("/events/dead-letters", DeadLetterList, query))


def _choice(command: Command) -> Command:
    """Adds the argument and options that say which dead letters are meant."""
    command = click.option("--all", "everything", is_flag=True, help="All of them.")(command)
    command = click.option("--webhook", metavar="NAME", help="All of this webhook.")(command)
    return click.argument("id_", metavar="[ID]", required=False)(command)


@dead_letters.command("retry")
@_choice
@remote_options
@json_option
def retry(*, id_: str | None, webhook: str | None, everything: bool, remote: Remote, as_json: bool) -> None:
    """Deliver dead letters again: the one with this ID, those of a webhook, or all."""
    chosen = _chosen(id_, webhook, everything)
    done = remote.run(lambda server: server.api.post("/events/dead-letters/retry", chosen, Count)).count
    _tell(done, "will be delivered again", as_json=as_json)


@dead_letters.command("delete")
@_choice
@remote_options
@json_option
def delete(*, id_: str | None, webhook: str | None, everything: bool, remote: Remote, as_json: bool) -> None:
    """Forget dead letters: the one with this ID, those of a webhook, or all."""
    chosen = _chosen(id_, webhook, everything)
    done = remote.run(lambda server: server.api.post("/events/dead-letters/delete", chosen, Count)).count
    _tell(done, "deleted", as_json=as_json)


def _chosen(id_: str | None, webhook: str | None, everything: bool) -> Chosen:  # noqa: FBT001 - the option's value
    try:
        return Chosen(id=id_, webhook=webhook, all=everything)
    except ValueError:
        raise click.UsageError("Say which: ID, --webhook NAME, or --all.") from None


def _tell(count: int, done: str, *, as_json: bool) -> None:
    if as_json:
        emit_json({"count": count})
    else:
        click.echo(f"{count} event{'' if count == 1 else 's'} {done}")


def _queue_row(queue: QueueDocument) -> tuple[str, ...]:
    name = queue.webhook if queue.configured else f"{queue.webhook} (not in the settings)"
    waiting = f"{queue.waiting}{'+' if queue.more else ''}"
    oldest = "" if queue.oldest is None else human_time(queue.oldest)
    return name, waiting, oldest, str(queue.attempts), queue.reason
