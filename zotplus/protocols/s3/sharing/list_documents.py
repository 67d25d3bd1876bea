"""Access control lists on the wire: headers and the AccessControlPolicy document, in and out.

Spec: Amazon S3 API Reference, PutBucketAcl, PutObjectAcl, GetBucketAcl; S3 User Guide, "Who is a grantee?".
"""

import re
from collections.abc import Callable

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.principal_names import AUTHENTICATED, PUBLIC
from zotplus.domain.storage.acls import (
    CANNED,
    CANONICAL,
    FULL_CONTROL,
    GRANTS_MAX,
    LOG_DELIVERY,
    PERMISSIONS,
    Lines,
    is_private,
)
from zotplus.protocols.s3 import xml_out
from zotplus.protocols.s3.request import argument_invalid
from zotplus.protocols.s3.xml_in import Element, read_tree
from zotplus.services.sharing.names import canonical_id
from zotplus.services.sharing.values import AccessList, AskedList
from zotplus.services.values import AclGrant

CANNED_HEADER = "x-amz-acl"
GRANT_PREFIX = "x-amz-grant-"
HEADERS = f"{CANNED_HEADER} {GRANT_PREFIX}"
"""What operations that set a list understand, as ``When.headers`` has it."""

_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
_GRANT_HEADERS = {
    f"{GRANT_PREFIX}{permission.lower().replace('_', '-')}": permission for permission in (FULL_CONTROL, *PERMISSIONS)
}
_GROUPS = {
    "http://acs.amazonaws.com/groups/global/AllUsers": PUBLIC,
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": AUTHENTICATED,
    "http://acs.amazonaws.com/groups/s3/LogDelivery": LOG_DELIVERY,
}
_URIS = {name: uri for uri, name in _GROUPS.items()}
_NO_EMAIL = "Grantees by e-mail address are not implemented; name them by id."
# One grantee of a header: a type, and a value that may stand in quotes. Possessive, so that it is read in one pass.
_grantee = re.compile(r'\s*+(?:([A-Za-z]++)\s*+=\s*+)?(?:"([^"]*+)"|([^",]*+))\s*+(?:,|$)').match

Header = Callable[[str], str | None]


def read_grants(header: Header, canned: dict[str, Lines] = CANNED) -> tuple[AclGrant, ...]:
    """The list that headers ask for; empty where they ask for none. ``canned`` are those that the operation has.

    Raises ``ARGUMENT_INVALID``, ``REQUEST_INVALID`` for both kinds at once, ``OPERATION_UNKNOWN`` for e-mail addresses.
    """
    name = header(CANNED_HEADER)
    given = [(permission, header(key)) for key, permission in _GRANT_HEADERS.items()]
    grants = tuple([AclGrant(who, permission) for permission, text in given if text for who in _grantees(text)])
    if len(grants) > GRANTS_MAX:
        raise argument_invalid(f"{GRANT_PREFIX}*", "", f"A list has at most {GRANTS_MAX} grants.")
    if not name:
        return grants
    if grants:
        raise Problem(errors.REQUEST_INVALID, "Specifying both Canned ACLs and Header Grants is not allowed.")
    if name not in canned:
        raise argument_invalid(CANNED_HEADER, name, "")
    return tuple([AclGrant(*line) for line in canned[name]])


def list_needs(asked: tuple[AclGrant, ...], resource: str) -> tuple[Need, ...]:
    """What a writer needs beside the right to write, to give something to others; many clients send ``private``."""
    if is_private([(line.grantee, line.permission) for line in asked]):
        return ()
    return (Need(actions.PUT_OBJECT_ACL.name, resource),)


def _grantees(text: str) -> list[str]:
    """The grantees of ``id="…", uri="…"``. A value without a type is an id, as some clients send it."""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _grantee(text, at)
        if match is None:
            raise argument_invalid(f"{GRANT_PREFIX}*", text, "Argument format not recognized")
        kind, quoted, plain = match.groups()
        found.append(_grantee_named(kind or "id", (quoted or plain or "").strip()))
        at = match.end()
    return found


def _grantee_named(kind: str, value: str) -> str:
    if kind == "emailAddress":
        raise Problem(errors.OPERATION_UNKNOWN, _NO_EMAIL)
    if kind == "uri":
        group = _GROUPS.get(value)
        if group is None:
            raise argument_invalid("uri", value, "Invalid group uri")
        return group
    if kind != "id" or not value:
        raise argument_invalid(kind, value, "Argument format not recognized")
    return CANONICAL + value


def read_list(document: bytes) -> AskedList:
    """An AccessControlPolicy. Raises ``ACL_MALFORMED``, and ``OPERATION_UNKNOWN`` for e-mail addresses."""
    try:
        root = read_tree(document, "AccessControlPolicy")
    except Problem as problem:
        raise Problem(errors.ACL_MALFORMED) from problem
    parts = {child.name: child for child in root.children}
    if len(parts) != len(root.children) or set(parts) != {"Owner", "AccessControlList"}:
        raise _malformed()
    grants = tuple(map(_grant, parts["AccessControlList"].children))
    if len(grants) > GRANTS_MAX:
        raise _malformed()
    return AskedList(grants=grants, owner=_leaf(parts["Owner"], "ID", {"DisplayName"}))


def _grant(element: Element) -> AclGrant:
    grantee = next((child for child in element.children if child.name == "Grantee"), None)
    if element.name != "Grant" or grantee is None:
        raise _malformed()
    permission = next((child.text.strip() for child in element.children if child.name == "Permission"), "")
    if permission not in PERMISSIONS or len(element.children) != 2:  # noqa: PLR2004 - those two
        raise _malformed()
    return AclGrant(_grantee_of(grantee), permission)


def _grantee_of(element: Element) -> str:
    kind = element.attributes.get("type", "")
    if kind == "AmazonCustomerByEmail":
        raise Problem(errors.OPERATION_UNKNOWN, _NO_EMAIL)
    if kind == "CanonicalUser":
        return CANONICAL + _leaf(element, "ID", {"DisplayName"})
    if kind == "Group":
        group = _GROUPS.get(_leaf(element, "URI", set()))
        if group is not None:
            return group
    raise _malformed()


def _leaf(element: Element, name: str, others: set[str]) -> str:
    """The text of the one child ``name``, beside which only ``others`` may stand."""
    found = [child.text.strip() for child in element.children if child.name == name and not child.children]
    if len(found) != 1 or not found[0] or {child.name for child in element.children} - {name} - others:
        raise _malformed()
    return found[0]


def _malformed() -> Problem:
    return Problem(errors.ACL_MALFORMED)


def list_document(shown: AccessList) -> bytes:
    """An AccessControlPolicy for clients; ids have the form of Amazon's and tell no access key."""
    lines = "".join(
        [
            f"<Grant>{_grantee_element(line.grantee)}{xml_out.element('Permission', line.permission)}</Grant>"
            for line in shown.grants
        ]
    )
    content = f"{xml_out.principal('Owner', shown.owner)}<AccessControlList>{lines}</AccessControlList>"
    return xml_out.document("AccessControlPolicy", content)


def _grantee_element(name: str) -> str:
    uri = _URIS.get(name)
    kind = "CanonicalUser" if uri is None else "Group"
    child = xml_out.element("ID", canonical_id(name)) if uri is None else xml_out.element("URI", uri)
    return f'<Grantee xmlns:xsi="{_SCHEMA}" xsi:type="{kind}">{child}</Grantee>'
