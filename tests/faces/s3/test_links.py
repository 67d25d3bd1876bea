"""Presigned links to the last detail: what they carry, what is signed, and how long they are good."""

import time
from urllib.parse import quote

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.gateway import client_of
from tests.faces.s3.stage import ADMIN, Body, Stage
from zotplus.domain.signatures import sigv2
from zotplus.gateway.head import RequestHead
from zotplus.protocols.s3.routes import SELECTORS


async def by_link(stage: Stage, method: str, path: str, body: bytes = b"", **options):
    """A request by a link: ``query`` is signed, ``headers`` are sent with it."""
    head = await stage.presigned(method, path, **options)
    headers = CIMultiDict(head.headers)
    headers["Content-Length"] = str(len(body))
    return await stage.send(msgspec.structs.replace(head, headers=CIMultiDictProxy(headers)), Body(body))


async def test_a_link_carries_headers_of_the_object_in_its_query(stage):
    """SDKs for browsers move ``x-amz-`` headers into the link; what they say must not be lost."""
    query = "x-amz-meta-colour=red%20one&x-amz-storage-class=STANDARD_IA"
    assert (await by_link(stage, "PUT", "/bucket/a", b"x", query=query)).status == 200
    answer = await stage.ask("HEAD", "/bucket/a")
    assert answer.headers["x-amz-meta-colour"] == "red one"
    assert answer.headers["x-amz-storage-class"] == "STANDARD_IA"


async def test_a_header_cannot_contradict_its_link(stage):
    head = await stage.presigned("PUT", "/bucket/a", query="x-amz-meta-a=1")
    changed = await stage.presigned("PUT", "/bucket/a", query="x-amz-meta-a=1", headers={"x-amz-meta-a": "2"})
    for refused in (msgspec.structs.replace(head, raw_query=head.raw_query.replace("a=1", "a=2")), changed):
        headers = CIMultiDictProxy(CIMultiDict([*refused.headers.items(), ("Content-Length", "1")]))
        answer = await stage.send(msgspec.structs.replace(refused, headers=headers), Body(b"x"))
        assert answer.status in (400, 403)
        assert not answer.body_was_read


async def test_what_a_link_asks_for_is_refused_like_the_header(stage):
    answer = await by_link(stage, "PUT", "/bucket/a", b"x", query="x-amz-website-redirect-location=ftp%3A%2F%2Fa")
    assert answer.status in (400, 501)
    answer = await by_link(stage, "PUT", "/bucket/a", b"x", query="x-amz-server-side-encryption=none")
    assert answer.status == 400
    assert (await stage.ask("GET", "/bucket/a")).status == 404


async def test_a_link_to_copy_copies(stage):
    await stage.put("source", b"content")
    query = "x-amz-copy-source=" + quote("/bucket/source", safe="")
    assert (await by_link(stage, "PUT", "/bucket/copy", query=query)).status == 200
    assert (await stage.ask("GET", "/bucket/copy")).body == b"content"


async def test_conditions_of_policies_see_what_a_link_carries(stage):
    """RustFS GHSA-6r96: conditions were decided on something else than what was done."""
    import json  # noqa: PLC0415 - only here

    from zotplus.services.policies.values import NewVersion  # noqa: PLC0415 - only here

    deny = {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": {"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}},
    }
    wanted = NewVersion(text=json.dumps({"Statement": deny}).encode(), author="test")
    await stage.services.policies.put("no-ia", wanted)
    await stage.services.policies.attach("no-ia", ADMIN.access_key, "test")
    assert (await by_link(stage, "PUT", "/bucket/a", b"x", query="x-amz-storage-class=STANDARD")).status == 200
    answer = await by_link(stage, "PUT", "/bucket/b", b"x", query="x-amz-storage-class=STANDARD_IA")
    assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_a_query_of_no_link_brings_no_header(stage):
    assert (await stage.ask("PUT", "/bucket/a", body=b"x", query="x-amz-meta-a=1")).status == 200
    assert "x-amz-meta-a" not in (await stage.ask("HEAD", "/bucket/a")).headers


async def test_a_link_of_an_sdk_with_the_checksum_of_nothing_uploads(stage):
    query = "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-id=PutObject"
    assert (await by_link(stage, "PUT", "/bucket/a", b"content", query=query)).status == 200


def link_with(head: RequestHead, **changes: str) -> RequestHead:
    """The link with other parameters, whose signature is then of another link."""
    pairs = dict(part.partition("=")[::2] for part in head.raw_query.split("&"))
    pairs |= {name.replace("_", "-"): quote(value, safe="") for name, value in changes.items()}
    return msgspec.structs.replace(head, raw_query="&".join(f"{name}={value}" for name, value in pairs.items()))


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "9" * 40, "abc", "", "1.5", "+5"])
async def test_a_link_is_good_for_a_second_to_seven_days(stage, expires):
    await stage.put("a")
    head = await stage.presigned("GET", "/bucket/a")
    answer = await stage.send(link_with(head, X_Amz_Expires=expires), Body(b""))
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


