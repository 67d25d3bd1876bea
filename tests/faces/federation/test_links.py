"""Links and forms that the API signs: for oneself, within what one may, and no longer than what one came with."""

import json
import time
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.peers.programs import basic, call
from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity.roles import Role


@pytest.fixture
def admin(stage):
    return basic(stage.gateway.access_key, stage.gateway.secret)


def ask(stage, credential, path="", **document):
    headers = {"Content-Type": "application/json", **credential}
    status, _, answer = call(
        "POST", f"{stage.url}/api/v1/presign{path}", headers=headers, body=json.dumps(document).encode()
    )
    return status, json.loads(answer)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def seconds(document):
    return datetime.fromisoformat(document["expires"]).timestamp() - time.time()


def test_a_key_gets_links_that_its_own_signature_makes(stage, admin):
    status, made = ask(stage, admin, bucket="releases", key="a b/ü", method="PUT", content_type="text/x", expires_in=60)
    assert (status, made["headers"]) == (201, {"Content-Type": "text/x"})
    assert 58 <= seconds(made) <= 60
    assert parse_qs(urlsplit(made["url"]).query)["X-Amz-Credential"][0].startswith(stage.gateway.access_key)
    assert call("PUT", made["url"], headers=made["headers"], body=b"by link")[0] == 200
    assert call("PUT", made["url"], headers={"Content-Type": "text/html"}, body=b"x")[0] == 403
    _, made = ask(stage, admin, bucket="releases", key="a b/ü", filename="ü.txt")
    status, headers, body = call("GET", made["url"])
    assert (status, body) == (200, b"by link")
    assert headers["Content-Disposition"].startswith("attachment;")


def test_a_form_of_the_api_uploads(stage, admin):
    status, made = ask(stage, admin, "/form", bucket="releases", key="forms/", max_size=10)
    assert status == 201
    boundary = "b"
    parts = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in made["fields"].items()]
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\n\r\n'
    body = ("".join(parts) + file).encode() + b"content\r\n--b--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, headers, told = call("POST", made["url"], headers=headers, body=body)
    assert status == 204, told
    assert headers["Location"] == f"{stage.url}/s3/releases/forms/x.bin"


def test_nobody_gets_a_link_for_what_they_may_not(stage):
    reader = basic(*stage.gateway.key((Role.READER, "s3:releases"), name="reader"))
    assert ask(stage, reader, bucket="releases", key="a")[0] == 201
    assert ask(stage, reader, bucket="releases", key="a", method="PUT")[0] == 403
    assert ask(stage, reader, bucket="releases", key="a", method="DELETE", version_id="v")[0] == 403
    assert ask(stage, reader, "/form", bucket="releases", key="a")[0] == 403
    assert ask(stage, {}, bucket="releases", key="a")[0] == 401


def test_who_came_with_a_token_gets_a_link_that_ends_with_a_session(stage):
    token = stage.token("keycloak")
    stage.gateway.run(stage.gateway.services.grants.give("group:keycloak:platform", Role.PUBLISHER, "s3:releases"))
    status, made = ask(stage, bearer(token), bucket="releases", key="mine", method="PUT", expires_in=604_800)
    assert status == 201, made
    assert "X-Amz-Security-Token=" in made["url"]
    assert seconds(made) <= 3_600
    assert call("PUT", made["url"], body=b"x")[0] == 200


def test_a_link_does_not_outlast_the_token_of_a_job(stage):
    """CVE-2025-62506: what is made from a narrow credential must be as narrow, in time too."""
    token = stage.token("kubernetes", exp=int(time.time()) + 120)
    status, made = ask(stage, basic("trust", f"pods:{token}"), bucket="releases", key="a", expires_in=86_400)
    assert status == 201, made
    assert seconds(made) <= 120


def test_a_scoped_key_gets_no_link_beyond_its_scope(stage):
    """CVE-2025-62506: the scope of a credential holds for what is made from it."""
    scope = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:releases/open/*"}]}
    lifecycle, grants = stage.gateway.services.lifecycle, stage.gateway.services.grants
    made = stage.gateway.run(lifecycle.create(PrincipalKind.KEY, "scoped", time.time() + 600, json.dumps(scope)))
    stage.gateway.run(grants.give(made.credential.id, Role.ADMINISTRATOR, "*"))
    scoped = basic(made.credential.id, made.secret)
    status, link = ask(stage, scoped, bucket="releases", key="open/a", expires_in=86_400)
    assert status == 201
    assert seconds(link) <= 600
    assert ask(stage, scoped, bucket="releases", key="closed/a")[0] == 403
    assert ask(stage, scoped, bucket="releases", key="open/a", method="PUT")[0] == 403


def test_a_robot_does_not_sign(stage):
    made = stage.gateway.run(stage.gateway.services.access.create(kind=PrincipalKind.ROBOT, name="linker"))
    stage.gateway.run(stage.gateway.services.grants.give(made.credential.id, Role.READER, "s3:releases"))
    status, problem = ask(stage, basic(made.credential.id, made.secret), bucket="releases", key="a")
    assert (status, problem["code"]) == (403, "access_denied")


@pytest.mark.parametrize(
    "changed",
    [
        {"expires_in": 0},
        {"expires_in": 604_801},
        {"expires_in": -1},
        {"method": "POST"},
        {"key": ""},
        {"bucket": "No"},
        {"filename": "a\nb"},
        {"method": "PUT", "filename": "a"},
        {"key": "k" * 1025},
    ],
)
def test_what_no_link_can_be_is_refused(stage, admin, changed):
    assert ask(stage, admin, **{"bucket": "releases", "key": "a", **changed})[0] == 400
