"""How content can be encrypted, and which keys there are.

Spec: Amazon S3 User Guide, "Protecting data with encryption".
"""

import re

from zotplus.domain import errors
from zotplus.domain.errors import Problem

SSE_S3 = "SSE-S3"
SSE_KMS = "SSE-KMS"
SSE_C = "SSE-C"

SSE_S3_KEY = "sse:s3"
"""The ring's key that wraps the keys of SSE-S3 objects. The colon keeps it apart from all ids that clients can send."""
CUSTOMER_KEY_BYTES = 32
KEY_ID_MAX = 128

_is_key_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}").fullmatch
_arn = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]*:[0-9]*:(?:key/)?(.+)").fullmatch


def read_key_id(text: str) -> str:
    """The id of a KMS key: as it is, or as an ARN names it (``arn:aws:kms:us-east-1:000000000000:key/backups``).

    Raises ``ARGUMENT_INVALID`` for aliases, which this registry does not have, and for what can be no id.
    """
    found = _arn(text)
    key_id = text if found is None else found.group(1)
    if _is_key_id(key_id) is None:
        detail = "A KMS key is named by its id: up to 128 letters, digits, dots, hyphens and underscores; not by alias."
        raise Problem(
            errors.ARGUMENT_INVALID,
            detail,
            ArgumentName="x-amz-server-side-encryption-aws-kms-key-id",
            ArgumentValue=text[:KEY_ID_MAX],
        )
    return key_id
