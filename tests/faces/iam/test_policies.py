"""Stored policies, as AWS's own client manages them."""

import json

from tests.faces.iam.conftest import code_of

ARN = "arn:aws:iam::000000000000:policy/"


def document(action="s3:PutObject", effect="Allow"):
    return json.dumps({"Statement": [{"Effect": effect, "Action": action, "Resource": "arn:aws:s3:::data/*"}]})


def test_a_policy_is_stored_attached_changed_and_deleted(stage):
    iam, (user, key) = stage.iam, stage.user()
    name = stage.name("policy")
    made = iam.create_policy(PolicyName=name, PolicyDocument=document(), Description="for tests")["Policy"]
    assert (made["Arn"], made["DefaultVersionId"], made["AttachmentCount"]) == (ARN + name, "v1", 0)
    assert code_of(iam.create_policy, PolicyName=name, PolicyDocument=document()) == "EntityAlreadyExists"
    s3, at = stage.gateway.client(key=key), {"Bucket": "data", "Key": "policy"}
    assert code_of(s3.put_object, **at, Body=b"x") == "AccessDenied"
    iam.attach_user_policy(UserName=user, PolicyArn=ARN + name)
    s3.put_object(**at, Body=b"x")
    attached = iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
    assert attached == [{"PolicyName": name, "PolicyArn": ARN + name}]
    assert iam.get_policy(PolicyArn=ARN + name)["Policy"]["AttachmentCount"] == 1
    assert code_of(iam.delete_policy, PolicyArn=ARN + name) == "DeleteConflict"
    version = iam.create_policy_version(
        PolicyArn=ARN + name, PolicyDocument=document("s3:GetObject"), SetAsDefault=True
    )
    assert version["PolicyVersion"]["VersionId"] == "v2"
    assert code_of(s3.put_object, **at, Body=b"x") == "AccessDenied"
    told = iam.get_policy_version(PolicyArn=ARN + name, VersionId="v2")["PolicyVersion"]
    assert (told["Document"], told["IsDefaultVersion"]) == (json.loads(document("s3:GetObject")), True)
    versions = iam.list_policy_versions(PolicyArn=ARN + name)["Versions"]
    assert [(row["VersionId"], row["IsDefaultVersion"]) for row in versions] == [("v1", False), ("v2", True)]
    iam.set_default_policy_version(PolicyArn=ARN + name, VersionId="v1")
    s3.put_object(**at, Body=b"x")
    iam.detach_user_policy(UserName=user, PolicyArn=ARN + name)
    assert code_of(s3.put_object, **at, Body=b"x") == "AccessDenied"
    assert code_of(iam.detach_user_policy, UserName=user, PolicyArn=ARN + name) == "NoSuchEntity"
    iam.delete_policy(PolicyArn=ARN + name)
    assert code_of(iam.get_policy, PolicyArn=ARN + name) == "NoSuchEntity"


def test_policies_are_listed_in_pages(stage):
    names = [stage.name("listed") for _ in range(5)]
    for name in names:
        stage.iam.create_policy(PolicyName=name, PolicyDocument=document())
    pages = stage.iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    listed = [row["PolicyName"] for page in pages for row in page["Policies"]]
    assert set(names) <= set(listed)
    assert listed == sorted(listed)
    assert stage.iam.list_policies(Scope="AWS")["Policies"] == []
    attached = stage.iam.list_policies(OnlyAttached=True)["Policies"]
    assert not set(names) & {row["PolicyName"] for row in attached}


def test_a_resource_policy_is_none_of_these(stage):
    from zotplus.services.policies.values import NewVersion  # noqa: PLC0415 - only here

    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "s3:data/open/*"}
    text = json.dumps({"Statement": [statement]}).encode()
    stage.gateway.run(stage.gateway.services.policies.put("of-resource", NewVersion(text=text, author="test")))
    assert code_of(stage.iam.get_policy, PolicyArn=ARN + "of-resource") == "NoSuchEntity"
    assert code_of(stage.iam.delete_policy, PolicyArn=ARN + "of-resource") == "NoSuchEntity"
    assert "of-resource" not in [row["PolicyName"] for row in stage.iam.list_policies(MaxItems=1000)["Policies"]]
    stage.gateway.run(stage.gateway.services.policies.delete("of-resource"))


def test_what_cannot_be_is_refused(stage):
    iam = stage.iam
    name = stage.name("refused")
    assert code_of(iam.create_policy, PolicyName="CamelCase", PolicyDocument=document()) == "ValidationError"
    assert code_of(iam.create_policy, PolicyName=name, PolicyDocument="no json") == "MalformedPolicyDocument"
    iam.create_policy(PolicyName=name, PolicyDocument=document())
    later = {"PolicyArn": ARN + name, "PolicyDocument": document()}
    assert code_of(iam.create_policy_version, **later) == "ValidationError"
    assert code_of(iam.get_policy_version, PolicyArn=ARN + name, VersionId="v9") == "NoSuchEntity"
    assert code_of(iam.get_policy_version, PolicyArn=ARN + name, VersionId="9") == "ValidationError"
    assert code_of(iam.get_policy, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess") == "ValidationError"
    iam.delete_policy(PolicyArn=ARN + name)
