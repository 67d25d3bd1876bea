"""Response heads read strictly from a raw socket, and the headers that concern one connection only."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from zotplus.ports.upstream import Headers

HEAD_MAX_BYTES = 65_536
"""More is not a response head of a registry: its longest header is a Link or a challenge of a few KiB."""

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [^\r\n\0]*)?")
# RFC 9110 5.1 and 5.5: a token, a colon, and visible characters; no line folding.
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(rb"\d{1,18}")

# RFC 9110 7.6.1, and what the gateway's own server states about itself.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",  # the gateway is the only one to log in to
        "set-cookie",
    }
)


class ResponseHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a response whose body has exactly ``length`` bytes."""

    status: int
    headers: Headers
    length: int
    keep_alive: bool


def parse_head(data: bytes) -> ResponseHead | None:
    """Read a head (without its empty line); None for anything but one plain response with a Content-Length."""
    status_line, *lines = data.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(status_line)
    if status is None:
        return None
    fields: list[tuple[str, str]] = []
    lengths: list[bytes] = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name = field[1].decode()
        if name.lower() == "transfer-encoding":
            return None
        if name.lower() == "content-length":
            lengths.append(field[2])
        fields.append((name, field[2].decode("utf-8", "surrogateescape")))
    if len(lengths) != 1 or _LENGTH.fullmatch(lengths[0]) is None:
        return None
    keep_alive = "close" not in _connection_tokens(fields)
    return ResponseHead(status=int(status[1]), headers=tuple(fields), length=int(lengths[0]), keep_alive=keep_alive)


def end_to_end(fields: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What of ``fields`` goes on to the client; Content-Length is left out, for it comes with the body."""
    held = tuple(fields)
    dropped = _HOP_BY_HOP | _connection_tokens(held) | {"content-length"}
    return ((name, value) for name, value in held if name.lower() not in dropped)


def _connection_tokens(fields: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(
        token.strip().lower() for name, value in fields if name.lower() == "connection" for token in value.split(",")
    )
