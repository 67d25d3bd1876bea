"""Tags of buckets and objects."""

import pytest


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
