"""``zotplus kms`` against a running gateway: keys are made, rotated and disabled, and objects wrapped anew."""

import pytest
from botocore.exceptions import ClientError

from zotplus.services.identity.roles import Role


@pytest.fixture
def s3(gateway):
    return gateway.client()


def test_a_key_is_made_used_rotated_and_disabled(terminal, bucket, s3):
    assert terminal.json("kms", "keys", "create", "ledger", "--description", "seven years")["versions"] == 1
    named = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "ledger"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", **named)
    assert "versions" in terminal.ok("kms", "keys", "rotate", "ledger")
    done = terminal.json("kms", "rewrap")
    assert (done["rewrapped"], done["left"]) == (1, 0)
    assert terminal.json("kms", "rewrap")["rewrapped"] == 0
    assert "rewrapped" in terminal.ok("kms", "rewrap")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    assert terminal.json("kms", "keys", "disable", "ledger")["enabled"] is False
    with pytest.raises(ClientError, match=r"KMS\.DisabledException"):
        s3.get_object(Bucket=bucket, Key="k")
    assert terminal.json("kms", "keys", "enable", "ledger")["enabled"] is True
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    listed = {row["id"]: row for row in terminal.json("kms", "keys", "list")}
    assert (listed["ledger"]["versions"], listed["ledger"]["description"]) == (2, "seven years")
    assert "ledger" in terminal.ok("kms", "keys", "list")


def test_the_key_of_sse_s3_is_rotated_like_any_other(terminal, bucket, s3):
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", ServerSideEncryption="AES256")
    terminal.ok("kms", "keys", "rotate", "sse:s3")
    assert terminal.json("kms", "rewrap")["rewrapped"] >= 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    code, told = terminal.fails("kms", "keys", "disable", "sse:s3")
    assert code != 0
    assert "cannot be disabled" in told


def test_a_key_that_is_not_there_or_is_twice_is_told(terminal):
    assert "nothing" not in terminal.ok("kms", "keys", "list")
    assert terminal.fails("kms", "keys", "rotate", "nothing")[0] != 0
    terminal.ok("kms", "keys", "create", "twice")
    assert "already" in terminal.fails("kms", "keys", "create", "twice")[1]
    assert terminal.fails("kms", "keys", "create", "no/id")[0] != 0


def test_keys_are_for_administrators(terminal, gateway):
    somebody = terminal.as_key(gateway.key((Role.PUBLISHER, "*"), name="publisher"))
    for command in (("keys", "list"), ("keys", "create", "x"), ("keys", "rotate", "sse:s3"), ("rewrap",)):
        assert "may not" in somebody.fails("kms", *command)[1]
