"""Which operation a request means: prefix, virtual hosts, sub-resources, methods."""

import pytest

from tests.faces.s3.stage import NAMESPACE, Call, Stage
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.head import Listener
from zotplus.protocols.s3.request import Level
from zotplus.protocols.s3.routes import ROWS, SELECTORS

METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
# Level, method -> selectors that are served there; every other selector has to be refused.
SERVED = {(row.level, row.route.method, name) for row in ROWS for name in (row.query | row.also)}
# What Amazon has a sentence of its own for, at an object's address.
ASTRAY = {
    (Level.OBJECT, "PUT", "partNumber"): 400,
    (Level.OBJECT, "PUT", "uploadId"): 405,
    (Level.OBJECT, "GET", "uploads"): 400,
    (Level.OBJECT, "GET", "versions"): 400,
}
PATHS = {Level.SERVICE: "/", Level.BUCKET: "/bucket", Level.OBJECT: "/bucket/key"}


@pytest.mark.parametrize("selector", sorted(SELECTORS))
@pytest.mark.parametrize("level", [Level.BUCKET, Level.OBJECT])
async def test_a_sub_resource_never_becomes_the_plain_operation(stage, level, selector):
    await stage.put("key", b"kept")
    for method in METHODS:
        if (level, method, selector) in SERVED:
            continue
        for query in (selector, f"{selector}=", f"{selector}=1"):
            answer = await stage.ask(method, PATHS[level], query=query, body=b"new" if method == "PUT" else b"")
            assert answer.status == ASTRAY.get((level, method, selector), 501), (method, query)
            assert not answer.body_was_read
    assert (await stage.ask("GET", "/bucket/key")).body == b"kept"


@pytest.mark.parametrize(
    "query", ["renamed-by-a-future-api", "x=1&future", "acl&uploads", "acl&uploadId=1&partNumber=1"]
)
async def test_a_bare_parameter_that_nobody_knows_is_not_ignored(stage, query):
    assert (await stage.put("key", query=query)).status == 501
    assert (await stage.ask("HEAD", "/bucket/key")).status == 404


@pytest.mark.parametrize("query", ["x-id=PutObject", "anything=1", "x-amz-id="])
async def test_plain_parameters_change_nothing(stage, query):
    assert (await stage.put("key", query=query)).status == 200


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "CONNECT", "PROPFIND", "X" * 100])
@pytest.mark.parametrize("path", ["/", "/bucket", "/bucket/key"])
async def test_other_methods_are_refused_with_those_that_are_allowed(stage, method, path):
    answer = await stage.ask(method, path)
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(("method", "query", "code", "told"), [
    ("PUT", "partNumber=1", "InvalidArgument", {"ArgumentName": "partNumber", "ArgumentValue": "partNumber"}),
    ("PUT", "uploadId=x", "MethodNotAllowed", {"Method": "PUT", "ResourceType": "UPLOAD"}),
    ("POST", "", "MethodNotAllowed", {"Method": "POST", "ResourceType": "OBJECT"}),
    ("GET", "uploads", "InvalidRequest", {"Message": "Key is not expected for the GET method ?uploads subresource"}),
    ("GET", "versions=", "InvalidRequest", {}),
    ("GET", "uploads&versions", "NotImplemented", {}),
])  # fmt: skip
async def test_an_operation_that_is_named_wrongly_is_refused_in_amazons_words(*, stage, method, query, code, told):
    answer = await stage.ask(method, "/bucket/key", query=query)
    assert (answer.code, answer.body_was_read) == (code, False)
    assert {name: answer.xml.findtext(name) for name in told} == told
    if answer.status == 405:
        assert method not in answer.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/bucket", "/bucket/key"])
async def test_a_copy_source_is_refused_where_nothing_is_copied(stage, method, path):
    await stage.put("key", b"kept")
    query = "uploadId=x" if method == "POST" else ""
    answer = await stage.ask(method, path, query=query, headers={"x-amz-copy-source": "bucket/key"})
    assert answer.status == 400
    if method != "HEAD":
        assert (answer.code, answer.xml.findtext("ArgumentValue")) == ("InvalidArgument", "bucket/key")
    assert (await stage.ask("GET", "/bucket/key")).body == b"kept"


async def test_a_repeated_parameter_is_refused(stage):
    answer = await stage.ask("GET", "/bucket", query="prefix=a&prefix=b")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_a_flood_of_parameters_is_refused(stage):
    query = "&".join(f"p{n}=1" for n in range(1000))
    assert (await stage.ask("GET", "/bucket", query=query)).status == 400


async def test_what_is_outside_the_prefix_is_not_s3():
    stage = Stage()
    face = stage.faces[Listener.MAIN]
    head = stage.head(Call(method="GET", path="/bucket", signed=None))  # the S3 listener's path: no prefix
    with pytest.raises(Problem) as caught:
        face.parse(head)
    assert caught.value.fault is errors.ROUTE_NOT_FOUND


@pytest.fixture
async def hosts():
    stage = await Stage(domain="s3.example").prepare()
    assert (await stage.ask("PUT", "/", host="bucket.s3.example")).status == 200
    return stage


@pytest.mark.parametrize("host", ["bucket.s3.example", "bucket.s3.example:9000", "BUCKET.S3.example"])
async def test_the_host_names_the_bucket_where_a_domain_is_set(hosts, host):
    assert (await hosts.ask("PUT", "/a/b", host=host, body=b"x")).status == 200
    assert (await hosts.ask("GET", "/a/b", host=host)).body == b"x"
    assert (await hosts.ask("GET", "/", host=host)).texts("Contents/Key") == ["a/b"]
    assert (await hosts.ask("GET", "/bucket/a/b", host="s3.example")).body == b"x"
    assert (await hosts.ask("GET", "/", host="s3.example")).xml.tag == f"{NAMESPACE}ListAllMyBucketsResult"


async def test_a_host_outside_the_domain_names_no_bucket(hosts):
    assert (await hosts.ask("GET", "/", host="bucket.s3.example.org")).texts("Buckets/Bucket/Name") == ["bucket"]
    assert (await hosts.ask("GET", "/", host="bad_name.s3.example")).code == "InvalidBucketName"


async def test_a_host_names_no_bucket_without_a_domain(stage):
    assert (await stage.ask("GET", "/", host="bucket.s3.test")).texts("Buckets/Bucket/Name") == ["bucket"]


async def test_a_refusal_to_head_has_no_body(stage):
    answer = await stage.ask("HEAD", "/bucket/missing")
    assert (answer.status, answer.body) == (404, b"")
    assert answer.headers["X-Zotplus-Fault"] == "object_not_found"


async def test_a_refusal_names_resource_and_request(stage):
    answer = await stage.ask("GET", "/bucket/%3Cmissing%3E")
    assert answer.xml.findtext("Resource") == "/bucket/<missing>"
    assert answer.xml.findtext("Key") == "<missing>"
    assert len(answer.xml.findtext("RequestId")) == 16
    assert answer.headers["x-amz-id-2"] == answer.xml.findtext("HostId")
    assert answer.headers["X-Zotplus-Fault"] == "object_not_found"
