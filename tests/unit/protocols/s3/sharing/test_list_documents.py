"""Access control lists, ownership controls and blocks on the wire: strict, and back as they went in."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.acls import CANNED, CANNED_FOR_BUCKETS, LOG_DELIVERY, WRITER
from zotplus.protocols.s3.sharing.list_documents import list_document, list_needs, read_grants, read_list
from zotplus.protocols.s3.sharing.ownership import read_controls
from zotplus.protocols.s3.sharing.public_access import read_block
from zotplus.services.sharing.names import canonical_id
from zotplus.services.sharing.values import AccessList, PublicAccessBlock
from zotplus.services.values import AclGrant

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
OWNER = "<Owner><ID>me</ID></Owner>"


def document(grants, owner=OWNER):
    return f"<AccessControlPolicy>{owner}<AccessControlList>{grants}</AccessControlList></AccessControlPolicy>".encode()


def grant(kind="CanonicalUser", inner="<ID>x</ID>", permission="READ"):
    return f'<Grant><Grantee {XSI} xsi:type="{kind}">{inner}</Grantee><Permission>{permission}</Permission></Grant>'


def refused(call, *arguments):
    with pytest.raises(Problem) as caught:
        call(*arguments)
    return caught.value.fault


def headers(**given):
    return {name.replace("_", "-"): value for name, value in given.items()}.get


def test_a_document_comes_back_with_ids_that_tell_no_key():
    shown = AccessList(
        owner="me", grants=(AclGrant("ZPKEY", "READ"), AclGrant("public", "WRITE"), AclGrant(LOG_DELIVERY, "READ_ACP"))
    )
    text = list_document(shown)
    assert b"ZPKEY" not in text
    read = read_list(text)
    assert read.owner == canonical_id("me")
    assert [line.grantee for line in read.grants] == ["#" + canonical_id("ZPKEY"), "public", LOG_DELIVERY]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<AccessControlPolicy/>",
        b"<Other/>",
        document("", owner=""),
        document("", owner="<Owner/>"),
        document("", owner="<Owner><ID></ID></Owner>"),
        document("", owner=OWNER + OWNER),
        document("", owner="<Owner><ID>a</ID><ID>b</ID></Owner>"),
        document("", owner="<Owner><ID>a</ID><Name>b</Name></Owner>"),
        document("<Nothing/>"),
        document("<Grant/>"),
        document("<Grant><Permission>READ</Permission></Grant>"),
        document(grant(permission="ALL")),
        document(grant().replace("</Grant>", "<More/></Grant>")),
        document(grant(kind="Nobody")),
        document(grant(kind="Group")),
        document(grant(kind="Group", inner="<URI>http://example.org/</URI>")),
        document(grant(inner="")),
        document(grant(inner="<ID><x/></ID>")),
        document(grant() * 101),
    ],
)
def test_a_document_that_is_none_is_refused(text):
    assert refused(read_list, text) is errors.ACL_MALFORMED


def test_what_is_not_there_is_said_to_be_so():
    assert refused(
        read_list, document(grant(kind="AmazonCustomerByEmail", inner="<EmailAddress>a</EmailAddress>"))
    ) is (errors.OPERATION_UNKNOWN)
    assert refused(read_grants, headers(x_amz_grant_read="emailAddress=a@b")) is errors.OPERATION_UNKNOWN


def test_headers_name_grantees_in_every_form():
    header = headers(
        x_amz_grant_read='id="a, b" , uri="http://acs.amazonaws.com/groups/global/AllUsers",id=c',
        x_amz_grant_full_control="d",
        x_amz_grant_write_acp='"e"',
    )
    found = [(line.grantee, line.permission) for line in read_grants(header)]
    assert found == [("#d", "FULL_CONTROL"), ("#a, b", "READ"), ("public", "READ"), ("#c", "READ"), ("#e", "WRITE_ACP")]
    assert read_grants(headers()) == ()
    assert read_grants(headers(x_amz_grant_read="")) == ()


def test_canned_lists_are_those_of_the_operation():
    header = headers(x_amz_acl="log-delivery-write")
    assert refused(read_grants, header) is errors.ARGUMENT_INVALID
    assert read_grants(header, CANNED_FOR_BUCKETS)[0] == AclGrant(WRITER, "FULL_CONTROL")
    assert refused(read_grants, headers(x_amz_acl="private", x_amz_grant_read="id=x")) is errors.REQUEST_INVALID


@pytest.mark.parametrize("text", ["id=", "who=x", "uri=http://example.org/", '"a" "b"', "id=x,,", 'id="x', "," * 10])
def test_headers_that_name_nobody_are_refused(text):
    assert refused(read_grants, headers(x_amz_grant_read=text)) is errors.ARGUMENT_INVALID


def test_a_long_header_is_read_in_one_pass():
    """Else blanks before a quote that does not belong there take the cube of their number."""
    started = time.process_time()
    for text in (
        " " * 60_000 + '"',
        "id=" + " " * 60_000 + '"',
        "a" * 60_000 + '"',
        "id=x, " * 90 + " " * 60_000 + '"x',
    ):
        assert refused(read_grants, headers(x_amz_grant_read=text)) is errors.ARGUMENT_INVALID
    assert time.process_time() - started < 1


def test_a_header_with_too_many_grantees_is_refused():
    assert refused(read_grants, headers(x_amz_grant_read=",".join(["id=x"] * 101))) is errors.ARGUMENT_INVALID


@pytest.mark.parametrize("name", ["private", "bucket-owner-full-control"])
def test_what_gives_nothing_to_others_needs_no_right_of_its_own(name):
    assert list_needs(tuple([AclGrant(*line) for line in CANNED[name]]), "s3:box/k") == ()
    needs = list_needs((AclGrant("public", "READ"),), "s3:box/k")
    assert [(need.action, need.resource) for need in needs] == [("s3:PutObjectAcl", "s3:box/k")]


@given(st.text(max_size=60), st.binary(max_size=60))
def test_nonsense_is_refused_with_no_other_error(text, data):
    wrapped = b"<AccessControlPolicy>" + data + b"</AccessControlPolicy>"
    for call, given_ in ((read_grants, headers(x_amz_grant_read=text)), (read_list, data), (read_list, wrapped)):
        try:
            call(given_)
        except Problem as problem:
            assert problem.fault in (errors.ARGUMENT_INVALID, errors.ACL_MALFORMED, errors.OPERATION_UNKNOWN)  # noqa: PT017 - either is right


def controls(inner):
    return f"<OwnershipControls>{inner}</OwnershipControls>".encode()


RULE = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"


def test_ownership_is_one_rule_with_one_word():
    assert read_controls(controls(RULE)) == "ObjectWriter"
    for text in (
        "",
        RULE + RULE,
        "<Rule/>",
        RULE.replace("Writer", "Reader"),
        RULE.replace("Rule", "Role"),
        "<Rule>x</Rule>",
    ):
        assert refused(read_controls, controls(text)) is errors.XML_MALFORMED


def block(inner):
    return f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>".encode()


def test_a_block_is_four_words_each_once():
    text = "<BlockPublicAcls>TRUE</BlockPublicAcls><RestrictPublicBuckets>false</RestrictPublicBuckets>"
    assert read_block(block(text)) == PublicAccessBlock(block_acls=True)
    assert read_block(block("")) == PublicAccessBlock()
    for wrong in (text + text, "<Other>true</Other>", "<BlockPublicAcls>yes</BlockPublicAcls>", "<BlockPublicAcls/>"):
        assert refused(read_block, block(wrong)) is errors.XML_MALFORMED
