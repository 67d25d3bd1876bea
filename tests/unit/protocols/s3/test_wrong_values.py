"""A document that is refused for a value tells which element it is, and what stood there."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.s3.settings.cors import read_rules as read_cors
from zotplus.protocols.s3.settings.encryption import read_default
from zotplus.protocols.s3.settings.lifecycle.reading import read_rules
from zotplus.protocols.s3.settings.lock_documents import read_configuration, read_legal_hold, read_retention
from zotplus.protocols.s3.sharing.ownership import read_controls
from zotplus.protocols.s3.sharing.public_access import read_block
from zotplus.protocols.s3.telling.logging import read_target
from zotplus.protocols.s3.wire_errors import error_fields
from zotplus.protocols.s3.xml_in import read_complete, read_delete

LOCKED = "<ObjectLockConfiguration><ObjectLockEnabled>{}</ObjectLockEnabled>{}</ObjectLockConfiguration>"
DEFAULT = "<Rule><DefaultRetention><Mode>{}</Mode><Days>{}</Days></DefaultRetention></Rule>"
RULE = "<LifecycleConfiguration><Rule><Prefix/><Status>{}</Status>{}</Rule></LifecycleConfiguration>"
EXPIRES = "<Expiration><{0}>{1}</{0}></Expiration>"
DEFAULT_SSE = "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>{}</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"
ENCRYPTED = (
    "<ServerSideEncryptionConfiguration><Rule>{}<BucketKeyEnabled>{}</BucketKeyEnabled></Rule>"
    "</ServerSideEncryptionConfiguration>"
)
LOGGED = (
    "<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket><TargetPrefix/><TargetObjectKeyFormat>"
    "<PartitionedPrefix><PartitionDateSource>now</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>"
    "</LoggingEnabled></BucketLoggingStatus>"
)
OWNED = "<OwnershipControls><Rule><ObjectOwnership>Me</ObjectOwnership></Rule></OwnershipControls>"
BLOCK = "<PublicAccessBlockConfiguration><BlockPublicAcls>{}</BlockPublicAcls>{}</PublicAccessBlockConfiguration>"
CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
    "<MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule></CORSConfiguration>"
)
PART = "<CompleteMultipartUpload><Part><PartNumber>{}</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"


@pytest.mark.parametrize(
    ("read", "document", "detail"),
    [
        (read_configuration, LOCKED.format("On", ""), "ObjectLockEnabled must be Enabled, not 'On'."),
        (read_configuration, "<ObjectLockConfiguration/>", "ObjectLockEnabled must be Enabled, not ''."),
        (
            read_configuration,
            LOCKED.format("Enabled", DEFAULT.format("FOO", 1)),
            "Mode is GOVERNANCE or COMPLIANCE, not 'FOO'.",
        ),
        (
            read_configuration,
            LOCKED.format("Enabled", DEFAULT.format("COMPLIANCE", "ten")),
            "Days and Years are numbers, not 'ten'.",
        ),
        (read_retention, "<Retention><RetainUntilDate>soon</RetainUntilDate></Retention>", "in ISO 8601, not 'soon'."),
        (read_legal_hold, "<LegalHold><Status>on</Status></LegalHold>", "Status is ON or OFF, not 'on'."),
        (read_rules, RULE.format("enabled", ""), "Status is Enabled or Disabled, not 'enabled'."),
        (read_rules, RULE.format("Enabled", EXPIRES.format("Days", "ten")), "Days is a whole number, not 'ten'."),
        (read_rules, RULE.format("Enabled", EXPIRES.format("Date", "soon")), "Date is a date of ISO 8601, not 'soon'."),
        (
            read_rules,
            RULE.format("Enabled", EXPIRES.format("Date", "1969-01-01")),
            "Date is a date after 1970, not '1969-01-01'.",
        ),
        (
            read_rules,
            RULE.format("Enabled", EXPIRES.format("ExpiredObjectDeleteMarker", "yes")),
            "ExpiredObjectDeleteMarker is true or false, not 'yes'.",
        ),
        (
            read_default,
            ENCRYPTED.format(DEFAULT_SSE.format("AES257"), "true"),
            "SSEAlgorithm is AES256 or aws:kms, not 'AES257'.",
        ),
        (
            read_default,
            ENCRYPTED.format(DEFAULT_SSE.format("AES256"), "on"),
            "BucketKeyEnabled is true or false, not 'on'.",
        ),
        (read_target, LOGGED, "PartitionDateSource is EventTime or DeliveryTime, not 'now'."),
        (read_controls, OWNED, "ObjectOwnership is one of"),
        (read_controls, OWNED, "not 'Me'."),
        (read_block, BLOCK.format("on", ""), "BlockPublicAcls is true or false, not 'on'."),
        (read_block, BLOCK.format("true", "<Extra/>"), "Extra does not belong into PublicAccessBlockConfiguration"),
        (read_cors, CORS, "MaxAgeSeconds is a number of seconds, not 'soon'."),
        (read_complete, PART.format("one"), "PartNumber is 1 to 10000, not 'one'."),
        (read_delete, "<Delete><Quiet>yes</Quiet></Delete>", "Quiet is true or false, not 'yes'."),
    ],
)
def test_a_wrong_value_is_named_with_its_element(read, document, detail):
    arguments = ("",) if read is read_rules else ()
    with pytest.raises(Problem) as caught:
        read(document.encode(), *arguments)
    assert caught.value.fault is errors.XML_MALFORMED
    assert detail in error_fields(caught.value)["Detail"]
