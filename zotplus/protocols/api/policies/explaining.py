"""May somebody do something, and what applies to the caller: the evaluator's answers with their statements."""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import NO_ATTRIBUTES, Attributes, Need
from zotplus.domain.principals import Principal
from zotplus.gateway.conditions.attributes import request_values
from zotplus.gateway.conditions.facts import address_of, names_of, wants_facts
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.policies.asking import require
from zotplus.protocols.api.policies.documents import AnswerDocument, Permissions, Question, RightDocument
from zotplus.services.policies.values import PersonNamed


class _OfRequest:
    """The condition keys of this request, for whoever asks about themselves."""

    def __init__(self, head: RequestHead) -> None:
        self._head = head

    def values(self, key: str) -> tuple[str, ...] | None:
        """As ``domain.iam.Attributes``."""
        return request_values(self._head, key)


async def can(context: Context, _call: Call, body: Question) -> AnswerDocument:
    """The evaluator's answer. About oneself everybody may ask who logged in; about others it takes leave."""
    principal, others = await _asked_about(context, body)
    need = Need(body.action, body.resource)
    given = {**await _facts(context, principal, need), **body.context}
    found = await context.services.explaining.can(principal, need, given, others)
    may_see = principal is not context.principal or _may_see(context, found.policy, of_text=True)
    return AnswerDocument(
        allowed=found.allowed,
        reason=found.reason,
        layer=found.layer,
        policy=found.policy,
        version=found.version,
        statement=msgspec.Raw(found.statement if may_see else b"null"),
        considered=found.considered,
    )


def _may_see(context: Context, policy: str, *, of_text: bool) -> bool:
    """Whether the caller may know of a bucket's policy or list, of which decisions speak; of all others they may.

    What it says (``of_text``) takes the right to read it, that it is there the right to find the bucket.
    """
    kind, colon, bucket = policy.partition(":")
    if not colon or kind not in _READING:
        return True
    return context.may(Need((_READING[kind] if of_text else actions.GET_BUCKET_LOCATION).name, f"s3:{bucket}"))


_READING = {"bucket": actions.GET_BUCKET_POLICY, "acl": actions.GET_BUCKET_ACL}


async def _facts(context: Context, principal: Principal, need: Need) -> dict[str, tuple[str, ...]]:
    """What policies of ``principal`` ask for of the object, as it is now; the question can suppose otherwise."""
    if not wants_facts(principal, need):
        return {}
    return await context.services.object_sharing.facts(address_of(need), names_of(principal))


async def permissions(context: Context, _call: Call, _body: None) -> Permissions:
    """The grants and policies that apply to the caller, but for those of buckets that they may not know of."""
    principal = context.principal
    found = await context.services.explaining.rights(principal)
    rights = [
        RightDocument(what=one.what, name=one.name, through=one.through)
        for one in found
        if one.what != "resource" or _may_see(context, one.name, of_text=False)
    ]
    return Permissions(id=principal.id, names=principal.names, rights=tuple(rights))


async def _asked_about(context: Context, body: Question) -> tuple[Principal, Attributes]:
    """Who the question is about, and what is known of their request beside what the question says."""
    caller = context.principal
    if body.who and body.person is not None:
        raise Problem(errors.ARGUMENT_INVALID, "The question is about who or about a person.", argument="who")
    if body.person is None and body.who in ("", caller.id):
        return caller, _OfRequest(context.head)
    person = body.person
    who = body.who if person is None else f"user:{person.issuer}:{person.subject}"
    require(context, Need(actions.ADMIN_EXPLAIN.name, f"admin:principals/{who}"))
    explaining = context.services.explaining
    if person is None:
        return await explaining.principal(who), NO_ATTRIBUTES
    named = PersonNamed(issuer=person.issuer, subject=person.subject, groups=person.groups, roles=person.roles)
    return await explaining.person(named), NO_ATTRIBUTES


ENDPOINTS = (
    Endpoint(
        address="POST /can",
        name="Explain",
        summary="Say whether somebody may do something, and which statement decides; about oneself without leave.",
        work=can,
        takes=Question,
        gives=AnswerDocument,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="GET /whoami/permissions",
        name="ListOwnPermissions",
        summary="List the grants and policies that apply to the caller.",
        work=permissions,
        gives=Permissions,
    ),
)
