"""Policies through the API: versions and conditions, attachments, applying, and what they decide."""

import asyncio

import msgspec
import pytest

READ = {"Statement": [{"Sid": "read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:a/*"}]}
WRITE = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "s3:a/*"}]}
OPEN = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "s3:a/*"}]}
JSON = {"Content-Type": "application/json"}


def put(server, name, document=READ, *, headers=(), **more):
    return server.ask(f"PUT /api/v1/policies/{name}", body={"document": document, **more}, headers=headers)


def code(answered):
    return answered.status, answered.json()["code"]


def manager(server, *actions):
    """A key that may do these administrative things."""
    key = server.key()
    allowed = {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "admin:*"}]}
    put(server, "manager", allowed)
    assert server.ask(f"PUT /api/v1/policies/manager/attachments/{key[0]}", body={}).status == 200
    return key


def test_a_policy_is_put_read_listed_and_deleted(server):
    made = put(server, "readers", description="Who reads", comment="first")
    assert (made.status, made.headers["ETag"], made.log["policy"]) == (200, '"1"', "readers")
    row = made.json()
    assert (row["version"], row["kind"], row["author"], row["changed"]) == (1, "identity", "ADMINACCESSKEY00", True)
    read = server.ask("GET /api/v1/policies/readers")
    assert (read.json()["document"], read.headers["ETag"]) == (READ, '"1"')
    (listed,) = server.ask("GET /api/v1/policies").json()["policies"]
    assert (listed["name"], listed["attached"], listed["description"]) == ("readers", 0, "Who reads")
    assert server.ask("DELETE /api/v1/policies/readers").status == 204
    assert code(server.ask("GET /api/v1/policies/readers")) == (404, "record_not_found")


def test_a_document_is_kept_as_it_was_written(server):
    body = b'{"document": {"Statement":  {"Effect":"Allow", "Action":"oci:Pull","Resource":"oci:\\u0061"} }}'
    assert server.ask("PUT /api/v1/policies/p", body=body, headers=JSON).status == 200
    answered = server.ask("GET /api/v1/policies/p")
    assert b'{"Statement":  {"Effect":"Allow", "Action":"oci:Pull","Resource":"oci:\\u0061"} }' in answered.body


def test_warnings_come_with_the_answer(server):
    wide = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    assert any("$.Statement[0]" in warning for warning in put(server, "wide", wide).json()["warnings"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"document": {"Statement": []}}',
        b'{"document": {"Statement": [{"Effect": "Maybe", "Action": "s3:GetObject", "Resource": "*"}]}}',
        b'{"document": {"Statement": [{"Effect": "Allow", "Effect": "Deny", "Action": "*", "Resource": "*"}]}}',
        b'{"document": "text"}',
        b'{"document": null}',
        b'{"document": {"Statement": "' + b"x" * 70_000 + b'"}}',
    ],
)
def test_a_document_that_is_no_policy_is_refused(server, body):
    assert code(server.ask("PUT /api/v1/policies/p", body=body, headers=JSON)) == (400, "policy_invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"document": {}, "kind": "session"}',
        b'{"document": {}, "unknown": 1}',
        b'{"document": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"document": {}',
    ],
)
def test_a_body_of_another_form_is_refused(server, body):
    answered = server.ask("PUT /api/v1/policies/p", body=body, headers=JSON)
    assert answered.status == 400
    assert answered.json()["code"] in ("json_malformed", "policy_invalid")


def test_versions_are_listed_read_and_chosen(server):
    put(server, "p", READ, comment="one")
    put(server, "p", WRITE, comment="two")
    versions = server.ask("GET /api/v1/policies/p/versions").json()["versions"]
    assert [(row["version"], row["comment"], row["current"]) for row in versions] == [
        (2, "two", True),
        (1, "one", False),
    ]
    assert server.ask("GET /api/v1/policies/p/versions/1").json()["document"] == READ
    chosen = server.ask("PUT /api/v1/policies/p/current", body={"version": 1})
    assert (chosen.headers["ETag"], chosen.json()["document"]) == ('"1"', READ)
    assert code(server.ask("PUT /api/v1/policies/p/current", body={"version": 9})) == (404, "record_not_found")


@pytest.mark.parametrize("number", ["x", "-1", "%D9%A1", "99999999999", "1.0"])
def test_a_version_that_is_no_number_is_refused(server, number):
    put(server, "p")
    assert code(server.ask(f"GET /api/v1/policies/p/versions/{number}")) == (400, "argument_invalid")


def test_only_the_version_that_was_read_is_changed(server):
    new = put(server, "p", headers={"If-None-Match": "*"})
    assert new.status == 200
    assert code(put(server, "p", WRITE, headers={"If-None-Match": "*"})) == (412, "precondition_failed")
    assert put(server, "p", WRITE, headers={"If-Match": new.headers["ETag"]}).json()["version"] == 2
    lost = put(server, "p", READ, headers={"If-Match": '"1"'})
    assert code(lost) == (412, "precondition_failed")
    assert lost.json()["fields"]["version"] == 2
    deleted = server.ask("DELETE /api/v1/policies/p", headers={"If-Match": '"1"'})
    assert code(deleted) == (412, "precondition_failed")


