"""What the line of an access log says of odd requests; the usual ones are in ``test_access_logging.py``."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.s3.stage import ADMIN, Body, Call, Stage
from zotplus.domain.storage.access_lines import LoggingTarget
from zotplus.gateway.head import Listener, RequestHead
from zotplus.protocols.s3.telling.access_records import AccessRecords
from zotplus.services.configuration.access_logging import Logged


class Lines:
    """Takes the lines of the bucket ``bucket``."""

    def __init__(self):
        logged = Logged(owner="owner", region="us-east-1", target=LoggingTarget(bucket="logs"))
        self.sources = {"bucket": logged}
        self.taken = []

    def take(self, line):
        self.taken.append(line)


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
async def stage():
    made = await Stage(allow_signature_v2=True).prepare()
    await made.ask("PUT", "/bucket")
    await made.put("key", b"hello")
    return made


async def answered(stage, lines, head, sizes=(0, 0)):
    """The request is answered and noted."""
    context = stage.pipeline.open(head, Body(b""))
    reply = await stage.pipeline.respond(context)
    AccessRecords(lines).note(context, reply, sizes)
    return reply


def with_head(head, *, query="", **headers):
    changed = CIMultiDict(head.headers)
    changed.update(headers)
    return RequestHead(
        method=head.method,
        raw_path=head.raw_path,
        raw_query=query or head.raw_query,
        headers=CIMultiDictProxy(changed),
        peer=head.peer,
        scheme=head.scheme,
        host=head.host,
        listener=head.listener,
    )


async def test_a_request_without_a_credential_is_nobodys(stage, lines):
    await answered(stage, lines, stage.head(Call(method="GET", path="/bucket/key", signed=None)))
    (line,) = lines.taken
    assert (line.requester, line.signature, line.authentication, line.error) == ("", "", "", "AccessDenied")


async def test_the_kinds_of_credential_are_told(stage, lines):
    plain = stage.head(Call(method="GET", path="/bucket/key", signed=None))
    await answered(stage, lines, with_head(plain, Authorization="Basic QTpC"))
    await answered(stage, lines, with_head(plain, Authorization="AWS AK:signature"))
    await answered(stage, lines, with_head(plain, query="AWSAccessKeyId=AK&Expires=1&Signature=x"))
    await answered(stage, lines, await stage.presigned("GET", "/bucket/key"))
    assert [(line.signature, line.authentication) for line in lines.taken] == [
        ("", "AuthHeader"),
        ("SigV2", "AuthHeader"),
        ("SigV2", "QueryString"),
        ("SigV4", "QueryString"),
    ]


async def test_what_names_no_bucket_with_a_log_is_left_out(stage, lines):
    for path in ("/", "/other", "/bucket%ZZ", "/BAD_BUCKET/key"):
        await answered(stage, lines, stage.head(Call(method="GET", path=path, signed=None)))
    lines.sources = {}
    await answered(stage, lines, stage.head(Call(method="GET", path="/bucket/key")))
    assert lines.taken == []


async def test_another_face_is_left_out(stage, lines):
    head = stage.head(Call(method="GET", path="/bucket/key"))
    context = stage.pipeline.open(head, Body(b""))
    reply = await stage.pipeline.respond(context)
    context.face = object()
    AccessRecords(lines).note(context, reply, (0, 0))
    assert lines.taken == []


async def test_a_request_that_means_nothing_is_told_by_its_method(stage, lines):
    await answered(stage, lines, stage.head(Call(method="PATCH", path="/bucket/key", signed=ADMIN)))
    (line,) = lines.taken
    assert (line.operation, line.status) == ("REST.PATCH.OBJECT", 405)


async def test_sizes_are_those_of_the_content_not_of_the_chunks(stage, lines):
    head = with_head(stage.head(Call(method="GET", path="/bucket/key")))
    await answered(stage, lines, head, (0, 5))
    put = stage.head(Call(method="PUT", path="/bucket/key", body=b"hello"))
    context = stage.pipeline.open(put, Body(b"hello"))
    reply = await stage.pipeline.respond(context)
    chunked = with_head(put, **{"x-amz-decoded-content-length": "5"})
    for seen in (put, chunked, with_head(put, **{"x-amz-decoded-content-length": "nonsense"})):
        context.head = seen
        AccessRecords(lines).note(context, reply, (100, 0))
    await answered(stage, lines, stage.head(Call(method="DELETE", path="/bucket/key")))
    assert [line.size for line in lines.taken] == [5, 100, 5, None, None]


async def test_the_main_port_is_logged_too(stage, lines):
    await answered(stage, lines, stage.head(Call(method="GET", path="/bucket/key", listener=Listener.MAIN)), (0, 5))
    (line,) = lines.taken
    assert (line.key, line.target, line.operation) == ("key", "/s3/bucket/key", "REST.GET.OBJECT")
