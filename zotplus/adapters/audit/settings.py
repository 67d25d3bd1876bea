"""What can be set about the audit log."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec


class AuditOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One place where records are sent to besides the log itself."""

    kind: Literal["lines", "syslog", "otlp"]
    """``lines``: JSON lines to standard output or a file; ``syslog``: RFC 5424; ``otlp``: logs by OTLP/HTTP in JSON."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
    """``lines``: ``stdout`` or a path. ``syslog``: ``udp://host:514``, ``tcp://host:601`` or ``tls://host:6514``
    (octet counting), ``unix:///dev/log``. ``otlp``: the collector's address (``http://collector:4318/v1/logs``)."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}$")] = ""
    """Names the stored position, so that address and order may change. By default the kind."""

    facility: Annotated[int, msgspec.Meta(ge=0, le=23)] = 13
    """The facility of syslog messages. 13 is "log audit" (RFC 5424, table 1)."""

    def __post_init__(self) -> None:
        schemes = {"syslog": {"udp", "tcp", "tls", "unix"}, "otlp": {"http", "https"}}.get(self.kind)
        parts = urlsplit(self.to)
        if schemes is not None and parts.scheme not in schemes:
            raise ValueError(f"an output of kind {self.kind} is sent to {' or '.join(sorted(schemes))}://")
        if self.kind == "syslog" and parts.scheme != "unix" and parts.port is None:
            raise ValueError("the address of a syslog server has a port")

    @property
    def label(self) -> str:
        """The name of its position."""
        return self.name or self.kind


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The audit log: who did what, when, and why it was allowed or refused; in ``audit`` of the data folder."""

    enabled: bool = True
    """Whether requests are recorded. On by default: it costs a few microseconds each."""

    anonymous_reads: bool = False
    """Whether what anybody may read without login is recorded when it is read so. Off by default: a public mirror
    would fill the disk with it, and nobody is named in it. The access log has these requests."""

    required: bool = True
    """Whether writes and administration are refused (507) while the log cannot be written. On by default: what leaves
    no trace shall not happen. Reads go on either way, and so do deletions, since nothing else makes room on a full
    disk; readiness says that the log fails."""

    checkpoint_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 5.0
    """Seconds between two signed checkpoints while there is something new; after logins, exchanges and administration
    one second at most. What is younger can be altered without a trace by whoever may write the files; each costs a
    signature and two syncs, which at one a second are 3 % of two busy cores."""

    retention_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 400
    """Days that files are kept. 400, so that the same day of last year can still be looked at."""

    file_mib: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 64
    """MiB after which a new file is begun, as at midnight UTC. 64 MiB hold some 150,000 records, removed together."""

    outputs: tuple[AuditOutput, ...] = ()
    """Where records are sent besides, at least once each, by the janitor. None by default."""

    def __post_init__(self) -> None:
        labels = [output.label for output in self.outputs]
        if len(set(labels)) != len(labels):
            raise ValueError("two audit outputs have the same name; give one another")
