"""Writers that put, copy, delete and upload in parts until they are stopped, and note what they learned."""

import random
import threading

from tests.crash.client import Unreachable
from tests.crash.journal import Body, Content, Journal, in_parts

KIB = 1024
INLINE, SMALL, MIDDLE, LARGE_PART = 4 * KIB, 20 * KIB, 300 * KIB, 5 * KIB * KIB
KEYS = 8
ENCRYPTED = {"x-amz-server-side-encryption": "AES256"}


class Writer:
    """One thread's work over its own keys and its own connection. Some content is shared, so that blobs are too."""

    def __init__(self, server, bucket: str, name: str, seed: int) -> None:
        self.journal = Journal()
        self._client = server.client()
        self._bucket = bucket
        self._name = name
        self._random = random.Random(f"{name}/{seed}")
        self._made = 0
        self._operations = {self._put: 60, self._copy: 20, self._delete: 15, self._multipart: 5}
        self._thread: threading.Thread | None = None

    def start(self, stop: threading.Event, *, until_lost: bool) -> None:
        self._thread = threading.Thread(target=self._run, args=(stop, until_lost), name=self._name)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def close(self) -> None:
        self._client.close()

    def _run(self, stop: threading.Event, until_lost: bool) -> None:  # noqa: FBT001 - passed by name above
        kinds, weights = list(self._operations), list(self._operations.values())
        while not stop.is_set():
            operation = self._random.choices(kinds, weights)[0]
            try:
                operation(f"{self._name}/{self._random.randrange(KEYS)}")
            except Unreachable:
                if until_lost:
                    return
            except Exception as error:  # noqa: BLE001 - told by the test, which reads `refused`
                self.journal.refused.append(repr(error))
                return

    def _body(self, size: int) -> Body:
        if self._random.random() < 0.3:
            return Body(f"shared {self._random.randrange(3)}", size)
        self._made += 1
        return Body(f"{self._name} {self._made}", size)

    def _protection(self) -> dict[str, str]:
        """Some of what is written is encrypted."""
        return ENCRYPTED if self._random.random() < 0.3 else {}

    def _put(self, key: str) -> None:
        body = self._body(self._random.choice((INLINE, INLINE, SMALL, SMALL, MIDDLE)))
        self._change(key, {body.content()}, "PUT", key, body.data(), headers=self._protection())

    def _delete(self, key: str) -> None:
        self._change(key, {None}, "DELETE", key)

    def _copy(self, key: str) -> None:
        source = f"{self._name}/{self._random.randrange(KEYS)}"
        content = self.journal.of(source)
        if source == key or None in content:
            return
        headers = {"x-amz-copy-source": f"/{self._bucket}/{source}", **self._protection()}
        # A copy that is encrypted otherwise is written anew, in one part.
        anew = {Content(one.md5, one.md5) for one in content if one is not None}
        self._change(key, content | anew, "PUT", key, headers=headers)

    def _multipart(self, key: str) -> None:
        bodies = [self._body(self._random.choice((SMALL, MIDDLE)))]
        if self._random.random() < 0.2:
            bodies.insert(0, Body("large part", LARGE_PART))
        path = f"/{self._bucket}/{key}"
        upload = self._ask("POST", path, query="uploads=", headers=self._protection()).element("UploadId")
        for number, body in enumerate(bodies, 1):
            self._ask("PUT", path, body.data(), query=f"partNumber={number}&uploadId={upload}")
        if self._random.random() < 0.2:
            self._ask("DELETE", path, query=f"uploadId={upload}")
            return
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{body.content().etag}</ETag></Part>"
            for number, body in enumerate(bodies, 1)
        )
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        self._change(key, {in_parts(bodies)}, "POST", key, document, query=f"uploadId={upload}")

    def _change(
        self, key: str, becomes: set[Content | None], method: str, path: str, body: bytes = b"", **more
    ) -> None:
        """Do what makes ``key`` one of ``becomes``, and note how it ended."""
        try:
            self._ask(method, f"/{self._bucket}/{path}", body, **more)
        except Unreachable:
            self.journal.lost(key, becomes)
            raise
        self.journal.done(key, set(becomes))

    def _ask(self, method: str, path: str, body: bytes = b"", **more):
        answer = self._client.send(method, path, body, **more)
        assert answer.status in {200, 204}, f"{method} {path}: {answer.status} {answer.body[:500]}"
        assert b"<Error>" not in answer.body, answer.body[:500]
        return answer
