"""Pages of other origins: rules of a bucket, preflights, and what an answer says to such a page."""

import pytest

from tests.faces.s3.stage import NOBODY, UNSIGNED
from zotplus.gateway.head import Listener

ORIGIN = "https://app.example"
ASK = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}


def rule(origin=ORIGIN, method="GET", rest=""):
    return f"<CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>{method}</AllowedMethod>{rest}</CORSRule>"


def configuration(*rules):
    return f"<CORSConfiguration>{''.join(rules)}</CORSConfiguration>".encode()


@pytest.fixture
async def shared(stage):
    rest = "<AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>x-one</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds>"
    body = configuration(rule(rest=rest + "<ID>first</ID>"), rule("*", "HEAD"))
    assert (await stage.ask("PUT", "/bucket", query="cors", body=body)).status == 200
    await stage.put("key")
    return stage


async def preflight(stage, path="/bucket/key", **headers):
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.ask("OPTIONS", path, headers={**ASK, **asked}, signed=UNSIGNED)


async def test_rules_come_back_as_they_went_in(shared):
    answer = await shared.ask("GET", "/bucket", query="cors")
    assert answer.texts("CORSRule/AllowedOrigin") == [ORIGIN, "*"]
    assert answer.texts("CORSRule/AllowedMethod") == ["GET", "HEAD"]
    assert answer.texts("CORSRule/AllowedHeader") == ["x-amz-*"]
    assert answer.texts("CORSRule/ExposeHeader") == ["x-one"]
    assert (answer.texts("CORSRule/MaxAgeSeconds"), answer.texts("CORSRule/ID")) == (["60"], ["first"])


async def test_removed_rules_are_gone(shared):
    assert (await shared.ask("DELETE", "/bucket", query="cors")).status == 204
    answer = await shared.ask("GET", "/bucket", query="cors")
    assert (answer.status, answer.code) == (404, "NoSuchCORSConfiguration")
    assert (await shared.ask("DELETE", "/bucket", query="cors")).status == 204


@pytest.mark.parametrize(("body", "code"), [
    (b"", "MalformedXML"),
    (configuration(), "MalformedXML"),
    (configuration("<Other/>"), "MalformedXML"),
    (configuration(rule(rest="<Other/>")), "MalformedXML"),
    (configuration(rule(rest="<ID>a</ID><ID>b</ID>")), "MalformedXML"),
    (configuration(rule(rest="<AllowedHeader><a/></AllowedHeader>")), "MalformedXML"),
    (configuration(rule(rest="<MaxAgeSeconds>long</MaxAgeSeconds>")), "MalformedXML"),
    (configuration(rule(rest="<MaxAgeSeconds>99999999999</MaxAgeSeconds>")), "MalformedXML"),
    (configuration(rule(method="PATCH")), "InvalidRequest"),
    (configuration(rule(origin="https://*.*")), "InvalidRequest"),
    (configuration(rule(rest="<ExposeHeader>x&#13;y</ExposeHeader>")), "InvalidRequest"),
    (b"<CORSConfiguration>" + b" " * 70_000, "MaxMessageLengthExceeded"),
])  # fmt: skip
async def test_a_configuration_that_is_none_is_refused_and_changes_nothing(shared, body, code):
    """CVE-2021-3524 (Ceph) among them: a CR in ExposeHeader split the answer."""
    answer = await shared.ask("PUT", "/bucket", query="cors", body=body)
    assert (answer.status, answer.code) == (400, code)
    assert (await preflight(shared)).status == 200


async def test_a_negative_age_is_taken_as_amazon_takes_it(stage):
    body = configuration(rule(rest="<MaxAgeSeconds>-1</MaxAgeSeconds>"))
    assert (await stage.ask("PUT", "/bucket", query="cors", body=body)).status == 200


@pytest.mark.parametrize("path", ["/bucket", "/bucket/key", "/bucket/missing"])
@pytest.mark.parametrize("query", ["", "uploads", "partNumber=1&uploadId=x", "X-Amz-Signature=0&X-Amz-Credential=x"])
async def test_a_preflight_is_answered_by_the_rules_whatever_the_query_says(shared, path, query):
    answer = await shared.ask("OPTIONS", path, query=query, headers=ASK, signed=UNSIGNED)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Methods"] == "GET"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == "x-one, ETag"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    assert answer.headers["Vary"] == "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
    assert "Access-Control-Allow-Headers" not in answer.headers


