"""Opens the form in a request's body: its fields are read and judged, its file becomes the body of the request.

Spec: Amazon S3 API Reference, POST Object.
"""

import time
from collections.abc import AsyncIterator

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.forms.multipart import FormHead, FormReader, boundary_of, malformed
from zotplus.domain.forms.policy import FormPolicy, parse_policy, require_allowed
from zotplus.domain.integrity import checksums
from zotplus.domain.principals import Principal
from zotplus.domain.signatures.form_signatures import FormClaim, parse_form_claim, verify_form
from zotplus.gateway.context import Context
from zotplus.protocols.s3 import payload
from zotplus.protocols.s3.payload import Incoming
from zotplus.protocols.s3.request import Request
from zotplus.services.content.hashing import Hashing

TAIL_LIMIT = 1_048_576
"""Bytes behind the file that are read and ignored, so that the connection can go on."""
_FILENAME = "${filename}"
_NOT_A_FORM = "Bucket POST must be of the enclosure-type multipart/form-data"


class FormBody:
    """The file of a form as the request's body; as ``gateway.bodies.RequestBody``.

    ``fields`` are those before the file, by lower-case name. ``policy`` is what a signer allowed: its sizes are kept.
    ``size`` is how long the file is unless something follows it, None where that cannot be known.
    """

    def __init__(self, raw: AsyncIterator[bytes], reader: FormReader, head: FormHead, length: int | None) -> None:
        self.fields = {name: value.replace(_FILENAME, head.filename) for name, value in head.fields.items()}
        self.policy: FormPolicy | None = None
        self.length = length
        self.size = None if length is None else max(length - head.size - reader.closing_bytes, 0)
        self._raw = raw
        self._reader = reader
        self._begun = head.begun

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's content.

        Raises ``FORM_MALFORMED`` for a form without an end, ``ENTITY_TOO_LARGE`` and ``ENTITY_TOO_SMALL`` against the
        policy, and what the request's body does.
        """
        received = 0
        known = self._reader.content(self._begun)
        while True:
            received += len(known)
            self._require_most(received)
            if known:
                yield known
            if self._reader.is_complete:
                break
            data = await anext(self._raw, None)
            if data is None:
                raise malformed("The body ends before the file does.")
            known = self._reader.content(data)
        self._require_least(received)
        await self._drain()

    async def read(self, limit: int) -> bytes:
        """The whole file. Raises ``BODY_TOO_LARGE``, and as ``chunks``."""
        content = bytearray()
        async for data in self.chunks():
            content += data
            if len(content) > limit:
                raise Problem(errors.BODY_TOO_LARGE, MaxMessageLengthBytes=limit)
        return bytes(content)

    def _require_most(self, received: int) -> None:
        most = None if self.policy is None else self.policy.most
        if most is not None and received > most:
            proposed = received if self.size is None else max(self.size, received)
            raise Problem(errors.ENTITY_TOO_LARGE, ProposedSize=proposed, MaxSizeAllowed=most)

    def _require_least(self, received: int) -> None:
        if self.policy is not None and received < self.policy.least:
            raise Problem(errors.ENTITY_TOO_SMALL, ProposedSize=received, MinSizeAllowed=self.policy.least)

    async def _drain(self) -> None:
        """Read what is behind the file, so that all that the head says about the body has been checked."""
        ignored = 0
        async for data in self._raw:
            ignored += len(data)
            if ignored > TAIL_LIMIT:
                raise malformed(f"More than {TAIL_LIMIT} bytes follow the file.")


def require_boundary(content_type: str) -> str:
    """The boundary of the form in a request. Raises ``PRECONDITION_FAILED`` for no form, ``FORM_MALFORMED``."""
    boundary = boundary_of(content_type)
    if boundary is None:
        raise Problem(errors.PRECONDITION_FAILED, Condition=_NOT_A_FORM)
    return boundary


async def open_form(context: Context, request: Request) -> FormBody:
    """Read the form's fields; from here on the request's body is the form's file.

    Raises ``FORM_MALFORMED``, ``FORM_TOO_LARGE``, ``FORM_WITHOUT_FILE``, ``FORM_TOO_SMALL`` and what the body does.
    """
    reader = FormReader(require_boundary(request.header("content-type") or ""))
    incoming = payload.parse_incoming(request, needs_length=False)
    raw = _checked(context, incoming)
    async for data in raw:
        head = reader.head(data)
        if head is not None:
            context.body = form = FormBody(raw, reader, head, incoming.size)
            return form
    raise malformed("The body ends before the file begins.")


async def authenticate(context: Context, request: Request, *, allow_signature_v2: bool) -> Principal:
    """Who signed the form's policy, which must allow all that the form says; nobody for a form without a signature.

    CVE-2021-21362, CVE-2023-28434, CVE-2023-43040: nothing of a form is believed that its policy does not cover, and
    its bucket is that of the address. Raises as ``open_form``, ``parse_form_claim``, ``verify_form``,
    ``parse_policy`` and ``require_allowed`` do; ``SIGNATURE_VERSION_REFUSED``.
    """
    form = await open_form(context, request)
    claim = parse_form_claim(form.fields)
    if claim is None:
        return await context.services.callers.anonymous()
    if claim.scope is None and not allow_signature_v2:
        raise Problem(errors.SIGNATURE_VERSION_REFUSED)
    principal, secret = await context.services.callers.signer(claim.access_key, claim.session_token)
    now = time.time()
    verify_form(claim, secret, now)
    form.policy = _allowed(claim, form, request.bucket, now)
    return principal


def _allowed(claim: FormClaim, form: FormBody, bucket: str, now: float) -> FormPolicy:
    """What the policy allows; the bucket is that of the address, and a field that names another is refused."""
    if form.fields.get("bucket", bucket) != bucket:
        raise Problem(errors.ACCESS_DENIED, "The form names another bucket than its address.")
    policy = parse_policy(claim.policy)
    require_allowed(policy, {**form.fields, "bucket": bucket}, now)
    return policy


async def _checked(context: Context, incoming: Incoming) -> AsyncIterator[bytes]:
    """The decoded body; at its end everything has been checked that the head says about it."""
    source = payload.open_source(context, incoming)
    expected = source.expected
    algorithms = () if incoming.algorithm is None else (incoming.algorithm,)
    hashing = Hashing(algorithms, with_sha256=True) if expected.sha256 or expected.md5 or algorithms else None
    async for data in source.chunks:
        if hashing is not None:
            await hashing.update(data)
        yield data
    if hashing is None:
        return
    if expected.sha256 is not None and hashing.sha256.hex() != expected.sha256:
        raise Problem(errors.CONTENT_SHA256_MISMATCH)
    if expected.md5 is not None and hashing.md5 != expected.md5:
        raise Problem(errors.DIGEST_MISMATCH)
    for algorithm in algorithms:
        trailer = source.trailer.values if source.trailer is not None else {}
        value = incoming.checksum or trailer.get(algorithm.header, "")
        checksums.check(algorithm, value, hashing.checksums()[algorithm.value])
