"""Where in the stream of a connection aiohttp's parser stands: only between two requests may others read for it."""

from aiohttp.http_parser import RawRequestMessage

_HEAD_END = b"\r\n\r\n"


class Boundary:
    """``is_between`` says that the parser is known to stand behind the end of a request, or before the first.

    Where that cannot be told it is taken for not so, until a request without a body ends with its segment.
    """

    __slots__ = ("_due", "is_between")

    def __init__(self) -> None:
        self.is_between = True
        self._due = 0

    def began(self, data: bytes, made: int, last: object, *, has_body: bool) -> None:
        """The parser made ``made`` messages of ``data``, ``last`` the newest of them."""
        was_between, self.is_between, self._due = self.is_between, False, 0
        if not has_body:  # what followed the last request and ended like a head would have been one too
            self.is_between = isinstance(last, RawRequestMessage) and data.endswith(_HEAD_END)
        elif was_between and made == 1:
            self._due = _size(data, last)
            self.went_on(data)

    def went_on(self, data: bytes) -> None:
        """The parser made nothing new of ``data``: it is more of a body, or of a head."""
        left = self._due - len(data)
        self.is_between, self._due = not left, max(left, 0)

    def lose(self) -> None:
        """The parser was fed more than it has told of."""
        self.is_between, self._due = False, 0


def _size(data: bytes, message: object) -> int:
    """The bytes of a request whose head ``data`` begins with; 0 where that cannot be told."""
    end = data.find(_HEAD_END)
    if end <= 0 or not isinstance(message, RawRequestMessage) or message.chunked:
        return 0
    return end + len(_HEAD_END) + int(message.headers.get("Content-Length", "0"))