async def test_a_preflight_names_the_headers_that_it_was_asked_for(shared):
    answer = await preflight(shared, Access_Control_Request_Headers="X-Amz-Date,x-amz-acl")
    assert answer.headers["Access-Control-Allow-Headers"] == "x-amz-date, x-amz-acl"


@pytest.mark.parametrize("headers", [
    {"Origin": "https://other.example"},
    {"Access_Control_Request_Method": "PUT"},
    {"Access_Control_Request_Headers": "authorization"},
])  # fmt: skip
async def test_what_no_rule_lets_in_is_refused_in_amazons_words(shared, headers):
    answer = await preflight(shared, **headers)
    assert (answer.status, answer.code) == (403, "AccessForbidden")
    assert (answer.xml.findtext("Message") or "").startswith("CORSResponse: This CORS request is not allowed.")
    assert answer.xml.findtext("ResourceType") == "OBJECT"
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_bucket_without_rules_lets_nobody_in(stage):
    answer = await preflight(stage)
    assert (answer.status, answer.xml.findtext("Message")) == (
        403,
        "CORSResponse: CORS is not enabled for this bucket.",
    )


@pytest.mark.parametrize(("headers", "status"), [
    ({"Origin": ""}, 400),
    ({"Access_Control_Request_Method": "get"}, 400),
    ({"Access_Control_Request_Method": ""}, 400),
    ({"Access_Control_Request_Headers": "in valid"}, 400),
    ({"Origin": "https://" + "o" * 3000}, 400),
])  # fmt: skip
async def test_a_preflight_of_another_form_is_refused(shared, headers, status):
    assert (await preflight(shared, **headers)).status == status


async def test_a_preflight_of_no_bucket_is_not_found_and_of_none_not_taken(stage):
    assert (await preflight(stage, "/missing-bucket/key")).code == "NoSuchBucket"
    assert (await preflight(stage, "/")).code == "MethodNotAllowed"


async def test_an_answer_to_a_page_says_that_it_may_read_it(shared):
    answer = await shared.ask("GET", "/bucket/key", headers={"Origin": ORIGIN})
    assert (answer.status, answer.body) == (200, b"content")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in (await shared.ask("GET", "/bucket/key")).headers


@pytest.mark.parametrize("signed", [UNSIGNED, NOBODY])
async def test_a_refusal_says_so_too(shared, signed):
    for path, query in (("/bucket/key", ""), ("/bucket", "location"), ("/bucket/key", "unheard-of")):
        answer = await shared.ask("GET", path, query=query, headers={"Origin": ORIGIN}, signed=signed)
        assert answer.status >= 400
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_on_the_main_port_the_same_rules_hold(shared):
    answer = await shared.ask("GET", "/bucket/key", headers={"Origin": ORIGIN}, listener=Listener.MAIN)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_a_page_that_no_rule_names_may_not_read_the_answer_and_no_cache_may_share_it(shared):
    answer = await shared.ask("GET", "/bucket/key", headers={"Origin": "https://other.example"})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"].startswith("Origin")


async def test_an_origin_that_only_the_wildcard_lets_in_is_not_repeated_and_gets_no_credentials(shared):
    """RustFS GHSA-v9fg: the origin was reflected, with credentials, for ``*``."""
    for method in ("HEAD", "OPTIONS"):
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "HEAD"}
        answer = await shared.ask(method, "/bucket/key", headers=headers, signed=UNSIGNED)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Credentials"] == "false"


async def test_where_there_is_no_bucket_or_no_rule_nothing_is_said(stage):
    for path in ("/bucket/key", "/missing-bucket/key", "/", "/%zz"):
        answer = await stage.ask("GET", path, headers={"Origin": ORIGIN})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Vary" not in answer.headers


async def test_a_page_that_fails_to_be_told_still_gets_its_answer(shared, monkeypatch):
    async def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("zotplus.protocols.s3.face.crossing_headers", broken)
    answer = await shared.ask("GET", "/bucket/key", headers={"Origin": ORIGIN})
    assert (answer.status, answer.body) == (200, b"content")
    assert "Access-Control-Allow-Origin" not in answer.headers
