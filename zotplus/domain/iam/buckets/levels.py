"""Which actions of S3 are about a bucket, which about the objects in it, and which carry a condition key.

Spec: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
"""

from functools import lru_cache

from zotplus.domain.iam.conditions.keys import condition_key
from zotplus.domain.iam.statements import named_actions

FAMILY = "s3:"
_OF_OBJECTS = frozenset({"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:BypassGovernanceRetention"})

_LISTS = frozenset({"s3:ListBucket", "s3:ListBucketVersions"})
_LISTS_SET = frozenset({"s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutBucketAcl"})
_TAGS_SET = frozenset({"s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"})
# The keys that Amazon takes for fewer actions than carry them here: a policy must mean the same at both.
_NARROWER = {
    "s3:prefix": _LISTS,
    "s3:delimiter": _LISTS,
    "s3:max-keys": _LISTS,
    "s3:x-amz-acl": _LISTS_SET | {"s3:CreateBucket"},
    "s3:requestobjecttagkeys": _TAGS_SET,
}


def of_s3(pattern: str) -> frozenset[str]:
    """The actions of S3 that ``pattern`` names; none where it could name those of another family too."""
    if pattern != "*" and not pattern.lower().startswith(FAMILY):
        return frozenset()
    return frozenset([name for name in named_actions((pattern,)) if name.startswith(FAMILY)])


@lru_cache(maxsize=1_024)
def is_of_objects(action: str) -> bool:
    """Whether the resource of ``action`` is an object, and not the bucket."""
    return action in _OF_OBJECTS or ("Object" in action and "Bucket" not in action)


def carries(action: str, key: str) -> bool:
    """Whether requests for ``action`` can bring the condition key, whose name is in lower case."""
    if key == "s3:versionid":
        return "Version" in action and "Bucket" not in action
    if key.startswith("s3:requestobjecttag/"):
        return action in _TAGS_SET
    if key in _NARROWER:
        return action in _NARROWER[key]
    row = condition_key(key)
    return row is None or not row.actions or action in named_actions(row.actions)
