"""``zotplus why``: a decision with the statement that took it, as it was then."""

import json

import pytest

from zotplus.records import layout
from zotplus.services.identity.roles import Role

READ = {"Sid": "no-reading", "Effect": "Deny", "Action": "s3:GetObject", "Resource": "s3:*"}
OTHER = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:a/*"}


@pytest.fixture(scope="module")
def denied(audited, tmp_path_factory):
    """(request id, key): a policy in its first version refused a download; by now it says something else."""
    file = tmp_path_factory.mktemp("why") / "p.json"
    key = audited.gateway.key((Role.READER, "s3:why"))

    def put(*statements):
        file.write_text(json.dumps({"Statement": list(statements)}))
        assert audited.command("policy", "put", "p", file).exit_code == 0

    put(READ)
    assert audited.command("policy", "attach", "p", key[0]).exit_code == 0
    assert audited.command("buckets", "create", "why").exit_code == 0
    refused = audited.command("download", "why/a", "/nowhere", ZOTPLUS_ACCESS_KEY=key[0], ZOTPLUS_SECRET_KEY=key[1])
    assert refused.exit_code == 4
    put(OTHER)
    return audited.last(kind="denied").id, key


def test_a_denial_is_explained_with_the_statement_of_its_time(audited, denied):
    told = audited.command("why", denied[0])
    assert told.exit_code == 0, told.stderr
    rows = dict(line.split(maxsplit=1) for line in told.stdout.splitlines() if len(line.split(maxsplit=1)) > 1)
    assert rows["who"].startswith(denied[1][0])
    assert (rows["decision"], rows["action"]) == ("denied", "s3:GetObject")
    assert rows["policy"] == "p@1 (identity)"
    assert '"Sid": "no-reading"' in told.stdout


def test_for_programs_it_is_json(audited, denied):
    told = json.loads(audited.command("why", denied[0], "--json").stdout)
    assert told["record"]["id"] == denied[0]
    assert READ in told["statements"]


def test_what_a_grant_allowed_is_explained_by_what_the_grant_stands_for(audited):
    key = audited.gateway.key((Role.READER, "s3:granted"))
    assert audited.command("buckets", "create", "granted").exit_code == 0
    own = {"ZOTPLUS_ACCESS_KEY": key[0], "ZOTPLUS_SECRET_KEY": key[1]}
    assert audited.command("ls", "s3://granted/", **own).exit_code == 0
    record = next(one for one in reversed(audited.records) if one.who and one.who.id == key[0] and one.decisions)
    told = audited.command("why", record.id).stdout
    assert "reader on s3:granted" in told
    assert '"Effect": "Allow"' in told


def test_who_may_not_read_the_policy_is_told_so(audited, denied):
    key = audited.gateway.key((Role.AUDITOR, "*"))
    own = {"ZOTPLUS_ACCESS_KEY": key[0], "ZOTPLUS_SECRET_KEY": key[1]}
    told = audited.command("why", denied[0], **own)
    assert told.exit_code == 0, told.stderr
    stranger = audited.gateway.key()
    own = {"ZOTPLUS_ACCESS_KEY": stranger[0], "ZOTPLUS_SECRET_KEY": stranger[1]}
    assert audited.command("why", denied[0], **own).exit_code == 4


def test_a_request_that_no_policy_was_asked_about_is_explained_too(audited, denied):
    assert audited.command("status").exit_code == 0
    wrong = audited.command("ls", "s3://why/", ZOTPLUS_SECRET_KEY="wrong-secret-wrong-secret")
    assert wrong.exit_code == 3
    told = audited.command("why", audited.last(kind="denied").id)
    assert "No policy was asked" in told.stdout


def test_a_decision_that_is_not_in_the_log_is_not_found(audited):
    assert audited.command("why", "0000000000000000").exit_code == 5


def test_a_version_that_is_no_longer_kept_is_said_to_be(audited, denied):
    async def forget():
        await audited.gateway.parts.store.write(lambda transaction: transaction.delete(layout.policy_version("p", 1)))

    audited.gateway.run(forget())
    told = audited.command("why", denied[0])
    assert told.exit_code == 0, told.stderr
    assert "The statement cannot be shown" in told.stdout