@pytest.mark.parametrize(
    "headers",
    [
        [("If-Match", "1")],
        [("If-Match", "*")],
        [("If-Match", 'W/"1"')],
        [("If-Match", '"0"')],
        [("If-Match", '"1", "2"')],
        [("If-Match", '"1"'), ("If-Match", '"2"')],
        [("If-None-Match", '"1"')],
        [("If-None-Match", "*"), ("If-Match", '"1"')],
    ],
)
def test_a_condition_that_is_not_understood_is_refused(server, headers):
    put(server, "p")
    assert code(put(server, "p", WRITE, headers=headers)) == (400, "argument_invalid")
    assert server.ask("GET /api/v1/policies/p").json()["document"] == READ


def test_attachments_hold_at_once_and_are_listed(server):
    key = server.key()
    put(server, "p")
    question = {"action": "s3:GetObject", "resource": "s3:a/b"}
    assert not server.ask("POST /api/v1/can", user=key, body=question).json()["allowed"]
    made = server.ask(f"PUT /api/v1/policies/p/attachments/{key[0]}", body={})
    assert (made.json()["grantee"], made.json()["boundary"]) == (key[0], False)
    answer = server.ask("POST /api/v1/can", user=key, body=question).json()
    assert (answer["allowed"], answer["policy"], answer["version"], answer["layer"]) == (True, "p", 1, "identity")
    assert answer["statement"] == READ["Statement"][0]
    assert len(server.ask(f"GET /api/v1/attachments?grantee={key[0]}").json()["attachments"]) == 1
    assert server.ask("GET /api/v1/attachments?policy=q").json()["attachments"] == []
    assert code(server.ask("DELETE /api/v1/policies/p")) == (409, "policy_attached")
    assert server.ask(f"DELETE /api/v1/policies/p/attachments/{key[0]}").status == 204
    assert not server.ask("POST /api/v1/can", user=key, body=question).json()["allowed"]


def test_a_group_with_slashes_is_one_segment(server):
    put(server, "p")
    assert (
        server.ask("PUT /api/v1/policies/p/attachments/group%3Ak%3A%2Fteams%2Fa", body={"boundary": True}).status == 200
    )
    (row,) = server.ask("GET /api/v1/attachments").json()["attachments"]
    assert (row["grantee"], row["boundary"]) == ("group:k:/teams/a", True)


def test_deleting_with_attachments_takes_both_rights(server):
    key = manager(server, "admin:DeletePolicy")
    put(server, "p")
    server.ask("PUT /api/v1/policies/p/attachments/public", body={})
    assert code(server.ask("DELETE /api/v1/policies/p?detach=true", user=key)) == (403, "access_denied")
    assert server.ask("DELETE /api/v1/policies/p?detach=true").status == 204


def test_the_last_administrator_stays(server):
    everything = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    put(server, "nothing", everything)
    refused = server.ask("PUT /api/v1/policies/nothing/attachments/authenticated", body={})
    assert code(refused) == (409, "last_administrator")


def test_a_document_is_looked_at_without_being_stored(server):
    key = server.key()
    verdict = server.ask("POST /api/v1/policies/validate", user=key, body={"document": OPEN}).json()
    assert (verdict["valid"], verdict["kind"]) == (True, "resource")
    broken = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObjekt", "Resource": "*"}]}
    verdict = server.ask("POST /api/v1/policies/validate", user=key, body={"document": broken}).json()
    assert not verdict["valid"]
    assert "s3:GetObject" in verdict["error"]
    assert server.ask("GET /api/v1/policies").json()["policies"] == []
    assert code(server.ask("POST /api/v1/policies/validate", user=None, body={"document": OPEN})) == (
        401,
        "credentials_missing",
    )


def apply(server, *, user=None, **state):
    return server.ask("POST /api/v1/policies/apply", body=state, **({"user": user} if user else {}))


def test_files_are_applied_once(server):
    state = {
        "policies": [{"name": "p", "document": READ}],
        "attachments": [{"policy": "p", "grantee": "public"}],
        "comment": "from git",
    }
    tried = apply(server, **state, dry_run=True).json()
    assert [row["change"] for row in tried["changes"]] == ["create", "attach"]
    done = apply(server, **state, expected=tried["changes"])
    assert (done.json()["changes"], done.log["changes"]) == (tried["changes"], 2)
    assert server.ask("GET /api/v1/policies/p").json()["comment"] == "from git"
    assert apply(server, **state).json()["changes"] == []
    assert code(apply(server, policies=[], prune=True, expected=[])) == (409, "conditional_conflict")


