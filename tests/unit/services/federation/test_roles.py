"""Sessions of access keys end with their keys, whatever becomes of these."""

import msgspec
import pytest

from tests.unit.services.federation.conftest import PUBLISHER, terms
from tests.unit.services.federation.test_sessions import READ_ONLY, refused
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.records.access import find_credential, put_credential
from zotplus.services.federation.exchange import SELF
from zotplus.services.federation.roles import Asked
from zotplus.services.federation.sessions import SessionPolicies

OWN = Asked(role=SELF)
NARROW = SessionPolicies(text=READ_ONLY)


async def changed(worker, key_id, **fields):
    """The key's record with other fields."""

    def change(transaction):
        put_credential(transaction, key_id, msgspec.structs.replace(find_credential(transaction, key_id), **fields))

    await worker.store.write(change)


async def test_only_an_access_key_takes_roles(worker):
    robot = await worker.access.create(kind=PrincipalKind.ROBOT, name="ci")
    by = await worker.access.by_password(robot.credential.id, robot.secret)
    assert await refused(worker.federation.roles.take(by, OWN)) == "access_denied"
    session = (await worker.federation.roles.take(await worker.key(), OWN)).principal
    assert await refused(worker.federation.roles.take(session, OWN)) == "access_denied"


async def test_a_session_ends_when_its_key_expires_after_all(worker, clock):
    """The key's expiry came later than the session, as by a rotation with an overlap."""
    key = await worker.key()
    taken = (await worker.federation.roles.take(key, OWN)).session
    await changed(worker, key.id, expires_ms=int((clock() + 60) * 1000))
    principal, _ = await worker.sessions.signer(taken.access_key, taken.token)
    assert principal.expires == pytest.approx(clock() + 60, abs=1)
    clock.now += 61
    assert await refused(worker.sessions.signer(taken.access_key, taken.token)) == "credentials_expired"


async def test_a_session_that_would_be_narrowed_twice_may_do_nothing(worker):
    """CVE-2025-62506: of two limits on one session none may get lost."""
    key = await worker.key()
    taken = (await worker.federation.roles.take(key, msgspec.structs.replace(OWN, policies=NARROW))).session
    await changed(worker, key.id, scope=READ_ONLY.encode())
    principal, _ = await worker.sessions.signer(taken.access_key, taken.token)
    assert not principal.may(Need("s3:GetObject", "s3:releases/a"))
    assert not principal.may(Need("sts:GetCallerIdentity", "sts:self"))
    with pytest.raises(Problem, match="scope"):
        await worker.federation.roles.take(key, msgspec.structs.replace(OWN, policies=NARROW))


async def test_a_role_is_taken_for_as_long_as_its_trust_says(worker):
    key = await worker.key()
    await worker.trusts.put(terms("release", lifetime=1_800), PUBLISHER)
    roles = worker.federation.roles
    taken = await roles.take(key, Asked(role="release", name="job"))
    assert taken.session.expires - int(worker.clock()) == 1_800
    assert taken.principal.id == "trust:release"
    assert await refused(roles.take(key, Asked(role="release", name="job", seconds=1_801))) == "argument_invalid"
    assert await refused(roles.take(key, Asked(role="missing", name="job"))) == "record_not_found"
    await changed(worker, key.id, inactive=True)
    assert await refused(worker.sessions.signer(taken.session.access_key, taken.session.token)) == "token_invalid"


async def test_a_users_sessions_are_ended_by_its_keys(worker):
    assert await refused(worker.standing.revoke("user:iam:alice")) == "argument_invalid"
