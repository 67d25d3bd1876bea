import base64
import json

import msgspec
import pytest

from tests.unit.services.federation.conftest import PUBLISHER, terms
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.records.access import raise_generation
from zotplus.records.policies import (
    IDENTITY,
    RESOURCE,
    PolicyRecord,
    PolicyVersionRecord,
    put_policy,
    put_version,
)
from zotplus.services.federation import sessions as module
from zotplus.services.federation.federation import Wanted
from zotplus.services.federation.sessions import SessionPolicies, Sessions, SessionSettings
from zotplus.services.federation.standing import Standing
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.roles import Role

WRITE = Need("s3:PutObject", "s3:releases/a")
READ = Need("s3:GetObject", "s3:releases/a")
READ_ONLY = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:releases/*"}})
EVERYTHING = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


async def refused(work) -> str:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value.fault.code


@pytest.fixture
async def trust(worker):
    return await worker.trusts.put(terms(), PUBLISHER)


@pytest.fixture
def assume(worker, issued, trust):
    async def begin(text="", names=(), **changes):
        policies = SessionPolicies(text=text, names=names)
        wanted = {"token": issued.token("github"), "role": "release", "name": "job-1", "policies": policies}
        return await worker.federation.assume(Wanted(**{**wanted, **changes}))

    return begin


def put(store, name, text, kind=IDENTITY, current=1):
    def change(transaction):
        version = PolicyVersionRecord(text=text.encode(), kind=kind, author="", created_ms=0, comment="")
        put_version(transaction, name, 1, version)
        put_policy(transaction, name, PolicyRecord(current=current, latest=1, kind=kind, description="", created_ms=0))
        raise_generation(transaction)

    return store.write(change)


async def test_a_session_has_the_form_of_an_access_key_and_the_rights_of_its_trust(assume, other_worker, clock):
    made = await assume()
    session = made.session
    assert (session.access_key[:3], len(session.access_key), len(session.secret)) == ("ZPS", 20, 40)
    assert session.expires == int(clock.now) + 3_600
    principal, secret = await other_worker.sessions.signer(session.access_key, session.token)
    assert (principal.id, secret, principal.expires) == ("trust:release", session.secret, session.expires)
    assert principal.credential == f"session {session.access_key}"
    assert principal.attributes["zotplus:credential"] == ("session",)
    assert principal.attributes["aws:tokenissuetime"] == ("2027-01-15T08:00:00Z",)
    assert principal.attributes["zotplus:claim/repository_id"] == ("74",)
    assert principal.attributes["sts:rolesessionname"] == ("job-1",)
    assert principal.may(WRITE)
    assert not principal.may(Need("s3:PutObject", "s3:other/a"))
    assert made.principal.id == "trust:release"


async def test_two_sessions_share_nothing(assume):
    one, two = (await assume()).session, (await assume()).session
    assert not {one.access_key, one.secret, one.token} & {two.access_key, two.secret, two.token}


async def test_a_session_key_without_its_token_is_unknown(assume, worker):
    session = (await assume()).session
    assert await refused(worker.access.signer(session.access_key)) == "access_key_unknown"


async def test_a_token_of_another_key_is_refused(assume, worker):
    one, two = (await assume()).session, (await assume()).session
    assert await refused(worker.sessions.signer(one.access_key, two.token)) == "token_invalid"
    key = await worker.key()
    assert await refused(worker.sessions.signer(key.id, one.token)) == "token_invalid"


@pytest.mark.parametrize("change", ["", "A", "=", "é", "\0", "x" * 8_193])
async def test_a_token_that_was_not_sealed_here_is_refused(assume, worker, change):
    session = (await assume()).session
    for token in (change, session.token[:40] + change + session.token[41:], session.token + change * 4):
        if token != session.token:
            assert await refused(worker.sessions.signer(session.access_key, token)) == "token_invalid"


async def test_no_single_character_of_a_token_can_be_changed(assume, worker):
    session = (await assume()).session
    for position in range(0, len(session.token) - 4, 97):
        other = "A" if session.token[position] != "A" else "B"
        token = session.token[:position] + other + session.token[position + 1 :]
        assert await refused(worker.sessions.signer(session.access_key, token)) == "token_invalid"


async def test_a_token_sealed_under_another_master_key_is_refused(assume, store, clock):
    session = (await assume()).session
    strange = Sessions(store, AeadSealing([b"x" * 32]), Rights(), SessionSettings(), clock=clock)
    assert await refused(strange.signer(session.access_key, session.token)) == "token_invalid"


async def test_a_token_of_a_later_release_is_refused(assume, worker, monkeypatch):
    session = (await assume()).session
    worker.sessions._opened.clear()
    monkeypatch.setattr(module, "_VERSION", 0)  # the release before
    assert await refused(worker.sessions.signer(session.access_key, session.token)) == "token_invalid"


async def test_what_was_sealed_for_something_else_is_no_session(worker, sealing):
    for content in (b"", msgspec.msgpack.encode([1, 2, 3])):
        token = base64.urlsafe_b64encode(sealing.seal(content, b"session token")).decode()
        assert await refused(worker.sessions.signer("ZPSX", token)) == "token_invalid"


async def test_a_session_ends(assume, worker, clock):
    session = (await assume(seconds=900)).session
    clock.now += 899
    await worker.sessions.signer(session.access_key, session.token)
    clock.now += 1
    for _ in range(2):
        assert await refused(worker.sessions.signer(session.access_key, session.token)) == "credentials_expired"


async def test_grants_that_go_are_felt_by_sessions_at_once_on_every_worker(assume, worker, other_worker):
    session = (await assume()).session
    assert (await other_worker.sessions.signer(session.access_key, session.token))[0].may(WRITE)
    await worker.trusts.put(terms(), ())
    assert not (await other_worker.sessions.signer(session.access_key, session.token))[0].may(WRITE)


async def test_a_trust_that_goes_takes_its_sessions_along(assume, worker, other_worker, clock):
    session = (await assume()).session
    await other_worker.sessions.signer(session.access_key, session.token)
    clock.now += 1
    await worker.trusts.delete("release")
    assert await refused(other_worker.sessions.signer(session.access_key, session.token)) == "token_invalid"
    await worker.trusts.put(terms(), PUBLISHER)
    assert await refused(other_worker.sessions.signer(session.access_key, session.token)) == "token_invalid"


@pytest.mark.parametrize("who", ["trust:release", "*"])
async def test_sessions_are_revoked_by_identity_or_all_at_once(assume, worker, other_worker, clock, who):
    session = (await assume()).session
    await other_worker.sessions.signer(session.access_key, session.token)
    await worker.trusts.put(terms("other"), ())
    await other_worker.standing.revoke("trust:other")
    await other_worker.sessions.signer(session.access_key, session.token)
    await other_worker.standing.revoke(who)
    assert await refused(other_worker.sessions.signer(session.access_key, session.token)) == "token_invalid"
    clock.now += 1
    later = (await assume()).session
    await other_worker.sessions.signer(later.access_key, later.token)


@pytest.mark.parametrize("who", ["", "Nobody at all", "public", "authenticated", "group:keycloak:a", "role:keycloak:b"])
async def test_only_one_identity_or_everybody_can_be_revoked(worker, who):
    assert await refused(worker.standing.revoke(who)) in {"argument_invalid", "record_not_found"}


@pytest.mark.parametrize("who", ["nonsense", "robot:nobody", "trust:nobody", "trust:self", "user:nowhere:somebody"])
async def test_an_identity_that_cannot_have_sessions_is_refused(worker, who):
    assert await refused(worker.standing.revoke(who)) == "record_not_found"


async def test_the_sessions_of_keys_and_of_people_can_be_ended(worker):
    await worker.standing.revoke((await worker.key()).id)
    await worker.standing.revoke("user:keycloak:somebody")
    await worker.standing.revoke("certificate:backup")


async def test_a_session_policy_narrows_and_never_widens(assume, worker):
    narrow = (await assume(READ_ONLY)).principal
    assert narrow.may(READ)
    assert not narrow.may(WRITE)
    wide = (await assume(EVERYTHING)).principal
    assert wide.may(WRITE)
    assert not wide.may(Need("s3:PutObject", "s3:other/a"))


async def test_stored_policies_narrow_by_name_and_their_changes_are_felt(assume, worker, store):
    await put(store, "readers", READ_ONLY)
    made = await assume(names=("readers",))
    assert made.principal.may(READ)
    assert not made.principal.may(WRITE)
    session = made.session
    await put(store, "readers", EVERYTHING)
    assert (await worker.sessions.signer(session.access_key, session.token))[0].may(WRITE)
    await put(store, "readers", EVERYTHING, current=0)
    assert not (await worker.sessions.signer(session.access_key, session.token))[0].may(READ)
    await put(store, "readers", "{")
    assert not (await worker.sessions.signer(session.access_key, session.token))[0].may(READ)


async def test_a_stored_policy_that_cannot_be_read_denies_whatever_others_allow(assume, worker, store):
    await put(store, "narrow", READ_ONLY)
    await put(store, "wide", EVERYTHING)
    session = (await assume(names=("narrow", "wide"))).session
    assert (await worker.sessions.signer(session.access_key, session.token))[0].may(WRITE)
    await put(store, "narrow", "{")
    assert not (await worker.sessions.signer(session.access_key, session.token))[0].may(READ)


async def test_a_mistake_in_session_policies_does_not_use_the_token_up(assume, issued, store):
    await put(store, "of-a-bucket", READ_ONLY, RESOURCE)
    token = issued.token("github")
    assert await refused(assume("{", token=token)) == "policy_invalid"
    assert await refused(assume(names=("missing",), token=token)) == "record_not_found"
    assert await refused(assume(names=("of-a-bucket",), token=token)) == "record_not_found"
    await assume(token=token)


async def test_what_does_not_fit_is_refused(assume, issued):
    token = issued.token("github", workflow="w" * 6_500)
    assert await refused(assume(token=token)) == "session_too_large"


async def test_a_persons_session_follows_the_grants_of_their_groups(worker, issued, store):
    grants = Grants(store, issuers=["keycloak"])
    given = await grants.give("group:keycloak:platform", Role.PUBLISHER, "s3:releases")
    made = await worker.federation.assume(Wanted(token=issued.token("keycloak"), role="self", name="alice"))
    assert made.principal.id.startswith("user:keycloak:")
    assert made.principal.may(WRITE)
    await grants.withdraw(given.id)
    principal, _ = await worker.sessions.signer(made.session.access_key, made.session.token)
    assert not principal.may(WRITE)


async def test_what_is_remembered_of_tokens_is_bounded(assume, worker, monkeypatch):
    monkeypatch.setattr(module, "OPENED_MAX", 2)
    made = [(await assume()).session for _ in range(3)]
    assert len(worker.sessions._opened) <= 2
    for session in made:
        await worker.sessions.signer(session.access_key, session.token)


BOTH = {"repository_id": ("74",), "ref": ("refs/heads/main", "refs/heads/next")}
TIGHTER = {
    "a pattern less": {"claims": {**BOTH, "ref": ("refs/heads/main",)}},
    "a condition more": {"claims": {**BOTH, "event_name": ("push",)}},
    "another pattern": {"claims": {**BOTH, "repository_id": ("75",)}},
    "another audience": {"claims": BOTH, "audience": "another"},
    "another issuer": {"claims": {"project_id": ("22",)}, "issuer": "gitlab"},
}
NO_TIGHTER = {
    "the same": {"claims": BOTH},
    "a pattern more": {"claims": {**BOTH, "ref": (*BOTH["ref"], "refs/heads/old")}},
    "a condition less": {"claims": {"repository_id": ("74",)}},
    "once more": {"claims": BOTH, "reuse": True, "lifetime": 900, "description": "more"},
}


@pytest.fixture
async def released(worker, assume, issued, clock):
    """A session and an access token under a trust of some seconds ago."""
    await worker.trusts.put(terms(claims=BOTH), PUBLISHER)
    clock.now += 1
    session = (await assume()).session
    _, access = await worker.exchange.access_token(issued.token("github"))
    clock.now += 1
    return session, access


@pytest.mark.parametrize(
    ("changes", "lives"),
    [*[(row, False) for row in TIGHTER.values()], *[(row, True) for row in NO_TIGHTER.values()]],
    ids=[*TIGHTER, *NO_TIGHTER],
)
async def test_what_was_issued_ends_when_its_trust_becomes_tighter(worker, other_worker, released, changes, lives):
    session, access = released
    await other_worker.sessions.signer(session.access_key, session.token)
    await worker.trusts.put(terms(**changes), PUBLISHER)
    for one in (worker, other_worker):
        if lives:
            assert (await one.sessions.signer(session.access_key, session.token))[0].may(WRITE)
            assert (await one.tokens.bearer(access.token)).may(WRITE)
        else:
            assert await refused(one.sessions.signer(session.access_key, session.token)) == "token_invalid"
            assert await refused(one.tokens.bearer(access.token)) == "token_invalid"


async def test_a_token_of_before_the_change_of_a_trust_is_taken_under_its_new_terms(
    worker, other_worker, issued, clock
):
    await worker.trusts.put(terms(claims=BOTH), PUBLISHER)
    token = issued.token("github")
    clock.now += 5
    await worker.trusts.put(terms(), PUBLISHER)
    _, access = await worker.exchange.access_token(token)
    assert (await other_worker.tokens.bearer(access.token)).may(WRITE)


async def test_where_the_issuers_are_not_known_anybody_of_one_can_be_revoked(store):
    await Standing(store).revoke("user:elsewhere:somebody")
