"""Signature Version 4 as a client makes it: for the CLI, presigned links, replication to other stores and tests."""

import msgspec

from zotplus.domain.dates import format_basic_date
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.percent import encode
from zotplus.domain.signatures import payloads
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM, SignedRequest, canonical_request, string_to_sign

# Changed or added on the way by proxies and HTTP libraries, so never signed.
_UNSIGNED = frozenset({"authorization", "connection", "content-length", "expect", "transfer-encoding", "user-agent"})


class SigningCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs, and for which region and service."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    region: str = "us-east-1"
    service: str = "s3"

    def __repr__(self) -> str:
        return f"SigningCredentials(access_key={self.access_key!r})"  # the rest is secret


def sign_headers(
    request: SignedRequest, credentials: SigningCredentials, *, payload_hash: str, now: float
) -> dict[str, str]:
    """The headers to add to ``request`` (whose own include ``host``), ``authorization`` among them.

    ``payload_hash`` is the value for ``x-amz-content-sha256``; ``now`` is in seconds since the epoch.
    """
    amz_date = format_basic_date(now)
    added = {"x-amz-date": amz_date, payloads.HEADER: payload_hash}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token
    kept = [
        (name, value) for name in _names(request) for value in request.headers.getall(name, []) if name not in added
    ]
    signed = msgspec.structs.replace(request, headers=PlainHeaders([*kept, *added.items()]))
    names = sorted({name.lower() for name in signed.headers} - _UNSIGNED)
    scope = _scope(credentials, amz_date)
    signature = _sign(
        credentials, string_to_sign(canonical_request(signed, names, payload_hash), amz_date, scope), amz_date
    )
    credential = f"{credentials.access_key}/{scope}"
    added["authorization"] = (
        f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


def presign_url(request: SignedRequest, credentials: SigningCredentials, *, expires: int, now: float) -> str:
    """A link to ``request`` that is valid for ``expires`` seconds (1 to 604,800) from ``now``.

    All headers of ``request`` are signed: whoever uses the link must send the same.
    """
    amz_date = format_basic_date(now)
    scope = _scope(credentials, amz_date)
    names = _names(request)
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": amz_date,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": ";".join(names),
    }
    if credentials.session_token is not None:
        parameters["X-Amz-Security-Token"] = credentials.session_token
    own = "&".join([f"{name}={encode(value, keep_slash=False)}" for name, value in parameters.items()])
    query = f"{request.raw_query}&{own}" if request.raw_query else own
    canonical = canonical_request(msgspec.structs.replace(request, raw_query=query), names, UNSIGNED_PAYLOAD)
    signature = _sign(credentials, string_to_sign(canonical, amz_date, scope), amz_date)
    return f"{request.scheme}://{request.headers.get('host')}{request.raw_path}?{query}&X-Amz-Signature={signature}"


def _names(request: SignedRequest) -> list[str]:
    return sorted({name.lower() for name in request.headers})


def _scope(credentials: SigningCredentials, amz_date: str) -> str:
    return f"{amz_date[:8]}/{credentials.region}/{credentials.service}/aws4_request"


def _sign(credentials: SigningCredentials, text: str, amz_date: str) -> str:
    key = signing_key(credentials.secret_key, amz_date[:8], credentials.region, credentials.service)
    return key.sign(text)
