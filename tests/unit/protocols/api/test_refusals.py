"""What the administration API refuses, and in which words."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.protocols.api.conftest import ADMIN, Server, basic
from zotplus.gateway.problems import ProblemDocument

BODIES = {
    "CreateKey": {"name": "mine"},
    "CreateGrant": {"grantee": "public", "role": "reader", "pattern": "*"},
    "RunBackup": {"folder": "/backups"},
}


def guarded():
    return [route for route in Server().face.routes if route.action is not None]


def deciding():
    return [route for route in Server().face.routes if route.decides]


def address(route):
    target = route.template.replace("{id}", "NOSUCHKEY0000000").replace("{name}", "nosuchbucket")
    return f"{route.method} {target}{'?purge=true' if route.name == 'PurgeBucket' else ''}"


@pytest.mark.parametrize("route", guarded(), ids=lambda route: route.name)
@pytest.mark.parametrize("role", ["publisher", "reader", None])
def test_nobody_but_an_administrator_reaches_an_action(server, route, role):
    caller = server.key(*([(role, "*")] if role else []))
    body = BODIES.get(route.name, {}) if route.takes_body else None
    refused = server.ask(address(route), user=caller, body=body)
    assert (refused.status, refused.json()["code"]) == (403, "access_denied")
    assert len(server.ask("GET /api/v1/keys").json()["keys"]) == 2
    assert len(server.ask("GET /api/v1/grants").json()["grants"]) == 1 + bool(role)


@pytest.mark.parametrize("route", guarded(), ids=lambda route: route.name)
def test_strangers_are_asked_to_log_in(server, route):
    refused = server.ask(address(route), user=None, body={} if route.takes_body else None)
    assert (refused.status, refused.json()["code"]) == (401, "credentials_missing")
    assert refused.headers["WWW-Authenticate"].startswith('Basic realm="zotplus"')


@pytest.mark.parametrize("route", deciding(), ids=lambda route: route.name)
@pytest.mark.parametrize("body", [None, {"no": "such field"}, {}])
def test_strangers_learn_nothing_of_what_decides_for_itself(server, route, body):
    """Not even whether their body can be read: they are asked to log in before it is."""
    server.ask("POST /api/v1/grants", body={"grantee": "public", "role": "reader", "pattern": "*"})
    refused = server.ask(address(route), user=None, body=body)
    assert (refused.status, refused.json()["code"]) == (401, "credentials_missing")


@pytest.mark.parametrize("target", ["/api/v1/whoami", "/api/v1/buckets"])
def test_even_what_needs_no_grant_needs_a_login(server, target):
    server.ask("POST /api/v1/grants", body={"grantee": "public", "role": "reader", "pattern": "*"})
    assert server.ask(f"GET {target}", user=None).status == 401


def test_every_route_asks_for_its_own_action(server):
    for route in guarded():
        _, operation = server.face.parse(head_of(server, address(route)))
        assert [need.action for need in operation.needs()][:1] == [route.action.name]
        assert operation.needs()[0].resource.startswith("admin:")


def head_of(server, target):
    method, _, rest = target.partition(" ")
    path, _, query = rest.partition("?")
    seen = []
    server.face.parse = lambda head: seen.append(head) or type(server.face).parse(server.face, head)
    server.ask(f"{method} {path}{'?' + query if query else ''}", user=None)
    del server.face.parse
    return seen[0]


def test_others_keys_look_the_same_whether_they_exist_or_not(server):
    caller = server.key(("publisher", "*"))
    there = server.ask(f"DELETE /api/v1/keys/{ADMIN[0]}", user=caller)
    missing = server.ask("DELETE /api/v1/keys/NOSUCHKEY0000000", user=caller)
    assert there.status == missing.status == 403


@pytest.mark.parametrize(
    "user", [(ADMIN[0], "wrong"), ("NOSUCHKEY0000000", "wrong"), ("robot:ci", "wrong"), ("", "secret")]
)
def test_a_wrong_password_and_an_unknown_user_look_the_same(server, user):
    refused = server.ask("GET /api/v1/keys", user=user)
    document = refused.json()
    assert (refused.status, document["code"], document["detail"]) == (
        401, "credentials_invalid", "The user name or password is wrong.",
    )  # fmt: skip


@pytest.mark.parametrize("header", ["Basic", "Basic bm9jb2xvbg==", "Digest x", "Basic é"])
def test_an_unreadable_login_is_refused(server, header):
    refused = server.ask("GET /api/v1/keys", user=None, headers=[("Authorization", header)])
    assert (refused.status, refused.json()["code"]) == (400, "credentials_malformed")


def test_two_logins_are_refused(server):
    twice = [("Authorization", basic(*ADMIN))] * 2
    assert server.ask("GET /api/v1/keys", user=None, headers=twice).json()["code"] == "credentials_ambiguous"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"name": "ci", "role": "reader"}, "role"),
        ({"name": 7}, "$.name"),
        ({}, "name"),
        ({"name": ""}, "$.name"),
        ({"name": "x" * 129}, "$.name"),
        ({"name": "two\nlines"}, "$.name"),
        ({"name": "ci", "kind": "token"}, "$.kind"),
        ({"name": "ci", "expires": "2030-01-01T00:00:00"}, "$.expires"),
        ([], "object"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "array"),
        (b'{"x":' + b"[" * 100_000, "x"),
    ],
)  # fmt: skip
def test_a_body_that_does_not_fit_is_refused_with_its_place(server, body, place):
    refused = server.ask("POST /api/v1/keys", body=body)
    assert (refused.status, refused.json()["code"]) == (400, "json_malformed")
    assert place in refused.json()["detail"]


def test_a_large_body_is_refused(server):
    refused = server.ask("POST /api/v1/keys", body=b" " * 1_048_577)
    assert (refused.status, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken_so_that_no_form_of_another_site_can_act(server, kind):
    refused = server.ask("POST /api/v1/keys", body={"name": "ci"}, headers=[("Content-Type", kind)])
    assert (refused.status, refused.json()["code"]) == (415, "media_type_unsupported")


@pytest.mark.parametrize("query", ["colour=red", "purge=true&purge=true", "%70urge=true&purge=true"])
def test_unknown_and_repeated_query_parameters_are_refused(server, query):
    assert server.ask(f"DELETE /api/v1/buckets/alpha?{query}").json()["code"] == "argument_invalid"


@pytest.mark.parametrize(
    "target", ["/api/v1", "/api/v1/", "/api/v1/keys/", "/api/v2/keys", "/", "/api/v1/keys/a/b", "//api/v1/keys"]
)
def test_other_addresses_do_not_exist(server, target):
    assert server.ask(f"GET {target}").json()["code"] == "route_not_found"


def test_another_method_is_told_which_ones_there_are(server):
    refused = server.ask("PUT /api/v1/keys")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("id_", ["%00", "%ff", "%2", "a%00b"])
def test_an_undecodable_path_is_refused(server, id_):
    assert server.ask(f"DELETE /api/v1/keys/{id_}").json()["code"] == "path_invalid"


def test_a_problem_tells_everything_that_the_catalogue_knows(server):
    problem = server.ask("DELETE /api/v1/buckets/nosuch?purge=true")
    document = problem.json(ProblemDocument)
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert document.type == "urn:zotplus:fault:bucket_not_found"
    assert document.instance == "/api/v1/buckets/nosuch"
    assert document.cause
    assert document.remedy
    assert document.request_id


@given(path=st.text(max_size=40), query=st.text(max_size=40), body=st.binary(max_size=80))
def test_whatever_is_asked_the_answer_is_a_problem_or_a_document(path, query, body):
    target = f"/api/v1/keys/{path}".replace("?", "")
    for method in ("GET", "POST", "DELETE"):
        answered = SHARED.ask(f"{method} {target}?{query}", body=body)
        assert answered.status < 500
        msgspec.json.decode(answered.body or b"{}")


SHARED = Server()


@pytest.mark.parametrize(
    ("address", "signed"),
    [
        ("GET /", "s3"),
        ("PUT /releases/app.tar", "s3"),
        ("POST /", "iam"),
        ("POST /", "sts"),
        ("GET /?Action=GetCallerIdentity&Version=2011-06-15", ""),
        ("GET /releases?X-Amz-Credential=ZP%2F20261122%2Fus-east-1%2Fs3%2Faws4_request", ""),
    ],
)
def test_a_client_of_amazons_protocols_without_their_prefix_is_told_of_it(server, address, signed):
    scope = f"AWS4-HMAC-SHA256 Credential=ZP/20261122/us-east-1/{signed}/aws4_request, SignedHeaders=host, Signature=0"
    refused = server.ask(address, user=None, headers={"Authorization": scope} if signed else {})
    assert (refused.status, refused.json()["code"]) == (404, "route_not_found")
    assert "below /s3" in refused.json()["detail"]


def test_whoever_asks_for_nothing_of_amazons_is_not_told_of_s3(server):
    refused = server.ask("GET /nothing?Reaction=1")
    assert refused.status == 404
    assert "s3" not in refused.json()["detail"]
