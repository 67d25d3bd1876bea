"""Whether the server can do its work: every part asked at the same time, each with a time limit, not too often."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.audit import AuditLog
from zotplus.ports.blobs import Blobs
from zotplus.ports.identity import IssuerState, IssuerStatus
from zotplus.ports.keyvalue import KeyValue
from zotplus.ports.upstream import Upstream

CHECK_SECONDS = 2.0
"""Longer than any healthy answer, shorter than usual probes wait (Kubernetes' timeoutSeconds is often 3)."""

FRESH_SECONDS = 1.0
"""How long an answer is given again. Checks write and sync, and the address is open to everybody."""


class PartStatus(StrEnum):
    """How one part is.

    ``full``: reads and deletes work, writes do not. ``missing``: not configured, so nothing is wrong. ``stale``: an
    issuer does not answer, but its keys are known. ``waiting``: an issuer's keys are not known yet, so that its tokens
    wait while everything else works. ``failed``: it does not work, for the reason beside it.
    """

    OK = "ok"
    FULL = "full"
    MISSING = "missing"
    STALE = "stale"
    WAITING = "waiting"
    FAILED = "failed"


class PartReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part. ``reason`` is a code of the error catalogue, ``timeout`` or ``internal_error``; no more is told."""

    status: PartStatus
    reason: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``/health/ready``. ``ready`` is false when a part failed; a full disk still serves reads."""

    ready: bool
    checks: dict[str, PartReport]


class Readiness:
    """Asks metadata, blobs, upstream and issuers; many askers at one time share one round."""

    def __init__(
        self,
        store: KeyValue,
        blobs: Blobs,
        upstream: Upstream,
        issuers: Callable[[], Sequence[IssuerStatus]] = tuple,
        audit: AuditLog | None = None,
    ) -> None:
        self._issuers = issuers
        self._audit = audit
        self._parts: dict[str, Callable[[], Awaitable[object]]] = {
            "metadata": store.check,
            "blobs": blobs.check,
            "upstream": upstream.check,
        }
        if audit is not None:
            self._parts["audit"] = self._check_audit
        self._round: asyncio.Task[Report] | None = None
        self._until = 0.0

    async def report(self) -> Report:
        """How the parts are, at most a second old."""
        running = self._round is not None and not self._round.done()
        if self._round is None or not (running or time.monotonic() < self._until):
            self._round = asyncio.create_task(self._ask_all())
        return await asyncio.shield(self._round)  # one asker's broken connection must not end it for the others

    async def _check_audit(self) -> None:
        """This worker's log; where it fails, reads go on at least."""
        if self._audit is not None and self._audit.is_failing:
            raise Problem(errors.AUDIT_UNAVAILABLE)

    async def _ask_all(self) -> Report:
        reports = await asyncio.gather(*(_ask(check) for check in self._parts.values()))
        self._until = time.monotonic() + FRESH_SECONDS
        checks = dict(zip(self._parts, reports, strict=True))
        checks |= {f"issuer {issuer.name}": _of_issuer(issuer) for issuer in self._issuers()}
        return Report(ready=all(report.status is not PartStatus.FAILED for report in reports), checks=checks)


async def _ask(check: Callable[[], Awaitable[object]]) -> PartReport:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return PartReport(status=PartStatus.FAILED, reason="timeout")
    except Problem as problem:
        return PartReport(status=_STATUS.get(problem.fault.code, PartStatus.FAILED), reason=problem.fault.code)
    except Exception:  # noqa: BLE001 - a check that breaks is a part that failed, and must not hide the others
        return PartReport(status=PartStatus.FAILED, reason=errors.INTERNAL_ERROR.code)
    return PartReport(status=PartStatus.OK)


def _of_issuer(issuer: IssuerStatus) -> PartReport:
    """An issuer that is away never makes the server unready: what it vouched for goes on, and so do all other doors."""
    status = _ISSUER_STATUS[issuer.state]
    return PartReport(status=status, reason="" if status is PartStatus.OK else errors.ISSUER_UNAVAILABLE.code)


_ISSUER_STATUS = {
    IssuerState.READY: PartStatus.OK,
    IssuerState.STALE: PartStatus.STALE,
    IssuerState.UNAVAILABLE: PartStatus.WAITING,
    IssuerState.UNKNOWN: PartStatus.WAITING,
}
_STATUS = {
    errors.STORAGE_FULL.code: PartStatus.FULL,
    errors.AUDIT_UNAVAILABLE.code: PartStatus.FULL,
    errors.UPSTREAM_MISSING.code: PartStatus.MISSING,
}
