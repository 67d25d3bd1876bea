"""What somebody may, and the statement that says so."""

import json

import msgspec
import pytest

from tests.unit.services.policies.conftest import AUTHOR, document, new, refused, statement
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.keyvalue import Transaction
from zotplus.records.policies import IDENTITY, PolicyVersionRecord, put_version
from zotplus.services.identity.access import Access
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.people import People
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.roles import Role
from zotplus.services.policies.explaining import Explaining
from zotplus.services.policies.values import PersonNamed

GET = Need("s3:GetObject", "s3:releases/a")


@pytest.fixture
def grants(store):
    return Grants(store, issuers=["k"])


@pytest.fixture
def explaining(store, access, clock):
    return Explaining(store, access, People(store, Rights()), clock=clock)


@pytest.fixture
async def robot(access):
    await access.create(kind=PrincipalKind.ROBOT, name="ci")
    return "robot:ci"


async def test_a_policy_that_allows_is_named_with_its_version_and_statement(explaining, policies, robot):
    await policies.put("p", new(document(statement(action="s3:PutObject"))))
    text = document(statement(action="s3:PutObject"), statement(Sid="reading"))
    await policies.put("p", new(text))
    await policies.attach("p", robot, AUTHOR)
    found = await explaining.can(await explaining.principal(robot), GET, {})
    assert (found.allowed, found.layer, found.policy, found.version) == (True, "identity", "p", 2)
    assert json.loads(found.statement) == statement(Sid="reading")
    assert found.considered == 1


async def test_a_statement_without_sid_is_found_by_its_place(explaining, policies, robot):
    await policies.put("p", new(msgspec.json.encode({"Statement": statement("Deny")})))
    await policies.attach("p", robot, AUTHOR)
    found = await explaining.can(await explaining.principal(robot), GET, {})
    assert (found.allowed, found.policy) == (False, "p")
    assert json.loads(found.statement) == statement("Deny")


