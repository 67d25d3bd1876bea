"""Tags of buckets and objects."""

import pytest

from tests.faces.s3.stage import NOBODY
from zotplus.domain.iam import Effect, Policy, Statement, policy_text
from zotplus.services.policies.values import NewVersion


def tagging(*pairs):
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode()


def pairs(answer):
    return list(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value"), strict=True))


async def test_tags_of_a_bucket_come_back_as_they_went_in(stage):
    assert (await stage.ask("PUT", "/bucket", query="tagging", body=tagging(("b", "1"), ("ä&", "")))).status == 400
    assert (await stage.ask("PUT", "/bucket", query="tagging", body=tagging(("b", "1"), ("ä", "")))).status == 204
    assert pairs(await stage.ask("GET", "/bucket", query="tagging")) == [("b", "1"), ("ä", "")]
    assert (await stage.ask("PUT", "/bucket", query="tagging", body=tagging(("c", "2")))).status == 204
    assert pairs(await stage.ask("GET", "/bucket", query="tagging")) == [("c", "2")]


async def test_a_bucket_without_tags_says_so(stage):
    answer = await stage.ask("GET", "/bucket", query="tagging")
    assert (answer.status, answer.code) == (404, "NoSuchTagSet")
    await stage.ask("PUT", "/bucket", query="tagging", body=tagging(("a", "b")))
    assert (await stage.ask("DELETE", "/bucket", query="tagging")).status == 204
    assert (await stage.ask("GET", "/bucket", query="tagging")).code == "NoSuchTagSet"
    assert (await stage.ask("DELETE", "/bucket", query="tagging")).status == 204


BAD = [
    (b"", "MalformedXML"),
    (b"<Tagging/>", "MalformedXML"),
    (b"<Tagging><Other/></Tagging>", "MalformedXML"),
    (b"<Tagging><TagSet/><TagSet/></Tagging>", "MalformedXML"),
    (b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", "MalformedXML"),
    (b"<Tagging><TagSet><Other/></TagSet></Tagging>", "MalformedXML"),
    (tagging(("", "b")), "InvalidTag"),
    (tagging(("a", "b"), ("a", "c")), "InvalidTag"),
    (tagging(("aws:x", "b")), "InvalidTag"),
    (tagging(("a!", "b")), "InvalidTag"),
    (tagging(*[(f"k{number}", "v") for number in range(51)]), "BadRequest"),
    (b"<Tagging>" + b" " * 140_000, "MaxMessageLengthExceeded"),
]


@pytest.mark.parametrize(("body", "code"), BAD)
async def test_tags_that_are_none_are_refused_and_change_nothing(stage, body, code):
    await stage.ask("PUT", "/bucket", query="tagging", body=tagging(("a", "b")))
    answer = await stage.ask("PUT", "/bucket", query="tagging", body=body)
    assert (answer.status, answer.code) == (400, code)
    assert pairs(await stage.ask("GET", "/bucket", query="tagging")) == [("a", "b")]


async def put_tags(stage, *given, query="tagging", key="key", **options):
    return await stage.ask("PUT", f"/bucket/{key}", query=query, body=tagging(*given), **options)


async def tags_of(stage, key="key", query="tagging"):
    return dict(pairs(await stage.ask("GET", f"/bucket/{key}", query=query)))


async def test_tags_of_an_object_come_and_go_and_change_nothing_else(stage):
    before = await stage.put("key")
    assert await tags_of(stage) == {}
    assert (await put_tags(stage, ("a", "1"), ("b", ""))).status == 200
    assert await tags_of(stage) == {"a": "1", "b": ""}
    assert (await put_tags(stage, ("c", "2"))).status == 200
    assert await tags_of(stage) == {"c": "2"}
    got = await stage.ask("GET", "/bucket/key")
    assert (got.body, got.headers["ETag"]) == (b"content", before.headers["ETag"])
    assert got.headers["x-amz-tagging-count"] == "1"
    assert (await stage.ask("DELETE", "/bucket/key", query="tagging")).status == 204
    assert await tags_of(stage) == {}
    assert "x-amz-tagging-count" not in (await stage.ask("HEAD", "/bucket/key")).headers
    assert (await stage.ask("DELETE", "/bucket/key", query="tagging")).status == 204


@pytest.mark.parametrize(("body", "code"), [*BAD[:10], (tagging(*[(f"k{n}", "v") for n in range(11)]), "BadRequest")])
async def test_tags_of_an_object_that_are_none_are_refused_and_change_nothing(stage, body, code):
    await stage.put("key", headers={"x-amz-tagging": "a=b"})
    answer = await stage.ask("PUT", "/bucket/key", query="tagging", body=body)
    assert (answer.status, answer.code) == (400, code)
    assert await tags_of(stage) == {"a": "b"}


async def test_an_object_that_is_not_there_has_no_tags(stage):
    for method in ("GET", "PUT", "DELETE"):
        answer = await stage.ask(method, "/bucket/missing", query="tagging", body=tagging() if method == "PUT" else b"")
        assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert (await put_tags(stage, key="missing", query="tagging&versionId=")).code == "InvalidArgument"


async def test_every_version_has_tags_of_its_own(stage):
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert (await stage.ask("PUT", "/bucket", query="versioning", body=enabled)).status == 200
    first = (await stage.put("key", headers={"x-amz-tagging": "v=1"})).headers["x-amz-version-id"]
    second = (await stage.put("key", headers={"x-amz-tagging": "v=2"})).headers["x-amz-version-id"]
    answer = await put_tags(stage, ("v", "one"), query=f"tagging&versionId={first}")
    assert (answer.status, answer.headers["x-amz-version-id"]) == (200, first)
    assert await tags_of(stage) == {"v": "2"}
    assert await tags_of(stage, query=f"tagging&versionId={first}") == {"v": "one"}
    answer = await stage.ask("DELETE", "/bucket/key", query=f"tagging&versionId={second}")
    assert (answer.status, answer.headers["x-amz-version-id"]) == (204, second)
    assert await tags_of(stage) == {}
    marker = (await stage.ask("DELETE", "/bucket/key")).headers["x-amz-version-id"]
    assert (await put_tags(stage, query=f"tagging&versionId={marker}")).code == "MethodNotAllowed"
    assert (await put_tags(stage)).code == "NoSuchKey"


async def test_an_upload_brings_its_tags(stage):
    assert (await stage.put("key", headers={"x-amz-tagging": "a=b%20c&d"})).status == 200
    assert await tags_of(stage) == {"a": "b c", "d": ""}
    answer = await stage.ask("POST", "/bucket/parts", query="uploads", headers={"x-amz-tagging": "a=b"})
    upload = answer.text("UploadId")
    part = await stage.ask("PUT", "/bucket/parts", query=f"partNumber=1&uploadId={upload}", body=b"part")
    body = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
        "</CompleteMultipartUpload>"
    )
    await stage.ask("POST", "/bucket/parts", query=f"uploadId={upload}", body=body.encode())
    assert await tags_of(stage, "parts") == {"a": "b"}


@pytest.mark.parametrize(("text", "code"), [
    ("=b", "InvalidArgument"),
    ("a=1&a=2", "InvalidArgument"),
    ("a=%zz", "InvalidArgument"),
    ("a*=b", "InvalidTag"),
    ("&".join(f"k{n}=v" for n in range(11)), "BadRequest"),
])  # fmt: skip
async def test_a_header_that_is_no_tags_is_refused_before_the_body(stage, text, code):
    for method, path, query in (("PUT", "/bucket/key", ""), ("POST", "/bucket/key", "uploads")):
        answer = await stage.ask(method, path, query=query, headers={"x-amz-tagging": text}, body=b"x")
        assert (answer.status, answer.code, answer.body_was_read) == (400, code, False)


async def test_a_header_of_tags_that_an_operation_would_ignore_is_refused(stage):
    answer = await stage.ask("PUT", "/another-bucket", headers={"x-amz-tagging": "a=b"})
    assert (answer.status, answer.code) == (501, "NotImplemented")


async def test_a_copy_keeps_the_tags_or_gets_others(stage):
    await stage.put("key", headers={"x-amz-tagging": "a=b"})

    async def copied(**headers):
        given = {f"x-amz-{name.replace('_', '-')}": value for name, value in headers.items()}
        return await stage.ask("PUT", "/bucket/copy", headers={"x-amz-copy-source": "/bucket/key", **given})

    assert (await copied()).status == 200
    assert await tags_of(stage, "copy") == {"a": "b"}
    assert (await copied(metadata_directive="REPLACE")).status == 200
    assert await tags_of(stage, "copy") == {"a": "b"}
    assert (await copied(tagging_directive="REPLACE", tagging="c=d")).status == 200
    assert await tags_of(stage, "copy") == {"c": "d"}
    assert (await copied(tagging_directive="REPLACE")).status == 200
    assert await tags_of(stage, "copy") == {}
    assert (await copied(tagging="c=d")).status == 200
    assert await tags_of(stage, "copy") == {"a": "b"}
    assert (await copied(tagging="c=%")).code == "InvalidArgument"
    assert (await copied(tagging_directive="MERGE")).code == "InvalidArgument"


async def allow(stage, user, *statements):
    """Give ``user`` a policy of (actions, resource, conditions)."""
    written = [
        Statement(effect=Effect.ALLOW, action=tuple(actions), resource=(resource,), condition=conditions)
        for actions, resource, conditions in statements
    ]
    text = policy_text(Policy(version="2012-10-17", statement=tuple(written)))
    await stage.services.policies.put("given", NewVersion(text=text.encode(), author="test"))
    await stage.services.policies.attach("given", user.access_key, "test")


async def test_tags_need_rights_of_their_own(stage):
    """Tags can decide about rights, so whoever may write an object may not tag it for that."""
    await stage.put("tagged", headers={"x-amz-tagging": "a=b"})
    await stage.put("plain")
    await allow(stage, NOBODY, (("s3:PutObject", "s3:GetObject"), "s3:bucket/*", {}))
    mine = {"signed": NOBODY}
    assert (await stage.put("new", **mine)).status == 200
    assert (await stage.put("new", headers={"x-amz-tagging": "a=b"}, **mine)).status == 403
    assert (await put_tags(stage, ("a", "b"), key="new", **mine)).status == 403
    assert (await put_tags(stage, ("!", "b"), key="new", **mine)).status == 403
    assert (await stage.ask("GET", "/bucket/tagged", query="tagging", **mine)).status == 403
    assert "x-amz-tagging-count" not in (await stage.ask("GET", "/bucket/tagged", **mine)).headers
    for source, status in (("plain", 200), ("tagged", 403), ("missing", 404)):
        copy = await stage.ask("PUT", "/bucket/copy", headers={"x-amz-copy-source": f"/bucket/{source}"}, **mine)
        assert copy.status == status, source
    replaced = {"x-amz-copy-source": "/bucket/tagged", "x-amz-tagging-directive": "REPLACE"}
    assert (await stage.ask("PUT", "/bucket/copy", headers=replaced, **mine)).status == 200


async def test_a_policy_can_ask_for_certain_tags(stage):
    await stage.put("key")
    wanted = {"StringEquals": {"s3:RequestObjectTag/team": "blue"}}
    tagging_too = (("s3:PutObjectTagging",), "s3:bucket/*", wanted)
    await allow(stage, NOBODY, (("s3:PutObject",), "s3:bucket/*", {}), tagging_too)
    mine = {"signed": NOBODY}
    assert (await stage.put("new", headers={"x-amz-tagging": "team=blue"}, **mine)).status == 200
    assert (await stage.put("new", headers={"x-amz-tagging": "team=red"}, **mine)).status == 403
    assert (await put_tags(stage, ("team", "blue"), **mine)).status == 200
    assert (await put_tags(stage, ("team", "red"), **mine)).status == 403
    assert await tags_of(stage) == {"team": "blue"}


def configuration(tags, more=""):
    given = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags)
    return f"<CreateBucketConfiguration>{more}<Tags>{given}</Tags></CreateBucketConfiguration>".encode()


async def test_a_bucket_can_begin_with_tags(stage):
    location = "<LocationConstraint>us-east-1</LocationConstraint>"
    assert (await stage.ask("PUT", "/tagged", body=configuration([("a", "b")], location))).status == 200
    assert pairs(await stage.ask("GET", "/tagged", query="tagging")) == [("a", "b")]
    for body, code in [
        (configuration([("a!", "b")]), "InvalidTag"),
        (configuration([("a", "b"), ("a", "c")]), "InvalidTag"),
        (configuration([(f"k{n}", "v") for n in range(51)]), "BadRequest"),
        (configuration([("a", "b")], "<Tags/>"), "MalformedXML"),
    ]:
        assert (await stage.ask("PUT", "/other", body=body)).code == code
    assert (await stage.ask("HEAD", "/other")).status == 404
    await allow(stage, NOBODY, (("s3:CreateBucket",), "s3:*", {}))
    assert (await stage.ask("PUT", "/other", body=configuration([("a", "b")]), signed=NOBODY)).status == 403
    assert (await stage.ask("PUT", "/other", body=configuration([]), signed=NOBODY)).status == 200
