"""Locks in headers: what a writer asks for, what a reader is told, and the rights that both need.

Spec: Amazon S3 API Reference, PutObject, CopyObject, CreateMultipartUpload, GetObject (``x-amz-object-lock-…``),
DeleteObject (``x-amz-bypass-governance-retention``); Service Authorization Reference, "Condition keys for Amazon S3".
"""

import time
from collections.abc import Callable

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.locks import DAY_MS, Retention, check_retention, format_instant, parse_instant
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.protocols.s3.request import Request, argument_invalid
from zotplus.services.values import Lock, Selection

MODE = "x-amz-object-lock-mode"
UNTIL = "x-amz-object-lock-retain-until-date"
LEGAL_HOLD = "x-amz-object-lock-legal-hold"
BYPASS = "x-amz-bypass-governance-retention"

Pairs = list[tuple[str, str]]


def read_lock(header: Callable[[str], str | None]) -> Lock | None:
    """The lock that a writer asks for, None where it says nothing; ``header`` gives a header or a form's field.

    Raises ``ARGUMENT_INVALID`` for half a retention, an unknown mode or status, and a date that is none or past.
    """
    mode, until, hold = header(MODE), header(UNTIL), header(LEGAL_HOLD)
    if mode is None and until is None and hold is None:
        return None
    if (mode is None) != (until is None):
        missing = MODE if mode is None else UNTIL
        raise argument_invalid(missing, "", f"{UNTIL} and {MODE} must both be supplied.")
    if hold not in (None, "ON", "OFF"):
        raise argument_invalid(LEGAL_HOLD, hold or "", "Legal Hold must be either of 'ON' or 'OFF'")
    return Lock(mode=mode or "", until=_until(mode, until), legal_hold=hold == "ON")


def _until(mode: str | None, text: str | None) -> float:
    if mode is None or text is None:
        return 0.0
    until_ms = parse_instant(text.strip())
    if until_ms is None:
        raise argument_invalid(UNTIL, text, "The retain until date must be provided in ISO 8601 format")
    check_retention(Retention(mode=mode, until_ms=until_ms), round(time.time() * 1000))
    return until_ms / 1000


def lock_keys(lock: Lock | None, *, legal_hold: bool | None = None) -> dict[str, str]:
    """The condition keys that a lock brings; ``legal_hold`` None leaves the hold out unless it is put on."""
    if lock is None:
        return {}
    keys: dict[str, str] = {}
    if lock.mode:
        until_ms = round(lock.until * 1000)
        days = max(0, (until_ms - round(time.time() * 1000)) // DAY_MS)
        keys["s3:object-lock-mode"] = lock.mode
        keys["s3:object-lock-retain-until-date"] = format_instant(until_ms)
        keys["s3:object-lock-remaining-retention-days"] = str(days)
    if lock.legal_hold or legal_hold is not None:
        keys["s3:object-lock-legal-hold"] = "ON" if lock.legal_hold else "OFF"
    return keys


def lock_needs(lock: Lock | None, resource: str) -> tuple[Need, ...]:
    """What a writer needs beside the right to write, to lock what is written."""
    if lock is None:
        return ()
    keys = lock_keys(lock, legal_hold=lock.legal_hold)
    needs: list[Need] = []
    if lock.mode:
        needs.append(Need(actions.PUT_OBJECT_RETENTION.name, resource, keys))
    if lock.legal_hold or not lock.mode:
        needs.append(Need(actions.PUT_OBJECT_LEGAL_HOLD.name, resource, keys))
    return tuple(needs)


def lock_headers(context: Context, lock: Lock | None, resource: str) -> Pairs:
    """What GET and HEAD tell of the lock, to those who may read retention and legal hold."""
    if lock is None:
        return []
    headers: Pairs = []
    if lock.mode and context.may(Need(actions.GET_OBJECT_RETENTION.name, resource)):
        headers += [(MODE, lock.mode), (UNTIL, format_instant(round(lock.until * 1000)))]
    if context.may(Need(actions.GET_OBJECT_LEGAL_HOLD.name, resource)):
        headers.append((LEGAL_HOLD, "ON" if lock.legal_hold else "OFF"))
    return headers


async def locked(context: Context, bucket: str, key: str, version: str) -> Problem:
    """``OBJECT_LOCKED`` that tells until when the version is kept, and of a legal hold, to those who may read them."""
    resource, keys = f"s3:{bucket}/{key}", {"s3:versionid": version} if version else {}
    of_retention = Need(actions.GET_OBJECT_RETENTION.name, resource, keys)
    of_hold = Need(actions.GET_OBJECT_LEGAL_HOLD.name, resource, keys)
    try:
        await gather(context, (of_retention, of_hold))
        info = await context.services.objects.head(bucket, key, Selection(version=version, keyless=True))
    except Problem:  # it has gone meanwhile
        return Problem(errors.OBJECT_LOCKED)
    lock, told = info.attributes.lock or Lock(), []
    if lock.mode and lock.until > time.time() and context.may(of_retention):
        told.append(f"It is kept until {format_instant(round(lock.until * 1000))} ({lock.mode}).")
    if lock.legal_hold and context.may(of_hold):
        told.append("A legal hold is on.")
    return Problem(errors.OBJECT_LOCKED, " ".join(told))


def read_bypass(request: Request) -> bool:
    """Whether the request wants governance retention passed over. Raises ``ARGUMENT_INVALID``: true or false only."""
    text = (request.header(BYPASS) or "false").lower()
    if text not in ("true", "false"):
        raise argument_invalid(BYPASS, text, "The header is true or false.")
    return text == "true"


def bypass_needs(resource: str, *, bypass: bool) -> tuple[Need, ...]:
    """What a request needs that wants governance retention passed over, whether there is any or not."""
    return (Need(actions.BYPASS_GOVERNANCE_RETENTION.name, resource),) if bypass else ()