async def test_a_grant_is_named_with_the_statement_that_it_stands_for(explaining, grants, robot):
    await grants.give(robot, Role.READER, "s3:releases", ("10.0.0.0/8",))
    principal = await explaining.principal(robot)
    outside = await explaining.can(principal, GET, {"aws:SourceIp": ("192.0.2.1",)})
    assert (outside.allowed, outside.statement) == (False, b"null")
    found = await explaining.can(principal, GET, {"aws:SourceIp": ("10.1.1.1",)})
    assert (found.allowed, found.policy, found.version) == (True, "reader on s3:releases", 0)
    assert json.loads(found.statement)["Condition"] == {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


async def test_what_everybody_may_is_explained_too(explaining, robot):
    found = await explaining.can(await explaining.principal(robot), Need("s3:ListAllMyBuckets", "s3:"), {})
    assert (found.allowed, found.policy) == (True, "everyone")
    assert "s3:ListAllMyBuckets" in json.loads(found.statement)["Action"]


async def test_nothing_allows(explaining, robot):
    found = await explaining.can(await explaining.principal(robot), GET, {})
    assert (found.allowed, found.layer, found.policy, found.version, found.statement) == (False, "", "", 0, b"null")
    assert "no policy allows" in found.reason


async def test_an_action_that_does_not_exist_is_named_with_the_nearest(explaining, robot):
    principal = await explaining.principal(robot)
    with pytest.raises(Exception, match="Did you mean s3:GetObject"):
        await explaining.can(principal, Need("s3:GetObjekt", "s3:a"), {})
    assert await refused(explaining.can(principal, Need("§" * 1000, "s3:a"), {})) == "argument_invalid"


async def test_a_person_who_is_not_here_has_the_rights_of_their_groups(explaining, policies):
    await policies.put("p", new(document(statement(Condition={"StringEquals": {"zotplus:subject": ["ada"]}}))))
    await policies.attach("p", "group:k:dev", AUTHOR)
    ada = await explaining.person(PersonNamed(issuer="k", subject="ada", groups=("dev",), roles=("r",)))
    bob = await explaining.person(PersonNamed(issuer="k", subject="bob", groups=("dev",)))
    assert (await explaining.can(ada, GET, {})).allowed
    assert not (await explaining.can(bob, GET, {})).allowed
    assert not (await explaining.can(await explaining.principal("user:k:ada"), GET, {})).allowed


async def test_the_time_is_known_and_what_is_given_wins(explaining, policies, robot, clock):
    late = {"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
    await policies.put("p", new(document(statement(Condition=late))))
    await policies.attach("p", robot, AUTHOR)
    principal = await explaining.principal(robot)
    assert not (await explaining.can(principal, GET, {})).allowed
    assert (await explaining.can(principal, GET, {"AWS:currentTime": ("2031-01-01T00:00:00Z",)})).allowed
    clock.now = 2_000_000_000.0
    assert (await explaining.can(principal, GET, {})).allowed


@pytest.mark.parametrize("who", ["public", "anonymous"])
async def test_whoever_did_not_log_in_can_be_asked_about(explaining, policies, who):
    await policies.put("open", new(document(statement(Principal="*", Sid="open"))))
    found = await explaining.can(await explaining.principal(who), GET, {})
    assert (found.allowed, found.layer, found.policy, found.considered) == (True, "resource", "open", 1)


async def test_that_public_access_is_switched_off_is_the_reason(store, sealing, clock, policies, robot):
    await policies.put("open", new(document(statement(Principal="*", Sid="open"))))
    rights = Rights(public_access=False)
    access = Access(store, sealing, rights, clock=clock)
    explaining = Explaining(store, access, People(store, rights), public_access=False, clock=clock)
    found = await explaining.can(await explaining.principal("anonymous"), GET, {})
    assert (found.allowed, found.reason) == (False, "public access is switched off (identity.public_access)")
    assert (await explaining.can(await explaining.principal(robot), GET, {})).allowed
    put = await explaining.can(await explaining.principal(robot), Need("s3:PutObject", "s3:releases/a"), {})
    assert "public access" not in put.reason


@pytest.mark.parametrize("who", ["trust:release", "certificate:operator"])
async def test_trusts_and_certificates_can_be_asked_about(explaining, policies, who):
    await policies.put("p", new(document(statement(Condition={"StringEquals": {"aws:userid": [who]}}))))
    await policies.attach("p", who, AUTHOR)
    assert (await explaining.can(await explaining.principal(who), GET, {})).allowed


@pytest.mark.parametrize("who", ["", "nobody at all", "group:k:dev", "robot:none", "ZPNONE", "user:k", "authenticated"])
async def test_nobody_is_called_so(explaining, who):
    assert await refused(explaining.principal(who)) == "record_not_found"


async def test_other_faults_of_the_store_are_not_taken_for_nobody(explaining, robot, store, access):
    await store.write(lambda transaction: transaction.put(b"Crobot:ci", b"broken"))
    assert await refused(explaining.principal(robot)) == "storage_failed"


async def test_everything_that_applies_is_listed_with_the_name_it_applies_by(explaining, policies, grants, robot):
    await grants.give(robot, Role.READER, "s3:releases")
    await grants.give("public", Role.READER, "oci:open/**")
    await policies.put("own", new(document(statement())))
    await policies.put("limit", new(document(statement())))
    await policies.attach("own", "authenticated", AUTHOR)
    await policies.attach("limit", robot, AUTHOR, is_boundary=True)
    await policies.put("meant", new(document(statement(Principal={"Zotplus": robot}))))
    await policies.put("open", new(document(statement(Principal="*"))))
    await policies.put("others", new(document(statement(Principal={"Zotplus": "robot:other"}))))
    found = await explaining.rights(await explaining.principal(robot))
    assert [(one.what, one.name, one.through) for one in found] == [
        ("grant", "reader on s3:releases", robot),
        ("grant", "reader on oci:open/**", "public"),
        ("boundary", "limit@1", robot),
        ("policy", "own@1", "authenticated"),
        ("resource", "meant@1", "principal"),
        ("resource", "open@1", "group"),
    ]


async def test_a_resource_policy_that_cannot_be_read_concerns_everybody(explaining, policies, robot, store):
    await policies.put("open", new(document(statement(Principal="*"))))
    broken = PolicyVersionRecord(text=b"{", kind=IDENTITY, author="", created_ms=0, comment="")

    def damage(transaction: Transaction) -> None:
        put_version(transaction, "open", 1, broken)

    await store.write(damage)
    found = await explaining.rights(await explaining.principal(robot))
    assert [(one.what, one.name, one.through) for one in found] == [("resource", "open@1", "principal")]
    answer = await explaining.can(await explaining.principal(robot), GET, {})
    assert (answer.allowed, answer.policy, answer.statement) == (False, "open", b"null")


async def test_a_decision_of_a_version_that_is_gone_has_no_statement(explaining, robot):
    principal = await explaining.principal(robot)
    assert await explaining.statement(principal, "gone@7", "#1") == b"null"
    assert await explaining.statement(principal, "reader on s3:x", "#1") == b"null"
    assert await explaining.statement(principal, "everyone", "#9") == b"null"
