"""What the administration API does for those who may."""

from datetime import UTC, datetime, timedelta

import pytest

from zotplus.domain.principals import PrincipalKind


def test_a_key_is_created_listed_and_revoked(server):
    made = server.ask("POST /api/v1/keys", body={"name": "ci"})
    assert made.status == 201
    key = made.json()
    assert server.ask("GET /api/v1/whoami", user=(key["id"], key["secret"])).json()["id"] == key["id"]
    listed = server.ask("GET /api/v1/keys")
    assert key["id"] in [row["id"] for row in listed.json()["keys"]]
    assert server.ask(f"DELETE /api/v1/keys/{key['id']}").status == 204
    assert server.ask("GET /api/v1/whoami", user=(key["id"], key["secret"])).status == 401


def test_a_robot_has_a_name_that_its_path_may_escape(server):
    made = server.ask("POST /api/v1/keys", body={"name": "ci", "kind": "robot"}).json()
    assert made["id"] == "robot:ci"
    assert server.ask("DELETE /api/v1/keys/robot%3Aci").status == 204


def test_secrets_are_in_no_list_and_in_no_log(server):
    made = server.ask("POST /api/v1/keys", body={"name": "ci"})
    secret = made.json()["secret"]
    listed = server.ask("GET /api/v1/keys")
    assert secret.encode() not in listed.body
    assert not any("secret" in row for row in listed.json()["keys"])
    assert secret not in str(made.log)
    assert made.headers["Cache-Control"] == "no-store"


def test_a_key_expires_when_it_was_said_to(server):
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = server.ask("POST /api/v1/keys", body={"name": "ci", "expires": until}).json()
    assert abs(datetime.fromisoformat(made["expires"]) - datetime.fromisoformat(until)) < timedelta(seconds=1)


def test_an_expiry_in_the_past_is_refused(server):
    refused = server.ask("POST /api/v1/keys", body={"name": "ci", "expires": "2020-01-01T00:00:00Z"})
    assert (refused.status, refused.json()["code"]) == (400, "argument_invalid")


def test_a_grant_is_created_listed_and_withdrawn(server):
    id_, _ = server.key()
    made = server.ask("POST /api/v1/grants", body={"grantee": id_, "role": "reader", "pattern": "s3:a/*"})
    assert made.status == 201
    grants = server.ask("GET /api/v1/grants").json()["grants"]
    assert made.json() in grants
    assert server.ask(f"DELETE /api/v1/grants/{made.json()['id']}").status == 204
    assert made.json() not in server.ask("GET /api/v1/grants").json()["grants"]


@pytest.mark.parametrize("address", ["DELETE /api/v1/keys/NOSUCHKEY0000000", "DELETE /api/v1/grants/0123456789abcdef"])
def test_what_does_not_exist_cannot_be_removed(server, address):
    assert server.ask(address).json()["code"] == "record_not_found"


def test_a_bucket_is_purged_only_when_that_is_said(server):
    server.bucket("alpha")
    refused = server.ask("DELETE /api/v1/buckets/alpha")
    assert (refused.status, refused.json()["fields"]) == (400, {"argument": "purge"})
    purged = server.ask("DELETE /api/v1/buckets/alpha?purge=true")
    assert purged.json() == {"bucket": "alpha", "objects": 0, "removal": None}
    assert server.ask("DELETE /api/v1/buckets/alpha?purge=true").json()["code"] == "bucket_not_found"


def test_everybody_sees_the_buckets_that_they_may_list(server):
    server.bucket("alpha")
    server.bucket("beta")
    reader = server.key(("reader", "s3:beta/*"))
    assert [row["name"] for row in server.ask("GET /api/v1/buckets").json()["buckets"]] == ["alpha", "beta"]
    assert [row["name"] for row in server.ask("GET /api/v1/buckets", user=reader).json()["buckets"]] == ["beta"]


def test_status_counts_what_is_there(server):
    server.bucket("alpha")
    server.key(("reader", "*"))
    status = server.ask("GET /api/v1/status").json()
    assert (status["buckets"], status["keys"], status["grants"]) == (1, 2, 2)


def test_robots_log_in_like_keys(server):
    robot = server.key(kind=PrincipalKind.ROBOT, name="ci")
    told = server.ask("GET /api/v1/whoami", user=robot).json()
    assert (told["id"], told["kind"], told["name"], told["credential"]) == ("robot:ci", "robot", "ci", "robot")
