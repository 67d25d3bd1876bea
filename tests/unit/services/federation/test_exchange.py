import asyncio

import pytest

from tests.unit.services.federation.conftest import PUBLISHER, terms
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Need
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.identity import TokenFault, TokenRefused
from zotplus.records import layout
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.roles import Role

WRITE = Need("s3:PutObject", "s3:releases/a")
ELSEWHERE = Need("s3:PutObject", "s3:other/a")


async def refused(work) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        await work
    assert caught.value.fault.code == "token_invalid"
    return caught.value


@pytest.fixture
async def trust(worker):
    return await worker.trusts.put(terms(), PUBLISHER)


@pytest.mark.parametrize("role", ["release", ""])
async def test_a_workload_gets_in_under_the_trust_that_fits(worker, issued, trust, role):
    exchanged = await worker.exchange.of_token(issued.token("github"), role)
    assert (exchanged.who.id, exchanged.who.kind, exchanged.who.names) == ("trust:release", PrincipalKind.TRUST, ())
    assert (exchanged.role, exchanged.seconds, exchanged.audience) == ("release", 3_600, "zotplus")
    assert exchanged.issuer == "https://token.actions.githubusercontent.com"
    assert exchanged.subject == "repo:octo-org/octo-repo:environment:prod"
    assert exchanged.who.attributes["zotplus:claim/repository_id"] == ("74",)
    assert exchanged.who.attributes["zotplus:issuer"] == ("github",)
    principal = await worker.people.principal(exchanged.who, "jwt github")
    assert isinstance(principal.decide(WRITE), Allowed)
    assert not isinstance(principal.decide(ELSEWHERE), Allowed)


