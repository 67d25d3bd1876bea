"""The S3 face as a client: signed requests and the operations that the commands need."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import md5, sha256

import aiohttp
import msgspec

from zotplus.cli import faults
from zotplus.cli.remote import s3_xml
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.connection import Answer, Body, Connection, Outgoing, retried
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.names import check_bucket_name
from zotplus.domain.percent import encode
from zotplus.domain.signatures.links import Link, Place, SignedForm, UploadForm, sign_form, sign_link
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers

PREFIX = "/s3"
"""Where the endpoint's main port serves S3."""
PAGE = 1000
"""Keys per page and per DeleteObjects request: the most that S3 allows."""
_PROBLEM = "application/problem+json"
"""How every part of the server but S3 refuses (RFC 9457)."""
_NOTHING = sha256(b"").hexdigest()
Query = tuple[tuple[str, str], ...]
Header = Mapping[str, str]


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: ``open`` gives the content anew for every try; ``sha256`` is hexadecimal, ``length`` in bytes."""

    open: Callable[[], Body]
    length: int
    sha256: str
    waits: bool = False
    """Ask for leave first (``Expect: 100-continue``), so that a refusal costs no transfer."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One S3 request: method, what it is about, sub-resource and further headers."""

    method: str
    address: Address | None = None
    query: Query = ()
    headers: Header = {}
    payload: Payload | None = None


def payload_of(content: bytes) -> Payload:
    """``content`` from memory."""
    return Payload(open=lambda: content, length=len(content), sha256=sha256(content).hexdigest())


class S3:
    """Operations on one connection. Everything raises as ``Connection.send``, and what the server answers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._target = connection.target

    async def send(self, call: Call) -> Answer:
        """The answer to ``call``; tried again after passing troubles. Raises the answer's problem."""
        return await retried(lambda: self._send_once(call))

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to ``call`` while its body arrives, tried once. Raises the answer's problem."""
        async with self._connection.stream(await self._outgoing(call)) as response:
            _require_s3(response.status, response.headers)
            if response.status >= errors.REQUEST_INVALID.status:
                body = await response.read()
                raise _problem(call, Answer(status=response.status, headers=response.headers, body=body))
            yield response

    async def presign(self, link: Link, expires: int) -> str:
        """A link that does one thing for ``expires`` seconds without further credentials."""
        return sign_link(link, self._place(), await self._signer(), expires=expires, now=time.time())

    async def presign_form(self, form: UploadForm, expires: int) -> SignedForm:
        """The fields of a form that uploads one file within ``expires`` seconds without further credentials."""
        return sign_form(form, self._place(), await self._signer(), expires=expires, now=time.time())

    def _place(self) -> Place:
        return Place(scheme=self._target.scheme, host=self._target.host, path=self._target.path + PREFIX)

    async def _signer(self) -> SigningCredentials:
        signer = await self._connection.caller.signer()
        if signer is None:
            raise Problem(errors.CREDENTIALS_MISSING, "A link is signed with an access key, and there is none.")
        return signer

    async def list_buckets(self) -> list[tuple[str, str]]:
        """Name and creation date of every bucket that the caller may see."""
        answer = await self.send(Call(method="GET"))
        rows = s3_xml.parse(answer.body, "ListAllMyBucketsResult").iter("Bucket")
        return [(s3_xml.text(row, "Name"), s3_xml.text(row, "CreationDate")) for row in rows]

    async def list_pages(self, address: Address, delimiter: str = "") -> AsyncIterator[s3_xml.Page]:
        """The pages of everything that begins with ``address``; rolled up at ``delimiter``."""
        token = ""
        while True:
            query = [("encoding-type", "url"), ("list-type", "2"), ("prefix", address.key)]
            query += [("delimiter", delimiter)] if delimiter else []
            query += [("continuation-token", token)] if token else []
            answer = await self.send(Call(method="GET", address=Address(address.bucket), query=tuple(query)))
            page = s3_xml.page(answer.body)
            yield page
            token = page.token
            if not token:
                return

    async def version_pages(self, address: Address, delimiter: str = "") -> AsyncIterator[s3_xml.Page]:
        """As ``list_pages``, with every version and delete marker."""
        after: Query = ()
        while True:
            query = [("encoding-type", "url"), ("max-keys", str(PAGE)), ("prefix", address.key), ("versions", "")]
            query += [("delimiter", delimiter)] if delimiter else []
            call = Call(method="GET", address=Address(address.bucket), query=(*query, *after))
            page, after = s3_xml.version_page((await self.send(call)).body)
            yield page
            if not after:
                return

    async def head(self, address: Address) -> Answer:
        """The object's headers, its stored checksum among them."""
        return await self.send(Call(method="HEAD", address=address, headers={"x-amz-checksum-mode": "ENABLED"}))

    async def delete(self, address: Address) -> None:
        """Delete an object, or a bucket that is empty."""
        await self.send(Call(method="DELETE", address=address))

    async def delete_many(self, bucket: str, keys: tuple[str, ...]) -> list[tuple[str, Problem]]:
        """Delete up to a thousand objects by one request; what was refused, and why."""
        body = s3_xml.deletion(keys)
        digest = s3_xml.base64_text(md5(body, usedforsecurity=False).digest())
        call = Call(
            method="POST",
            address=Address(bucket),
            query=(("delete", ""),),
            headers={"Content-MD5": digest, "Content-Type": "application/xml"},
            payload=payload_of(body),
        )
        root = s3_xml.parse((await self.send(call)).body, "DeleteResult")
        return [(s3_xml.text(row, "Key"), s3_xml.problem_of_row(row)) for row in root.findall("Error")]

    async def _send_once(self, call: Call) -> Answer:
        body = None if call.payload is None else call.payload.open()
        answer = await self._connection.send(await self._outgoing(call), body)
        _require_s3(answer.status, answer.headers)
        # CopyObject and CompleteMultipartUpload may begin with 200 and still end in an error.
        if answer.is_error or s3_xml.is_error(answer.body):
            raise _problem(call, answer)
        return answer

    async def _outgoing(self, call: Call) -> Outgoing:
        headers = {"host": self._target.host, **{name.lower(): value for name, value in call.headers.items()}}
        payload = call.payload
        path = raw_path(call.address)
        query = _raw_query(call)
        signer = await self._connection.caller.signer()
        if signer is not None:
            request = SignedRequest(
                method=call.method,
                raw_path=f"{self._target.path}{path}",
                raw_query=query,
                headers=PlainHeaders(headers.items()),
                scheme=self._target.scheme,
            )
            digest = _NOTHING if payload is None else payload.sha256
            headers |= sign_headers(request, signer, payload_hash=digest, now=time.time())
        if payload is not None:
            headers["content-length"] = str(payload.length)
            if payload.waits:
                headers["expect"] = "100-continue"
        return Outgoing(method=call.method, raw_path=path, raw_query=query, headers=headers)