async def test_a_link_of_seven_days_ends_after_them(stage):
    """CVE-2025-68671 (lakeFS): times of signatures were not looked at."""
    await stage.put("a")
    week = 604_800
    ages = {0: 200, week - 5: 200, week + 5: 403, -600: 200, -1_000: 403}
    for age, status in ages.items():
        head = await stage.presigned("GET", "/bucket/a", expires=week, now=time.time() - age)
        assert (await stage.send(head, Body(b""))).status == status, age


@pytest.mark.parametrize("host", ["other.test", "s3.test:9001", "S3.test.", ""])
async def test_a_link_is_for_one_host_and_port(stage, host):
    await stage.put("a")
    head = await stage.presigned("GET", "/bucket/a")
    headers = CIMultiDictProxy(CIMultiDict({"Host": host}))
    answer = await stage.send(msgspec.structs.replace(head, headers=headers, host=host), Body(b""))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


async def test_a_response_override_is_signed_or_nothing(stage):
    await stage.put("a")
    head = await stage.presigned("GET", "/bucket/a", query="response-content-disposition=attachment")
    answer = await stage.send(head, Body(b""))
    assert answer.headers["Content-Disposition"] == "attachment"
    for more in ("&response-content-type=text%2Fhtml", "&response-content-disposition=inline"):
        answer = await stage.send(msgspec.structs.replace(head, raw_query=head.raw_query + more), Body(b""))
        assert answer.status in (400, 403)
    answer = await stage.ask("GET", "/bucket/a", query="response-content-type=text%2Fhtml", signed=None)
    assert answer.status in (400, 403)


@pytest.mark.parametrize("header", ["x-amz-acl", "x-amz-meta-a", "x-amz-copy-source", "x-amz-tagging"])
async def test_an_amazon_header_beside_a_link_has_to_be_signed(stage, header):
    answer = await by_link(stage, "PUT", "/bucket/a", b"x", headers={header: "private"})
    assert answer.status in (400, 403)
    assert (await stage.ask("GET", "/bucket/a")).status == 404


def test_what_selects_an_operation_is_signed_by_version_2_or_refused():
    """A parameter that is not signed could turn a link to read into one to change something else."""
    assert {"list-type"} >= SELECTORS & sigv2._HARMLESS_PARAMETERS


def client(endpoint: str, style: str):
    key = (ADMIN.access_key, ADMIN.secret_key)
    return client_of("s3", endpoint, key, signature_version="s3", s3={"addressing_style": style})


async def test_a_version_2_link_carries_headers_and_overrides_and_names_its_bucket_by_the_host():
    stage = await Stage(domain="s3.test", allow_signature_v2=True).prepare()
    await stage.ask("PUT", "/bucket")
    maker = client("http://s3.test", "virtual")
    arguments = {"Bucket": "bucket", "Key": "a b", "Metadata": {"colour": "red"}}
    for operation, method, body in (("put_object", "PUT", b"x"), ("get_object", "GET", b"")):
        more = arguments if method == "PUT" else {**arguments, "ResponseContentType": "text/x-test"}
        wanted = {name: value for name, value in more.items() if method == "PUT" or name != "Metadata"}
        url = maker.generate_presigned_url(operation, Params=wanted)
        host, _, rest = url.removeprefix("http://").partition("/")
        path, _, query = rest.partition("?")
        assert host == "bucket.s3.test"
        head = stage.head(_call(method, "/" + path, query, host, body))
        answer = await stage.send(head, Body(body))
        assert answer.status == 200, answer.body
        changed = msgspec.structs.replace(head, raw_path="/other")
        assert (await stage.send(changed, Body(body))).status == 403
    assert answer.headers["Content-Type"] == "text/x-test"
    assert answer.headers["x-amz-meta-colour"] == "red"
    maker.close()


def _call(method: str, path: str, query: str, host: str, body: bytes):
    from tests.faces.s3.stage import Call  # noqa: PLC0415 - only here

    return Call(method=method, path=path, query=query, host=host, body=body, signed=None)


@pytest.mark.parametrize("more", ["acl", "tagging=", "retention", "legal-hold", "encryption", "policy", "versionId=v"])
async def test_a_sub_resource_is_not_added_to_a_version_2_link(more):
    stage = await Stage(allow_signature_v2=True).prepare()
    await stage.ask("PUT", "/bucket")
    await stage.put("a")
    maker = client("http://s3.test", "path")
    for operation, method in (("get_object", "GET"), ("put_object", "PUT"), ("delete_object", "DELETE")):
        url = maker.generate_presigned_url(operation, Params={"Bucket": "bucket", "Key": "a"})
        query = url.partition("?")[2]
        answer = await stage.send(stage.head(_call(method, "/bucket/a", f"{query}&{more}", "s3.test", b"")), Body(b""))
        assert answer.status in (400, 403, 501), (operation, answer.body)
    assert (await stage.ask("GET", "/bucket/a")).body == b"content"
    maker.close()