WRONG = {
    "repository id": {"repository_id": "75"},
    "branch": {"ref": "refs/heads/feature"},
    "branch is missing": {"ref": None},
    "audience of another trust": {"aud": "another"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("role", ["release", ""])
async def test_a_token_of_another_workload_is_refused(worker, issued, trust, changes, role):
    assert (
        await refused(worker.exchange.of_token(issued.token("github", **changes), role))
    ).token_fault is TokenFault.TRUST


async def test_a_token_for_another_service_is_refused(worker, issued, trust):
    refusal = await refused(worker.exchange.of_token(issued.token("github", aud="sts.example.org")))
    assert refusal.token_fault is TokenFault.AUDIENCE


async def test_a_token_of_another_issuer_is_refused(worker, issued, trust):
    refusal = await refused(worker.exchange.of_token(issued.token("github", "gitlab"), "release"))
    assert refusal.token_fault is TokenFault.TRUST


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30", "ey" * 9_999])
async def test_what_is_no_token_is_refused(worker, token):
    with pytest.raises(Problem) as caught:
        await worker.exchange.of_token(token)
    assert caught.value.fault.code == "token_invalid"


async def test_an_unknown_trust_is_refused_like_one_that_does_not_fit(worker, issued, trust):
    unknown = await refused(worker.exchange.of_token(issued.token("github"), "nobody"))
    other = await refused(worker.exchange.of_token(issued.token("github", ref="x"), "release"))
    assert (unknown.detail, unknown.token_fault) == (other.detail, other.token_fault)
    assert unknown.why == "There is no trust 'nobody' for this issuer."
    assert other.why == "The trust 'release' does not accept the token."
    assert "nobody" not in unknown.detail


async def test_of_several_trusts_that_fit_one_must_be_named(worker, issued, trust):
    await worker.trusts.put(terms("second"), ())
    token = issued.token("github")
    refusal = await refused(worker.exchange.of_token(token))
    assert refusal.token_fault is TokenFault.TRUST
    assert "release, second" in refusal.why
    assert "release" not in refusal.detail
    assert (await worker.exchange.of_token(token, "second")).role == "second"


async def test_a_token_counts_once_whatever_it_is_exchanged_for(worker, other_worker, issued, trust):
    await worker.trusts.put(terms("second"), ())
    token = issued.token("github")
    await worker.exchange.of_token(token, "release")
    for exchange in (worker.exchange, other_worker.exchange):
        for role in ("release", "second"):
            assert (await refused(exchange.of_token(token, role))).token_fault is TokenFault.REPLAYED


async def test_of_concurrent_exchanges_on_all_workers_exactly_one_wins(worker, other_worker, issued, trust):
    token = issued.token("github")
    exchanges = [one.exchange.of_token(token, "release") for one in (worker, other_worker) for _ in range(10)]
    answers = await asyncio.gather(*exchanges, return_exceptions=True)
    lost = [answer for answer in answers if isinstance(answer, TokenRefused)]
    assert len(lost) == len(answers) - 1
    assert {refusal.token_fault for refusal in lost} == {TokenFault.REPLAYED}


async def test_another_issuers_token_of_the_same_id_is_another_token(worker, issued, trust):
    await worker.trusts.put(terms("lab", "gitlab"), ())
    await worker.exchange.of_token(issued.token("github", jti="same"))
    await worker.exchange.of_token(issued.token("gitlab", jti="same"))


async def test_a_refused_token_is_not_used_up(worker, issued, trust):
    token = issued.token("github")
    await refused(worker.exchange.of_token(token, "nobody"))
    with pytest.raises(Problem) as caught:
        await worker.exchange.of_token(token, "release", 3_601)
    assert caught.value.fault.code == "argument_invalid"
    await worker.exchange.of_token(token, "release")


@pytest.mark.parametrize("token_id", [None, "", 7, "x" * 1_025])
async def test_a_token_without_an_id_is_refused_where_it_counts_once(worker, issued, trust, token_id):
    refusal = await refused(worker.exchange.of_token(issued.token("github", jti=token_id)))
    assert refusal.token_fault is TokenFault.UNIDENTIFIED
    assert "jti" in refusal.why


async def test_with_reuse_a_token_counts_until_it_ends_and_needs_no_id(worker, issued):
    await worker.trusts.put(terms("pods", "cluster", reuse=True), ())
    token = issued.token("tekton", jti=None)
    for _ in range(2):
        assert (await worker.exchange.of_token(token)).who.id == "trust:pods"


async def test_used_tokens_are_forgotten_when_they_have_ended(worker, issued, trust, store, clock):
    await worker.exchange.of_token(issued.token("github"))
    clock.now += 300
    assert await worker.replays.forget() == 0
    clock.now += 601
    assert await worker.replays.forget() == 1
    rows = await store.read(lambda snapshot: list(snapshot.scan(*layout.table_span(layout.EXCHANGED))))
    assert rows == []


async def test_forgetting_goes_on_until_nothing_is_due(worker, issued, trust, clock, monkeypatch):
    monkeypatch.setattr("zotplus.services.federation.replay.BATCH", 2)
    for _ in range(5):
        await worker.exchange.of_token(issued.token("github"))
    clock.now += 10_000
    assert await worker.replays.forget() == 5


async def test_a_person_comes_in_as_themselves_when_they_say_so(worker, issued):
    token = issued.token("keycloak")
    exchanged = await worker.exchange.of_token(token, "self")
    assert exchanged.who.id == "user:keycloak:02e4df97-29be-4f73-86cd-a1b10bcc2bed"
    assert exchanged.who.names[0] == "group:keycloak:platform"
    assert (exchanged.role, exchanged.seconds) == ("self", 3_600)
    assert (await worker.exchange.of_token(token, "self", 900)).seconds == 900
    assert (await refused(worker.exchange.of_token(token))).token_fault is TokenFault.TRUST


@pytest.mark.parametrize(("asked", "granted"), [(None, 1_800), (900, 900), (1_800, 1_800)])
async def test_a_trust_limits_how_long_it_lasts(worker, issued, asked, granted):
    await worker.trusts.put(terms(lifetime=1_800), ())
    assert (await worker.exchange.of_token(issued.token("github"), "", asked)).seconds == granted


async def test_an_expired_token_is_refused(worker, issued, trust, clock):
    token = issued.token("github")
    clock.now += 331
    assert (await refused(worker.exchange.of_token(token))).token_fault is TokenFault.EXPIRED


async def test_an_access_token_opens_what_its_trust_may_and_ends_with_it(worker, other_worker, issued, trust, clock):
    principal, access = await worker.exchange.access_token(issued.token("github"))
    assert (principal.id, access.expires) == ("trust:release", int(clock.now) + 3_600)
    bearer = await other_worker.tokens.bearer(access.token)
    assert (bearer.id, bearer.kind) == ("trust:release", PrincipalKind.TRUST)
    assert bearer.may(WRITE)
    await worker.trusts.delete("release")
    with pytest.raises(Problem) as caught:
        await other_worker.tokens.bearer(access.token)
    assert caught.value.fault.code == "token_invalid"
    await worker.trusts.put(terms(), PUBLISHER)
    clock.now += 1
    await worker.trusts.delete("release")
    await worker.trusts.put(terms(), PUBLISHER)
    with pytest.raises(Problem):  # what was issued under another trust of the same name
        await other_worker.tokens.bearer(access.token)


async def test_an_access_token_is_exchanged_for_no_more_than_is_left_of_it(worker, issued, trust, clock):
    _, access = await worker.exchange.access_token(issued.token("github"))
    clock.now += 3_000
    for role in ("", "release"):
        exchanged = await worker.exchange.of_token(access.token, role)
        assert (exchanged.who.id, exchanged.role, exchanged.seconds) == ("trust:release", "release", 600)
    assert exchanged.who.attributes["zotplus:claim/repository_id"] == ("74",)
    assert (exchanged.issuer, exchanged.subject, exchanged.audience) == ("zotplus", "trust:release", "zotplus")
    assert (await refused(worker.exchange.of_token(access.token, "self"))).token_fault is TokenFault.TRUST
    clock.now += 600
    assert (await refused(worker.exchange.of_token(access.token))).token_fault is TokenFault.ISSUER


async def test_a_store_that_fails_is_no_wrong_token(worker, issued, trust, monkeypatch):
    _, access = await worker.exchange.access_token(issued.token("github"))

    async def fails(_token):
        raise Problem(errors.STORAGE_FAILED)

    monkeypatch.setattr(worker.tokens, "bearer", fails)
    with pytest.raises(Problem) as caught:
        await worker.exchange.of_token(access.token)
    assert caught.value.fault is errors.STORAGE_FAILED


async def test_a_persons_access_token_stands_for_them(worker, issued, clock):
    _, access = await worker.exchange.access_token(issued.token("keycloak"), "self")
    assert access.expires == int(clock.now) + 300  # no longer than what it was got by
    assert (await worker.exchange.of_token(access.token)).role == "self"


async def test_what_does_not_fit_into_a_token_is_refused(worker, issued, trust):
    token = issued.token("github", workflow="w" * 7_000)
    with pytest.raises(Problem) as caught:
        await worker.exchange.access_token(token)
    assert caught.value.fault.code == "session_too_large"


async def test_a_token_with_more_claims_than_can_be_judged_is_refused(worker, issued, trust):
    refusal = await refused(worker.exchange.of_token(issued.token("github", workflow="w" * 9_000)))
    assert refusal.token_fault is TokenFault.CLAIMS


async def test_a_token_is_a_password_under_a_trust_that_allows_reuse(worker, issued, trust):
    await worker.trusts.put(terms("pods", "cluster", reuse=True), ())
    token = issued.token("tekton")
    principal = await worker.exchange.at_door(token, "pods")
    assert (principal.id, principal.credential) == ("trust:pods", "jwt cluster")
    assert principal.expires < 1_800_010_000
    refusal = await refused(worker.exchange.at_door(issued.token("github"), "release"))
    assert (refusal.token_fault, "once" in refusal.why) == (TokenFault.TRUST, True)


async def test_after_a_revocation_older_tokens_are_exchanged_no_more(worker, other_worker, issued, clock):
    await worker.trusts.put(terms("pods", "cluster", reuse=True), ())
    pod, person, dateless = issued.token("tekton"), issued.token("keycloak"), issued.token("tekton", iat=None)
    await worker.exchange.of_token(dateless)
    await worker.standing.revoke("*")
    clock.now += 1
    for token, role in ((pod, "pods"), (person, "self"), (dateless, "pods")):
        with pytest.raises(Problem) as caught:
            await other_worker.exchange.of_token(token, role)
        assert caught.value.fault.code == "token_invalid"
    with pytest.raises(Problem):
        await other_worker.exchange.at_door(pod, "pods")
    await other_worker.exchange.of_token(issued.token("tekton"), "pods")


async def test_grants_may_be_given_to_a_trust_like_to_anybody(worker, issued, trust, store):
    exchanged = await worker.exchange.of_token(issued.token("github"))
    await Grants(store).give("trust:release", Role.PUBLISHER, "s3:other")
    assert (await worker.people.principal(exchanged.who, "")).may(ELSEWHERE)


async def test_a_keys_access_token_is_not_exchanged(worker):
    access = await worker.tokens.issue_access(await worker.key(), 900)
    for role in ("", "self"):
        assert (await refused(worker.exchange.of_token(access.token, role))).token_fault is TokenFault.TRUST
