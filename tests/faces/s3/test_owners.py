"""Requests that say whose a bucket should be: nobody learns from the answer what they may not ask."""

import pytest

from tests.faces.s3.stage import NOBODY, UNSIGNED, Call

EXPECTED = "x-amz-expected-bucket-owner"
DELETE = b"<Delete><Object><Key>key</Key></Object></Delete>"
CALLS = {
    "GetObject": {"method": "GET"},
    "PutObject": {"method": "PUT", "body": b"x"},
    "DeleteObject": {"method": "DELETE"},
    "GetBucketPolicy": {"method": "GET", "of": "", "query": "policy="},
    "PutObjectTagging": {"method": "PUT", "query": "tagging=", "body": b"<Tagging><TagSet/></Tagging>"},
    "PutObjectLegalHold": {"method": "PUT", "query": "legal-hold="},
    "DeleteObjects": {"method": "POST", "of": "", "query": "delete=", "body": DELETE},
}


def _call(name: str, bucket: str, **options) -> Call:
    made = dict(CALLS[name])
    return Call(path=f"/{bucket}{made.pop('of', '/key')}", headers={EXPECTED: "another"}, **made, **options)


@pytest.mark.parametrize("signed", [NOBODY, UNSIGNED])
@pytest.mark.parametrize("name", CALLS)
async def test_who_may_not_ask_learns_neither_which_buckets_there_are_nor_whose(stage, name, signed):
    """CVE-2024-36107 was of this kind: what a header asks for was answered before the right to ask."""
    there, missing = [await stage.call(_call(name, bucket, signed=signed)) for bucket in ("bucket", "missing-bucket")]
    assert there.status == 403
    assert (there.code, there.xml.findtext("Message")) == (
        missing.code,
        (missing.xml.findtext("Message") or "").replace("missing-bucket", "bucket"),
    )


@pytest.mark.parametrize("name", CALLS)
async def test_who_may_ask_is_refused_for_the_bucket_of_another_and_nothing_is_done(stage, name):
    await stage.put("key")
    answer = await stage.call(_call(name, "bucket"))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert (await stage.ask("GET", "/bucket/key")).body == b"content"


async def test_requests_that_name_owners_share_their_routes(stage):
    """What is kept for each route, for the audit log, must not grow with requests."""
    heads = [stage.head(_call("GetObject", "bucket")) for _ in range(2)]
    first, second = [stage.faces[head.listener].parse(head)[0] for head in heads]
    assert first is second