def test_who_applies_needs_leave_for_every_change(server):
    key = manager(server, "admin:ListPolicies", "admin:PutPolicy")
    assert apply(server, user=key, policies=[{"name": "p", "document": READ}]).status == 200
    state = {"policies": [{"name": "q", "document": READ}], "attachments": [{"policy": "q", "grantee": "public"}]}
    assert code(apply(server, user=key, **state)) == (403, "access_denied")
    assert code(server.ask("GET /api/v1/policies/q")) == (404, "record_not_found")
    stranger = server.key()
    assert code(apply(server, user=stranger)) == (403, "access_denied")


def test_a_policy_named_twice_is_refused(server):
    rows = [{"name": "p", "document": READ}, {"name": "p", "document": WRITE}]
    assert code(apply(server, policies=rows)) == (400, "argument_invalid")


def test_many_policies_fit_one_call(server):
    rows = [{"name": f"p{number}", "document": {**READ, "Id": "x" * 2_000}} for number in range(600)]
    assert len(msgspec.json.encode(rows)) > 1_048_576
    assert len(apply(server, policies=rows, dry_run=True).json()["changes"]) == 600


def test_about_others_one_must_be_allowed_to_ask(server):
    key = server.key()
    question = {"action": "s3:GetObject", "resource": "s3:a/b"}
    assert server.ask("POST /api/v1/can", user=key, body={**question, "who": key[0]}).status == 200
    assert code(server.ask("POST /api/v1/can", user=key, body={**question, "who": "anonymous"})) == (
        403,
        "access_denied",
    )
    assert server.ask("POST /api/v1/can", body={**question, "who": "anonymous"}).json()["allowed"] is False
    assert code(server.ask("POST /api/v1/can", user=None, body=question)) == (401, "credentials_missing")


def test_a_person_is_asked_about_by_issuer_and_groups(server):
    put(server, "p")
    server.ask("PUT /api/v1/policies/p/attachments/group%3Ak%3Adev", body={})
    question = {"action": "s3:GetObject", "resource": "s3:a/b"}
    person = {"issuer": "k", "subject": "ada", "groups": ["dev"]}
    assert server.ask("POST /api/v1/can", body={**question, "person": person}).json()["allowed"]
    both = {**question, "person": person, "who": "user:k:ada"}
    assert code(server.ask("POST /api/v1/can", body=both)) == (400, "argument_invalid")


def test_context_is_supposed_and_ones_own_request_is_known(server):
    near = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    put(server, "near", {"Statement": [{**READ["Statement"][0], "Condition": near}]})
    key = server.key()
    server.ask(f"PUT /api/v1/policies/near/attachments/{key[0]}", body={})
    question = {"action": "s3:GetObject", "resource": "s3:a/b"}
    assert server.ask("POST /api/v1/can", user=key, body=question).json()["allowed"]
    far = {**question, "context": {"aws:SourceIp": ["192.0.2.1"]}}
    assert not server.ask("POST /api/v1/can", user=key, body=far).json()["allowed"]
    assert not server.ask("POST /api/v1/can", body={**question, "who": key[0]}).json()["allowed"]


def test_everybody_sees_what_applies_to_them(server):
    key = server.key(("reader", "s3:a"))
    put(server, "open", OPEN)
    found = server.ask("GET /api/v1/whoami/permissions", user=key).json()
    assert (found["id"], found["names"]) == (key[0], [])
    assert {(row["what"], row["name"]) for row in found["rights"]} == {
        ("grant", "reader on s3:a"),
        ("resource", "open@1"),
    }
    assert server.ask("GET /api/v1/whoami/permissions", user=None).status == 401


def test_a_change_holds_in_every_worker_from_the_next_request_on(server):
    """Two workers: two sets of services with caches of their own over one store."""
    other = server.another()
    key = server.key()
    put(server, "p", {"Statement": [{"Effect": "Allow", "Action": "admin:ListGrants", "Resource": "*"}]})
    assert other.ask("GET /api/v1/grants", user=key).status == 403
    server.ask(f"PUT /api/v1/policies/p/attachments/{key[0]}", body={})
    assert other.ask("GET /api/v1/grants", user=key).status == 200
    put(server, "p", WRITE)
    assert other.ask("GET /api/v1/grants", user=key).status == 403
    server.ask("PUT /api/v1/policies/p/current", body={"version": 1})
    assert other.ask("GET /api/v1/grants", user=key).status == 200
    server.ask("DELETE /api/v1/policies/p?detach=true")
    assert other.ask("GET /api/v1/grants", user=key).status == 403


def test_a_revoked_robot_leaves_nothing_to_the_next_of_its_name(server):
    made = server.ask("POST /api/v1/keys", body={"name": "ci", "kind": "robot"}).json()
    put(server, "p")
    server.ask("PUT /api/v1/policies/p/attachments/robot%3Aci", body={})
    assert server.ask(f"DELETE /api/v1/keys/{made['id']}").status == 204
    server.ask("POST /api/v1/keys", body={"name": "ci", "kind": "robot"})
    assert server.ask("GET /api/v1/attachments").json()["attachments"] == []
    assert asyncio.run(server.access.list())
