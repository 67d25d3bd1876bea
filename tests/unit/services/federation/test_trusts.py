import pytest

from tests.unit.services.federation.conftest import PUBLISHER, terms
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.records.policies import AttachmentRecord, policies_of, put_attachment
from zotplus.services.federation.trusts import TrustGrant
from zotplus.services.identity.roles import Role

WRITE = Need("s3:PutObject", "s3:releases/a")


async def refused(work) -> Problem:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value


async def test_a_trust_is_kept_with_its_roles(worker, clock):
    made = await worker.trusts.put(terms(description="releases"), PUBLISHER, new=True)
    assert (made.principal_id, made.created, made.changed) == ("trust:release", clock.now, clock.now)
    assert await worker.trusts.get("release") == made
    assert await worker.trusts.list() == (made,)
    assert made.terms == terms(description="releases")
    assert made.grants == PUBLISHER


async def test_roles_are_shown_in_the_order_of_their_patterns(worker):
    wanted = [TrustGrant(role=Role.READER, pattern=f"oci:{name}/**") for name in "cadb"]
    made = await worker.trusts.put(terms(), tuple(wanted))
    assert [grant.pattern[4] for grant in made.grants] == ["a", "b", "c", "d"]


async def test_a_trust_that_is_put_again_has_exactly_the_new_terms_and_roles(worker, clock):
    before = await worker.trusts.put(terms(), (*PUBLISHER, TrustGrant(role=Role.READER, pattern="oci:a/**")))
    clock.now += 10
    after = await worker.trusts.put(terms(lifetime=900, reuse=True), PUBLISHER)
    assert (after.created, after.changed, after.grants) == (before.created, clock.now, PUBLISHER)
    assert (after.terms.lifetime, after.terms.reuse) == (900, True)


async def test_a_new_trust_does_not_replace_one(worker):
    await worker.trusts.put(terms(), (), new=True)
    problem = await refused(worker.trusts.put(terms(), PUBLISHER, new=True))
    assert problem.fault.code == "record_exists"
    assert (await worker.trusts.get("release")).grants == ()


REFUSED = {
    "an unknown issuer": (terms(issuer="github", claims={"sub": ("x",)}), "nobody", (), "record_not_found"),
    "terms that mean too much": (terms(claims={"repository": ("o/r",)}), "github", (), "argument_invalid"),
    "an audience that is not the issuer's": (terms(audience="elsewhere"), "github", (), "argument_invalid"),
    "a role on nothing": (
        terms(),
        "github",
        (TrustGrant(role=Role.READER, pattern="ftp:x"),),
        "argument_invalid",
    ),
    "too many roles": (terms(), "github", PUBLISHER * 65, "argument_invalid"),
}


@pytest.mark.parametrize(("trust", "issuer", "grants", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_meant_is_not_kept(worker, trust, issuer, grants, code):
    trust = type(trust)(**{name: getattr(trust, name) for name in trust.__struct_fields__} | {"issuer": issuer})
    assert (await refused(worker.trusts.put(trust, grants))).fault.code == code
    assert await worker.trusts.list() == ()


async def test_who_names_an_audience_that_the_issuer_has_not_is_told_those_that_it_has(worker):
    problem = await refused(worker.trusts.put(terms(audience="elsewhere"), ()))
    assert (problem.fields["argument"], problem.detail.endswith("zotplus, another.")) == ("audience", True)


async def test_a_trust_that_is_deleted_takes_its_grants_and_attachments_along(worker, store):
    await worker.trusts.put(terms(), PUBLISHER)
    await worker.trusts.put(terms("other"), PUBLISHER)
    record = AttachmentRecord(is_boundary=False, author="", created_ms=0)
    await store.write(lambda transaction: put_attachment(transaction, "p", "trust:release", record))
    await worker.trusts.delete("release")
    assert [trust.terms.name for trust in await worker.trusts.list()] == ["other"]
    assert await store.read(lambda snapshot: policies_of(snapshot, "trust:release")) == []
    again = await worker.trusts.put(terms(), ())
    assert again.grants == ()


@pytest.mark.parametrize("name", ["release", "Not a name", "self", ""])
async def test_a_trust_that_is_not_there_is_not_found(worker, name):
    assert (await refused(worker.trusts.get(name))).fault.code == "record_not_found"
    assert (await refused(worker.trusts.delete(name))).fault.code == "record_not_found"


async def test_trials_say_which_condition_of_which_trust_fails(worker, issued):
    await worker.trusts.put(terms("right"), ())
    await worker.trusts.put(terms("wrong", claims={"repository_id": ("74",), "ref": ("refs/tags/*",)}), ())
    await worker.trusts.put(terms("elsewhere", "gitlab"), ())
    trials = await worker.trusts.trials(await worker.exchange.verified(issued.token("github")))
    assert [(trial.trust, trial.accepts) for trial in trials] == [("right", True), ("wrong", False)]
    assert [one.claim for one in trials[1].conditions if not one.holds] == ["ref"]


async def test_the_audience_is_that_of_the_trust_or_of_all(worker):
    assert (await refused(worker.trusts.audience(""))).fault.code == "record_not_found"
    await worker.trusts.put(terms("one"), ())
    assert (await worker.trusts.audience(""), await worker.trusts.audience("one")) == ("zotplus", "zotplus")
    await worker.trusts.put(terms("two", audience="another"), ())
    assert await worker.trusts.audience("two") == "another"
    assert "several" in (await refused(worker.trusts.audience(""))).detail
    assert "no such trust" in (await refused(worker.trusts.audience("three"))).detail


async def test_a_change_is_seen_by_the_other_worker_at_once(worker, other_worker):
    assert await other_worker.trusts.of_issuer("github") == ()
    await worker.trusts.put(terms(), ())
    assert [trust.name for trust in await other_worker.trusts.of_issuer("github")] == ["release"]
    assert [trust.name for trust in await other_worker.trusts.of_issuer("github")] == ["release"]
