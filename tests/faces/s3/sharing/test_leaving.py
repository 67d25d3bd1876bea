"""What buckets shared with somebody by name ends with the name: whoever gets it anew inherits nothing."""

import json

import pytest

from tests.faces.s3.stage import NOBODY, Stage
from zotplus.domain.principals import PrincipalKind
from zotplus.domain.signatures.sigv4_sign import SigningCredentials

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
OBJECT_WRITER = b"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"


@pytest.fixture
async def stage():
    made = await Stage().prepare()
    await made.ask("PUT", "/bucket")
    await made.put("key")
    return made


async def share(stage, *statements: dict) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}).encode()
    assert (await stage.ask("PUT", "/bucket", query="policy=", body=policy)).status == 204


async def come_again(stage) -> None:
    """The key is revoked, and made anew under its old id."""
    access, id_ = stage.services.access, NOBODY.access_key
    await access.revoke(id_)
    await access.create(kind=PrincipalKind.KEY, name=id_, id_=id_, secret=NOBODY.secret_key)


async def read(stage) -> int:
    return (await stage.ask("GET", "/bucket/key", signed=NOBODY)).status


async def test_a_key_made_again_under_an_old_id_does_not_inherit_what_a_policy_shared_with_it(stage):
    await share(stage, READ | {"Principal": {"AWS": NOBODY.access_key}})
    assert await read(stage) == 200
    await come_again(stage)
    assert await read(stage) == 403
    assert NOBODY.access_key.encode() in (await stage.ask("GET", "/bucket", query="policy=")).body
    await share(stage, READ | {"Principal": {"AWS": NOBODY.access_key}})
    assert await read(stage) == 200


async def test_a_denial_of_who_is_gone_denies_nobody_else(stage):
    await share(stage, READ | {"Effect": "Deny", "Principal": {"AWS": NOBODY.access_key}})
    await come_again(stage)
    assert (await stage.ask("GET", "/bucket/key")).status == 200


async def test_who_alone_was_spared_by_a_denial_is_so_no_more(stage):
    denied = READ | {"Effect": "Deny", "NotPrincipal": {"AWS": [NOBODY.access_key, "AKADMIN"]}}
    await share(stage, READ | {"Principal": "*"}, denied)
    assert await read(stage) == 200
    await come_again(stage)
    assert await read(stage) == 403
    assert (await stage.ask("GET", "/bucket/key")).status == 200


async def test_a_list_of_a_bucket_names_who_is_gone_no_more(stage):
    assert (await stage.ask("PUT", "/bucket", query="ownershipControls=", body=OBJECT_WRITER)).status == 200
    grants = {"x-amz-grant-read": f"id={NOBODY.access_key}", "x-amz-grant-full-control": "id=AKADMIN"}
    assert (await stage.ask("PUT", "/bucket", query="acl=", headers=grants)).status == 200
    assert (await stage.ask("GET", "/bucket", signed=NOBODY)).status == 200
    await come_again(stage)
    assert (await stage.ask("GET", "/bucket", signed=NOBODY)).status == 403
    assert (await stage.ask("GET", "/bucket")).status == 200


async def test_a_user_of_an_old_name_does_not_inherit_what_a_policy_shared_with_it(stage):
    users, statuses = stage.services.users, []
    for _ in range(2):
        await users.create("ada")
        made = await users.create_key("ada")
        key = SigningCredentials(access_key=made.credential.id, secret_key=made.secret)
        if not statuses:
            await share(stage, READ | {"Principal": {"AWS": "arn:aws:iam::000000000000:user/ada"}})
        statuses.append((await stage.ask("GET", "/bucket/key", signed=key)).status)
        await users.delete_key("ada", key.access_key)
        await users.delete("ada")
    assert statuses == [200, 403]
