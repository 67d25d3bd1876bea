"""Trusts in workloads of other issuers: list, create, change, delete, and try a token on them."""

from datetime import UTC, datetime

from zotplus.domain import actions, errors
from zotplus.domain.iam import Need
from zotplus.domain.trusts import TrustTerms
from zotplus.gateway.context import Context
from zotplus.ports.identity import TokenRefused
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.federation.documents import (
    ConditionDocument,
    NewTrust,
    TokenToTry,
    TokenTrial,
    TrialDocument,
    TrustChange,
    TrustDocument,
    TrustList,
    TrustRole,
)
from zotplus.protocols.api.policies.asking import require
from zotplus.services.federation.trusts import Trial, Trust, TrustGrant

_TRUST = "admin:trusts/{name}"


async def list_trusts(context: Context, _call: Call, _body: None) -> TrustList:
    """All trusts."""
    return TrustList(trusts=tuple([_document(trust) for trust in await context.services.federation.trusts.list()]))


async def read_trust(context: Context, call: Call, _body: None) -> TrustDocument:
    """One trust."""
    return _document(await context.services.federation.trusts.get(call.path["name"]))


async def create_trust(context: Context, _call: Call, body: NewTrust) -> TrustDocument:
    """A new trust; it lets in from the next request on. Who gives it roles must be allowed to grant them."""
    return await _put(context, body.name, body, new=True)


async def put_trust(context: Context, call: Call, body: TrustChange) -> TrustDocument:
    """The trust has these terms and exactly these roles from the next request on."""
    return await _put(context, call.path["name"], body, new=False)


async def delete_trust(context: Context, call: Call, _body: None) -> None:
    """The trust is gone, with its grants and all that was issued under it."""
    context.log["trust"] = call.path["name"][:128]
    await context.services.federation.trusts.delete(call.path["name"])


async def try_token(context: Context, _call: Call, body: TokenToTry) -> TokenTrial:
    """What would become of a token, with every condition that fails; for administrators, and nothing is issued."""
    federation = context.services.federation
    try:
        verified = await federation.exchange.verified(body.token.strip())
    except TokenRefused as refused:
        return TokenTrial(refused=refused.token_fault.value, reason=refused.why, issuer=refused.issuer)
    trials = await federation.trusts.trials(verified)
    return TokenTrial(
        issuer=verified.name,
        subject=verified.identity.subject,
        expires=datetime.fromtimestamp(verified.expires, UTC),
        trusts=tuple([_trial(trial) for trial in trials]),
    )


async def _put(context: Context, name: str, body: TrustChange, *, new: bool) -> TrustDocument:
    context.log["trust"] = name[:128]
    if body.grants:
        require(context, Need(actions.ADMIN_CREATE_GRANT.name, "admin:grants"))
    terms = TrustTerms(
        name=name,
        issuer=body.issuer,
        audience=body.audience,
        claims={claim: (said,) if isinstance(said, str) else said for claim, said in body.claims.items()},
        lifetime=body.lifetime,
        reuse=body.reuse,
        description=body.description,
    )
    grants = tuple([TrustGrant(role=given.role, pattern=given.pattern) for given in body.grants])
    return _document(await context.services.federation.trusts.put(terms, grants, new=new))


def _document(trust: Trust) -> TrustDocument:
    terms = trust.terms
    return TrustDocument(
        name=terms.name,
        principal=trust.principal_id,
        issuer=terms.issuer,
        audience=terms.audience,
        claims=dict(terms.claims),
        grants=tuple([TrustRole(role=grant.role, pattern=grant.pattern) for grant in trust.grants]),
        lifetime=terms.lifetime,
        reuse=terms.reuse,
        description=terms.description,
        created=datetime.fromtimestamp(trust.created, UTC),
        changed=datetime.fromtimestamp(trust.changed, UTC),
    )


def _trial(trial: Trial) -> TrialDocument:
    tried = [
        ConditionDocument(claim=one.claim, wanted=one.wanted, found=one.found, holds=one.holds)
        for one in trial.conditions
    ]
    return TrialDocument(trust=trial.trust, accepts=trial.accepts, conditions=tuple(tried))


ENDPOINTS = (
    Endpoint(
        address="GET /trusts",
        name="ListTrusts",
        summary="List the trusts in workloads of other issuers.",
        work=list_trusts,
        action=actions.ADMIN_LIST_TRUSTS,
        resource="admin:trusts",
        gives=TrustList,
    ),
    Endpoint(
        address="POST /trusts",
        name="CreateTrust",
        summary="Trust workloads of an issuer whose tokens carry these claims.",
        work=create_trust,
        action=actions.ADMIN_PUT_TRUST,
        resource="admin:trusts",
        takes=NewTrust,
        gives=TrustDocument,
        status=201,
        faults=(errors.RECORD_NOT_FOUND, errors.RECORD_EXISTS),
    ),
    Endpoint(
        address="POST /trusts/test",
        name="TestTrusts",
        summary="Try a token on the trusts, without using it up: which accepts it, and which condition fails.",
        work=try_token,
        action=actions.ADMIN_LIST_TRUSTS,
        resource="admin:trusts",
        takes=TokenToTry,
        gives=TokenTrial,
        faults=(errors.ISSUER_UNAVAILABLE,),
    ),
    Endpoint(
        address="GET /trusts/{name}",
        name="ReadTrust",
        summary="Read a trust.",
        work=read_trust,
        action=actions.ADMIN_LIST_TRUSTS,
        resource=_TRUST,
        gives=TrustDocument,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="PUT /trusts/{name}",
        name="PutTrust",
        summary="Create a trust, or give it these terms and exactly these roles.",
        work=put_trust,
        action=actions.ADMIN_PUT_TRUST,
        resource=_TRUST,
        takes=TrustChange,
        gives=TrustDocument,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="DELETE /trusts/{name}",
        name="DeleteTrust",
        summary="Delete a trust with its grants; what was issued under it ends.",
        work=delete_trust,
        action=actions.ADMIN_DELETE_TRUST,
        resource=_TRUST,
        status=204,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
)
