"""Users, keys and policies as AWS's own client manages them."""

import json

import pytest

from tests.faces.iam.conftest import code_of
from tests.peers.programs import basic, call
from zotplus.services.identity.roles import Role

READ = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::data/${aws:username}/*",
            }
        ],
    }
)


@pytest.mark.parametrize("at", ["s3", "main", "iam"])
def test_a_user_has_keys_that_can_do_what_its_policies_say(stage, at):
    iam, name = stage.gateway.client("iam", at=at), stage.name()
    made = iam.create_user(UserName=name, Path="/team/")["User"]
    assert (made["UserName"], made["Path"]) == (name, "/team/")
    assert made["Arn"] == f"arn:aws:iam::000000000000:user/{name}"
    assert iam.get_user(UserName=name)["User"] == made
    assert name in [user["UserName"] for user in iam.list_users(PathPrefix="/team/")["Users"]]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    s3 = stage.gateway.client(key=(key["AccessKeyId"], key["SecretAccessKey"]))
    assert code_of(s3.put_object, Bucket="data", Key=f"{name}/a", Body=b"x") == "AccessDenied"
    iam.put_user_policy(UserName=name, PolicyName="Own+Folder", PolicyDocument=READ)
    s3.put_object(Bucket="data", Key=f"{name}/a", Body=b"x")
    assert s3.get_object(Bucket="data", Key=f"{name}/a")["Body"].read() == b"x"
    assert code_of(s3.put_object, Bucket="data", Key="other/a", Body=b"x") == "AccessDenied"
    told = iam.get_user_policy(UserName=name, PolicyName="Own+Folder")
    assert told["PolicyDocument"] == json.loads(READ)
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["Own+Folder"]
    iam.delete_user_policy(UserName=name, PolicyName="Own+Folder")
    assert code_of(s3.get_object, Bucket="data", Key=f"{name}/a") == "AccessDenied"
    assert iam.list_groups_for_user(UserName=name)["Groups"] == []


def test_all_keys_of_a_user_are_the_user(stage):
    name, first = stage.user()
    second = stage.iam.create_access_key(UserName=name)["AccessKey"]
    keys = [first, (second["AccessKeyId"], second["SecretAccessKey"])]
    stage.gateway.run(stage.gateway.services.grants.give(f"user:iam:{name}", Role.PUBLISHER, "s3:data"))
    for key in keys:
        stage.gateway.client(key=key).put_object(Bucket="data", Key="shared", Body=b"x")
    listed = stage.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert sorted(row["AccessKeyId"] for row in listed) == sorted(key[0] for key in keys)
    assert {row["Status"] for row in listed} == {"Active"}


def test_a_key_is_switched_off_and_on_and_deleted(stage):
    name, key = stage.user()
    stage.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=READ)
    s3, at = stage.gateway.client(key=key), {"Bucket": "data", "Key": f"{name}/a"}
    s3.put_object(**at, Body=b"x")
    stage.iam.update_access_key(UserName=name, AccessKeyId=key[0], Status="Inactive")
    assert code_of(s3.put_object, **at, Body=b"x") == "InvalidAccessKeyId"
    assert stage.iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["Status"] == "Inactive"
    stage.iam.update_access_key(UserName=name, AccessKeyId=key[0], Status="Active")
    s3.put_object(**at, Body=b"x")
    stage.iam.delete_access_key(UserName=name, AccessKeyId=key[0])
    assert code_of(s3.put_object, **at, Body=b"x") == "InvalidAccessKeyId"
    assert code_of(stage.iam.delete_access_key, UserName=name, AccessKeyId=key[0]) == "NoSuchEntity"


def test_a_session_of_a_users_key_is_the_user_and_ends_with_the_key(stage):
    name, key = stage.user()
    stage.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=READ)
    made = stage.gateway.client("sts", key=key).get_session_token()["Credentials"]
    s3 = stage.gateway.client(key=(made["AccessKeyId"], made["SecretAccessKey"]))
    s3._request_signer._credentials.token = made["SessionToken"]
    s3.put_object(Bucket="data", Key=f"{name}/a", Body=b"x")
    stage.iam.update_access_key(UserName=name, AccessKeyId=key[0], Status="Inactive")
    assert code_of(s3.put_object, Bucket="data", Key=f"{name}/a", Body=b"x") == "InvalidToken"


def test_the_last_use_of_a_key_is_told(stage):
    name, key = stage.user()
    told = stage.iam.get_access_key_last_used(AccessKeyId=key[0])
    assert (told["UserName"], "LastUsedDate" in told["AccessKeyLastUsed"]) == (name, False)
    stage.gateway.run(stage.gateway.services.lifecycle.note_use([key[0]]))
    assert "LastUsedDate" in stage.iam.get_access_key_last_used(AccessKeyId=key[0])["AccessKeyLastUsed"]
    assert code_of(stage.iam.get_access_key_last_used, AccessKeyId=stage.admin[0]) == "NoSuchEntity"


def test_who_names_no_user_means_their_own(stage):
    name, key = stage.user()
    stage.iam.put_user_policy(
        UserName=name,
        PolicyName="p",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "admin:ListUsers",
                    "Resource": "admin:users/${aws:username}",
                },
            }
        ),
    )
    own = stage.gateway.client("iam", key=key)
    assert own.get_user()["User"]["UserName"] == name
    other, _ = stage.user()
    assert code_of(own.get_user, UserName=other) == "AccessDenied"
    assert stage.iam.get_user()["User"]["Arn"] == f"arn:aws:iam::000000000000:user/{stage.admin[0]}"
    assert code_of(stage.iam.list_access_keys) == "ValidationError"


def test_a_user_who_still_has_something_is_not_deleted(stage):
    name, key = stage.user()
    assert code_of(stage.iam.delete_user, UserName=name) == "DeleteConflict"
    stage.iam.delete_access_key(UserName=name, AccessKeyId=key[0])
    stage.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=READ)
    assert code_of(stage.iam.delete_user, UserName=name) == "DeleteConflict"
    stage.iam.delete_user_policy(UserName=name, PolicyName="p")
    grant = stage.gateway.run(stage.gateway.services.grants.give(f"user:iam:{name}", Role.READER, "s3:data"))
    assert code_of(stage.iam.delete_user, UserName=name) == "DeleteConflict"
    stage.gateway.run(stage.gateway.services.grants.withdraw(grant.id))
    stage.iam.delete_user(UserName=name)
    assert code_of(stage.iam.get_user, UserName=name) == "NoSuchEntity"


@pytest.mark.parametrize(
    ("action", "arguments", "code"),
    [
        ("create_user", {"UserName": "no spaces"}, "ValidationError"),
        ("create_user", {"UserName": "a", "Path": "no-slash"}, "ValidationError"),
        ("create_user", {"UserName": "a", "Tags": [{"Key": "a", "Value": "b"}]}, "ValidationError"),
        ("create_user", {"UserName": "a", "PermissionsBoundary": "arn:aws:iam::0:policy/a"}, "ValidationError"),
        ("get_user", {"UserName": "missing"}, "NoSuchEntity"),
        ("delete_user", {"UserName": "missing"}, "NoSuchEntity"),
        ("create_access_key", {"UserName": "missing"}, "NoSuchEntity"),
        ("list_access_keys", {"UserName": "missing"}, "NoSuchEntity"),
        ("update_access_key", {"UserName": "missing", "AccessKeyId": "A" * 16, "Status": "Active"}, "NoSuchEntity"),
        ("list_users", {"MaxItems": 1001}, "ValidationError"),
        ("put_user_policy", {"UserName": "missing", "PolicyName": "p", "PolicyDocument": READ}, "NoSuchEntity"),
        ("put_user_policy", {"UserName": "a", "PolicyName": "p", "PolicyDocument": "{}"}, "MalformedPolicyDocument"),
        ("put_user_policy", {"UserName": "a", "PolicyName": "p /", "PolicyDocument": READ}, "ValidationError"),
        ("get_user_policy", {"UserName": "missing", "PolicyName": "p"}, "NoSuchEntity"),
        ("create_group", {"GroupName": "a"}, "InvalidAction"),
        ("create_role", {"RoleName": "a", "AssumeRolePolicyDocument": "{}"}, "InvalidAction"),
    ],
)
def test_what_cannot_be_is_refused_in_amazons_words(stage, action, arguments, code):
    iam = stage.gateway.client("iam", parameter_validation=False)
    assert code_of(getattr(iam, action), **arguments) == code


def test_a_name_is_there_once_whatever_its_capitals(stage):
    name, _ = stage.user()
    assert code_of(stage.iam.create_user, UserName=name) == "EntityAlreadyExists"
    assert code_of(stage.iam.create_user, UserName=name.upper()) == "EntityAlreadyExists"
    assert code_of(stage.iam.get_user, UserName=name.upper()) == "NoSuchEntity"


def test_a_user_and_a_key_are_never_called_the_same(stage):
    """One ARN would name both, and what was meant for one would be the other's."""
    from zotplus.domain import errors  # noqa: PLC0415 - only here
    from zotplus.domain.errors import Problem  # noqa: PLC0415 - only here
    from zotplus.domain.principals import PrincipalKind  # noqa: PLC0415 - only here

    assert code_of(stage.iam.create_user, UserName=stage.admin[0]) == "EntityAlreadyExists"
    name, key = stage.user()
    with pytest.raises(Problem) as caught:
        stage.gateway.run(stage.gateway.services.access.create(kind=PrincipalKind.KEY, name="same", id_=name))
    assert caught.value.fault is errors.RECORD_EXISTS
    assert stage.gateway.client("sts", key=key).get_caller_identity()["Arn"] == f"arn:aws:iam::000000000000:user/{name}"


def test_a_bucket_policy_names_a_user_by_the_arn_that_is_told(stage):
    name, key = stage.user()
    arn = stage.iam.get_user(UserName=name)["User"]["Arn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::by-arn/*",
    }
    admin = stage.gateway.client()
    admin.create_bucket(Bucket="by-arn")
    admin.put_bucket_policy(Bucket="by-arn", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    stage.gateway.client(key=key).put_object(Bucket="by-arn", Key="a", Body=b"x")
    _, other = stage.user()
    assert code_of(stage.gateway.client(key=other).put_object, Bucket="by-arn", Key="a", Body=b"x") == "AccessDenied"


def test_a_user_has_ten_keys_and_ten_policies_at_most(stage):
    name, _ = stage.user()
    for number in range(9):
        stage.iam.create_access_key(UserName=name)
        stage.iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=READ)
    assert code_of(stage.iam.create_access_key, UserName=name) == "LimitExceeded"
    stage.iam.put_user_policy(UserName=name, PolicyName="p9", PolicyDocument=READ)
    beyond = {"UserName": name, "PolicyName": "p10", "PolicyDocument": READ}
    assert code_of(stage.iam.put_user_policy, **beyond) == "ValidationError"
    stage.iam.put_user_policy(UserName=name, PolicyName="p9", PolicyDocument=READ)
    pages = stage.iam.get_paginator("list_access_keys").paginate(UserName=name, PaginationConfig={"PageSize": 3})
    assert len([key for page in pages for key in page["AccessKeyMetadata"]]) == 10


def test_a_key_of_one_user_is_not_another_users(stage):
    """RustFS GHSA-566f, GHSA-5354: a key was changed by the name of another parent."""
    name, _ = stage.user()
    other, key = stage.user()
    for action, more in (("update_access_key", {"Status": "Inactive"}), ("delete_access_key", {})):
        arguments = {"UserName": name, "AccessKeyId": key[0], **more}
        assert code_of(getattr(stage.iam, action), **arguments) == "NoSuchEntity"
        own = {"UserName": name, "AccessKeyId": stage.admin[0], **more}
        assert code_of(getattr(stage.iam, action), **own) == "NoSuchEntity"
    assert stage.iam.list_access_keys(UserName=other)["AccessKeyMetadata"][0]["Status"] == "Active"


def test_nothing_is_given_to_a_user_who_is_not_there(stage):
    stage.iam.create_policy(PolicyName="for-nobody", PolicyDocument=READ)
    arn = "arn:aws:iam::000000000000:policy/for-nobody"
    assert code_of(stage.iam.attach_user_policy, UserName="missing", PolicyArn=arn) == "NoSuchEntity"


def test_the_last_administrator_stays(stage):
    name, key = stage.user()
    stage.gateway.run(stage.gateway.services.grants.give(key[0], Role.ADMINISTRATOR, "*"))
    stage.gateway.run(stage.gateway.services.access.revoke(stage.admin[0]))
    try:
        last = stage.gateway.client("iam", key=key)
        off = {"UserName": name, "AccessKeyId": key[0], "Status": "Inactive"}
        assert code_of(last.update_access_key, **off) == "UnmodifiableEntity"
        assert code_of(last.delete_access_key, UserName=name, AccessKeyId=key[0]) == "UnmodifiableEntity"
        deny = json.dumps({"Statement": {"Effect": "Deny", "Action": "admin:*", "Resource": "*"}})
        locked = {"UserName": name, "PolicyName": "locked", "PolicyDocument": deny}
        assert code_of(last.put_user_policy, **locked) == "UnmodifiableEntity"
    finally:
        stage.gateway.run(stage.gateway.services.access.ensure_administrator(*stage.admin))


def test_the_registrys_own_list_shows_whose_a_key_is_and_that_it_is_off(stage):
    name, key = stage.user()
    stage.iam.update_access_key(UserName=name, AccessKeyId=key[0], Status="Inactive")
    status, _, answer = call("GET", f"{stage.gateway.url}/api/v1/keys", headers=basic(*stage.admin))
    found = next(row for row in json.loads(answer)["keys"] if row["id"] == key[0])
    assert (status, found["user"], found["inactive"]) == (200, name, True)


def test_what_a_user_may_is_explained(stage):
    name, key = stage.user()
    stage.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=READ)
    asked = {"action": "s3:PutObject", "resource": f"s3:data/{name}/a"}
    headers = {"Content-Type": "application/json", **basic(*stage.admin)}
    for who in (key[0], f"user:iam:{name}"):
        body = json.dumps({**asked, "who": who}).encode()
        status, _, answer = call("POST", f"{stage.gateway.url}/api/v1/can", headers=headers, body=body)
        told = json.loads(answer)
        assert status == 200, told
        if who == key[0]:
            assert (told["allowed"], told["policy"]) == (True, f"user:iam:{name}/own")
            assert told["statement"]["Action"] == ["s3:GetObject", "s3:PutObject"]
        else:
            assert not told["allowed"]  # without a key there is no aws:username


def test_conditions_know_a_user_by_its_arn(stage):
    name, key = stage.user()
    statement = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::data/by-condition",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::000000000000:user/{name}"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    at = {"Bucket": "data", "Key": "by-condition", "Body": b"x"}
    for user, own in ((name, key), stage.user()):
        stage.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
        s3 = stage.gateway.client(key=own)
        if user == name:
            s3.put_object(**at)
        else:
            assert code_of(s3.put_object, **at) == "AccessDenied"
