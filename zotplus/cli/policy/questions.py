"""``zotplus can`` and ``why``: the evaluator's answers in words."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import click
import msgspec

from zotplus.cli.faults import NOT_ALLOWED
from zotplus.cli.options import Remote, Server, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, printable
from zotplus.cli.remote.api import segment
from zotplus.domain import errors
from zotplus.domain.audit.records import Decided, Record
from zotplus.domain.errors import Problem
from zotplus.domain.iam import policy_text
from zotplus.protocols.api.policies.documents import AnswerDocument, Person, PolicyDocument, Question
from zotplus.records.policies import split_policy_id
from zotplus.services.identity.roles import Role, role_policy
from zotplus.services.policies.documents import statement_in

RECENT_SECONDS = 5
"""The age of a decision that may not be in the log yet; the clocks of client and server may differ a little."""
WRITTEN_SECONDS = 2.0
"""How long such a one is waited for: records are written within a quarter of a second."""

_is_id = re.compile(r"[0-9A-F]{16}").fullmatch

Context: TypeAlias = dict[str, tuple[str, ...]]
Statement: TypeAlias = dict[str, Any] | None

ME = "me"
"""Who asks."""


@click.command("can")
@click.argument("who")
@click.argument("action")
@click.argument("resource")
@click.option("--context", "pairs", multiple=True, metavar="KEY=VALUE", help="A condition key; repeated: more values.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="A group that WHO has at the issuer.")
@click.option("--role", "roles", multiple=True, metavar="NAME", help="A role that WHO has at the issuer.")
@remote_options
@json_option
def can(
    *,
    who: str,
    action: str,
    resource: str,
    pairs: Sequence[str],
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    remote: Remote,
    as_json: bool,
) -> int:
    """Say whether WHO may do ACTION on RESOURCE, and which statement decides.

    WHO is "me", a key's id, robot:NAME, user:ISSUER:SUBJECT (with --group and --role, as tokens would bring them),
    trust:NAME, certificate:NAME or "anonymous". ACTION is like s3:GetObject, RESOURCE like s3:bucket/key or
    oci:team/app. The exit code is 0 for yes and 12 for no.
    """
    question = _question(who, groups, roles, (action, resource), _context(pairs))
    answer = remote.run(lambda server: server.api.post("/can", question, AnswerDocument))
    if as_json:
        emit_json(_plain(answer))
    else:
        _tell(who, question, answer)
    return 0 if answer.allowed else NOT_ALLOWED


@click.command("why")
@click.argument("decision_id")
@remote_options
@json_option
def why(*, decision_id: str, remote: Remote, as_json: bool) -> None:
    """Explain the decision DECISION_ID: the request id that came with the answer.

    Shows who asked, what was decided, and the statements that decided, as they were then.
    """
    wanted = _id_of(decision_id)
    record, statements = remote.run(lambda server: _decided(server, wanted))
    if as_json:
        emit_json({"record": msgspec.to_builtins(record), "statements": statements})
        return
    who = record.who
    emit_fields(
        [
            ("when", record.time),
            ("who", "unknown" if who is None else f"{who.id} {f'({who.name})' if who.name else ''}".rstrip()),
            ("by", "" if who is None else who.credential),
            ("from", record.peer),
            ("asked", f"{record.face} {record.operation}: {record.method} {record.path}"),
            ("answer", f"{record.status} {record.fault}".rstrip()),
            *_reason(record),
        ]
    )
    for decided, statement in zip(record.decisions, statements, strict=True):
        _tell_decided(decided, statement)
    if record.more_decisions:
        click.echo(f"\nand {record.more_decisions} more decisions, of which the log holds only the number")
    if not record.decisions:
        click.echo("\nNo policy was asked: the request was refused, or was public, before that.")


def _id_of(text: str) -> str:
    """The id as the log has it, of what somebody copied or typed."""
    wanted = text.strip().upper()
    if not _is_id(wanted):
        raise click.UsageError(f"{text!r:.80} is no id of a decision: that has 16 hexadecimal digits.")
    return wanted


def _reason(record: Record) -> list[tuple[str, str]]:
    """What the log says beside of why a credential was refused; the client was not told."""
    why, fault = record.details.get("why"), record.details.get("token_fault")
    if not why and not fault:
        return []
    return [("because", f"{why or ''} ({fault})" if fault else str(why))]


def _context(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{pair!r} is not KEY=VALUE.")
        found[key] = (*found.get(key, ()), value)
    return found


def _question(
    who: str, groups: tuple[str, ...], roles: tuple[str, ...], asked: tuple[str, str], context: Context
) -> Question:
    """The question about ``who``; only somebody whom an issuer knows can have groups and roles."""
    action, resource = asked
    if not groups and not roles:
        return Question(action=action, resource=resource, who="" if who == ME else who, context=context)
    kind, _, rest = who.partition(":")
    issuer, _, subject = rest.partition(":")
    if kind != "user" or not issuer:
        raise click.UsageError("--group and --role are of somebody whom an issuer knows: user:ISSUER:SUBJECT.")
    own = [group.removeprefix(f"group:{issuer}:") for group in groups]
    held = [role.removeprefix(f"role:{issuer}:") for role in roles]
    person = Person(issuer=issuer, subject=subject, groups=tuple(own), roles=tuple(held))
    return Question(action=action, resource=resource, person=person, context=context)


def _tell(who: str, question: Question, answer: AnswerDocument) -> None:
    verb = "may" if answer.allowed else "may not"
    click.echo(printable(f"{'yes' if answer.allowed else 'no'}: {who} {verb} {question.action} on {question.resource}"))
    rows = [("because", answer.reason)]
    if answer.policy:
        version = f" version {answer.version}" if answer.version else ""
        rows += [("policy", f"{answer.policy}{version} ({answer.layer})")]
    emit_fields([*rows, ("considered", f"{answer.considered} grants and policies")])
    statement = json.loads(bytes(answer.statement))
    if statement is not None:
        _print_statement(statement)


def _tell_decided(decided: Decided, statement: Statement) -> None:
    click.echo()
    rows = [
        ("decision", "allowed" if decided.allowed else "denied"),
        ("action", decided.action),
        ("resource", decided.resource),
    ]
    if decided.reason:
        rows.append(("because", decided.reason))
    if decided.policy:
        rows.append(("policy", f"{decided.policy} ({decided.layer.value})"))
    emit_fields(rows)
    if statement is not None:
        _print_statement(statement)
    elif decided.policy:
        click.echo("The statement cannot be shown: the version is no longer kept, or you may not read the policy.")


def _print_statement(statement: dict[str, Any]) -> None:
    for line in json.dumps(statement, indent=2, ensure_ascii=False).splitlines():
        click.echo(printable(line))


def _plain(answer: AnswerDocument) -> dict[str, Any]:
    shown = {name: getattr(answer, name) for name in answer.__struct_fields__}
    return {**shown, "statement": json.loads(bytes(answer.statement))}


async def _decided(server: Server, decision_id: str) -> tuple[Record, list[Statement]]:
    """The record, and the statement of each of its decisions."""
    record = await _record(server, decision_id)
    return record, [await _statement(server, decided) for decided in record.decisions]


async def _record(server: Server, decision_id: str) -> Record:
    """The record; one of this moment may not be written yet, and is waited for."""
    until = time.monotonic() + WRITTEN_SECONDS if _is_of_this_moment(decision_id) else 0.0
    while True:
        try:
            return await server.api.get(f"/audit/{segment(decision_id)}", Record)
        except Problem as problem:
            if problem.fault is not errors.RECORD_NOT_FOUND or time.monotonic() >= until:
                raise
        await asyncio.sleep(0.1)


def _is_of_this_moment(decision_id: str) -> bool:
    """Whether the request came in the last few seconds, which its id begins with."""
    try:
        second = int(decision_id[:8], 16)
    except ValueError:
        return False
    return abs(time.time() - second) < RECENT_SECONDS


async def _statement(server: Server, decided: Decided) -> Statement:
    stored = split_policy_id(decided.policy)
    text = _of_grant(decided.policy) if stored is None else await _of_version(server, *stored)
    found = None if text is None else statement_in(text, decided.statement)
    return None if found is None else msgspec.json.decode(found)


async def _of_version(server: Server, name: str, version: int) -> bytes | None:
    try:
        found = await server.api.get(f"/policies/{segment(name)}/versions/{version}", PolicyDocument)
    except Problem as problem:
        if problem.fault in (errors.RECORD_NOT_FOUND, errors.ACCESS_DENIED):
            return None
        raise
    return bytes(found.document)


def _of_grant(policy_id: str) -> bytes | None:
    """The policy that a grant stands for, from its name in decisions ("reader on s3:releases")."""
    role, on, pattern = policy_id.partition(" on ")
    if not on or role not in set(Role):
        return None
    return policy_text(role_policy(Role(role), pattern)).encode()
