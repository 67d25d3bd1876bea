"""A small signing S3 client over one kept connection, quick enough to load a server from a few threads."""

import hashlib
import http.client
import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import quote

from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers

ACCESS_KEY, SECRET_KEY = "CRASHACCESSKEY00", "crash-secret-crash-secret"
CREDENTIALS = SigningCredentials(access_key=ACCESS_KEY, secret_key=SECRET_KEY)
SECONDS = 60


class Unreachable(Exception):  # noqa: N818 - an outcome, not a fault of the client
    """The connection was refused or lost: whether the request was carried out is unknown."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers["etag"].strip('"')

    def element(self, name: str) -> str:
        """The text of the first XML element of that name."""
        found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), self.body)
        assert found, self.body
        return found[1].decode().replace("&quot;", '"').strip('"')


class Client:
    """One connection to ``server``, made anew after it was lost. Not for two threads at once."""

    def __init__(self, server) -> None:
        self._server = server
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, path: str, body: bytes = b"", *, query: str = "", headers=None) -> Answer:
        """Send one signed request; ``path`` is not encoded yet. Raises ``Unreachable``."""
        raw_path = quote(path, safe="/-_.~")
        host = "{}:{}".format(*self._server.address)
        own = {"host": host, **(headers or {})}
        request = SignedRequest(method=method, raw_path=raw_path, raw_query=query, headers=PlainHeaders(own.items()))
        own |= sign_headers(request, CREDENTIALS, payload_hash=hashlib.sha256(body).hexdigest(), now=time.time())
        try:
            connection = self.connect()
            connection.request(method, raw_path + ("?" + query if query else ""), body, own)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(repr(error)) from error
        if response.will_close:
            self.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, content)

    def connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            connection = http.client.HTTPConnection(*self._server.address, timeout=SECONDS)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def keys(self, bucket: str) -> set[str]:
        """Every key, by listing. Keys are plain ASCII here."""
        found: list[str] = []
        after = ""
        while True:
            answer = self.send("GET", f"/{bucket}", query=f"list-type=2&start-after={quote(after, safe='')}")
            assert answer.status == 200, answer.body
            page = re.findall(r"<Key>([^<]*)</Key>", answer.body.decode())
            found += page
            if answer.element("IsTruncated") == "false":
                return set(found)
            after = page[-1]
