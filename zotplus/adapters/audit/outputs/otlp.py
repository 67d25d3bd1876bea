"""Log records by OTLP over HTTP in JSON. Spec: OTLP 1.5, "OTLP/HTTP"; OpenTelemetry logs data model."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
import structlog

from zotplus.adapters.audit.outputs.message import Message
from zotplus.domain.audit.times import moment

log = structlog.get_logger("zotplus.audit")

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_SEVERITIES = {4: (13, "WARN"), 5: (10, "INFO2"), 6: (9, "INFO")}
"""Syslog's severity -> OpenTelemetry's number and text (logs data model, appendix B)."""


class OtlpOutput:
    """Implements ``Output``."""

    def __init__(self, to: str, service: str) -> None:
        self._to = to
        self._service = service
        self._session: aiohttp.ClientSession | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        """See ``Output.send``. What the collector calls malformed (400) is given up: it would be again."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        body = msgspec.json.encode(self._document(messages))
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._to, data=body, headers=headers, allow_redirects=False) as answer:
                status, told = answer.status, (await answer.content.read(1_000)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OSError(f"{self._to}: {str(error) or type(error).__name__}") from error
        if status == HTTPStatus.BAD_REQUEST:
            log.error("audit_output_refused", to=self._to, records=len(messages), answer=told)
            return
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise OSError(f"{self._to} answers {status}")

    async def close(self) -> None:
        """See ``Output.close``."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _document(self, messages: Sequence[Message]) -> dict[str, Any]:
        scope = {"scope": {"name": "zotplus.audit"}, "logRecords": [_record(message) for message in messages]}
        resource = {"attributes": [_attribute("service.name", self._service)]}
        return {"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}


def _record(message: Message) -> dict[str, Any]:
    number, text = _SEVERITIES[message.severity]
    record = {
        "timeUnixNano": str(int(moment(message.time) * 1_000) * 1_000_000),
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": message.text.decode()},
        "attributes": [
            _attribute("zotplus.audit.stream", message.stream),
            _attribute("zotplus.audit.kind", message.kind),
        ],
    }
    return record | ({"traceId": message.trace} if message.trace else {})


def _attribute(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}
