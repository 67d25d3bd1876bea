"""Every action that a policy can name. An action that is not in this table grants nothing and is refused in policies.

Names of S3 actions are AWS's; resources are ``s3:bucket`` and ``s3:bucket/key``, ``oci:repository``, ``admin:name``.
"""

import msgspec


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One row: ``name`` as policies write it, ``writes`` whether it changes anything, ``summary`` for the reference."""

    name: str
    writes: bool
    summary: str

    @property
    def family(self) -> str:
        """What stands before the colon: ``s3``, ``oci`` or ``admin``."""
        return self.name.partition(":")[0]


ACTIONS: dict[str, Action] = {}


def _action(name: str, summary: str, *, writes: bool = False) -> Action:
    action = Action(name=name, writes=writes, summary=summary)
    ACTIONS[name] = action
    return action


LIST_ALL_MY_BUCKETS = _action("s3:ListAllMyBuckets", "List the buckets that the caller may see.")
CREATE_BUCKET = _action("s3:CreateBucket", "Create a bucket.", writes=True)
DELETE_BUCKET = _action("s3:DeleteBucket", "Delete an empty bucket.", writes=True)
LIST_BUCKET = _action("s3:ListBucket", "List the objects of a bucket, and see whether it exists.")
GET_BUCKET_LOCATION = _action("s3:GetBucketLocation", "Read a bucket's region.")
GET_OBJECT = _action("s3:GetObject", "Read an object and its metadata.")
PUT_OBJECT = _action("s3:PutObject", "Write an object, by one request, by copy or in parts.", writes=True)
DELETE_OBJECT = _action("s3:DeleteObject", "Delete an object.", writes=True)
ABORT_MULTIPART_UPLOAD = _action("s3:AbortMultipartUpload", "Abort a multipart upload.", writes=True)
LIST_MULTIPART_UPLOAD_PARTS = _action("s3:ListMultipartUploadParts", "List the parts of an upload.")
LIST_BUCKET_MULTIPART_UPLOADS = _action("s3:ListBucketMultipartUploads", "List the unfinished uploads of a bucket.")

OCI_PULL = _action("oci:Pull", "Pull manifests, blobs and referrers, and list tags.")
OCI_PUSH = _action("oci:Push", "Push blobs and manifests, and move tags.", writes=True)
OCI_DELETE = _action("oci:Delete", "Delete manifests, tags and blobs.", writes=True)
OCI_CATALOG = _action("oci:ListCatalog", "List the repositories that the caller may pull.")

ADMIN_LIST_KEYS = _action("admin:ListKeys", "List access keys and robot tokens, without their secrets.")
ADMIN_CREATE_KEY = _action("admin:CreateKey", "Create an access key or robot token.", writes=True)
ADMIN_REVOKE_KEY = _action("admin:RevokeKey", "Revoke an access key or robot token.", writes=True)
ADMIN_LIST_GRANTS = _action("admin:ListGrants", "List grants.")
ADMIN_CREATE_GRANT = _action("admin:CreateGrant", "Grant a role on a pattern.", writes=True)
ADMIN_DELETE_GRANT = _action("admin:DeleteGrant", "Withdraw a grant.", writes=True)
ADMIN_PURGE_BUCKET = _action("admin:PurgeBucket", "Delete a bucket with all that is in it.", writes=True)
ADMIN_READ_STATUS = _action("admin:ReadStatus", "Read the server's status.")
ADMIN_READ_METRICS = _action("admin:ReadMetrics", "Read the server's metrics.")
ADMIN_SCRUB = _action("admin:Scrub", "Re-hash stored content and set damaged content aside.", writes=True)
ADMIN_BACKUP = _action("admin:Backup", "Write a consistent backup on the server's disk.", writes=True)