def _raw_query(call: Call) -> str:
    version = call.address.version if call.address is not None else ""
    pairs = (*call.query, ("versionId", version)) if version else call.query
    return "&".join(f"{encode(name, keep_slash=False)}={encode(value, keep_slash=False)}" for name, value in pairs)


def raw_path(address: Address | None) -> str:
    """The path of ``address`` below the endpoint, encoded once."""
    if address is None:
        return f"{PREFIX}/"
    key = f"/{encode(address.key, keep_slash=True)}" if address.key else ""
    return f"{PREFIX}/{encode(address.bucket, keep_slash=False)}{key}"


def _problem(call: Call, answer: Answer) -> Problem:
    address = call.address or Address("")
    problem = s3_xml.problem_of(answer, bucket=address.bucket, key=address.key)
    if problem.fault is errors.BUCKET_NAME_INVALID and _is_valid(address.bucket):
        # what was refused is our own prefix, taken for a bucket: S3 is at the root there
        return Problem(faults.ENDPOINT_NOT_MAIN, "What answers there is S3 alone.")
    return problem


def _is_valid(bucket: str) -> bool:
    try:
        check_bucket_name(bucket or "any")
    except Problem:
        return False
    return True


def _require_s3(status: int, headers: Header) -> None:
    """Refuse what did not come from S3, whatever it says; a proxy's own errors (502 and others) may pass."""
    if s3_xml.REQUEST_ID in headers or status >= errors.INTERNAL_ERROR.status:
        return
    if headers.get("Content-Type") == _PROBLEM:
        raise Problem(faults.ENDPOINT_NOT_MAIN, "What answers there is another part of the server than S3.")
    raise Problem(faults.ANSWER_UNEXPECTED, f"What answers with {status} there is not S3.")
