"""Every action that a policy can name. An action that is not in this table grants nothing and is refused in policies.

Names of S3 and STS actions are AWS's. Resources are ``s3:bucket`` and ``s3:bucket/key``, ``oci:repository``,
``rpm:repository``, ``terraform:namespace/name/provider``, ``helm:namespace/chart``, ``kms:key`` and ``admin:name``;
what an action on artifacts is about is named by the door that holds the artifact.
"""

import msgspec


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One row: ``name`` as policies write it, ``writes`` whether it changes anything, ``summary`` for the reference.

    ``frees`` marks what only removes content: it must go on when a disk is full, since nothing else makes room.
    """

    name: str
    writes: bool
    summary: str
    frees: bool = False

    @property
    def family(self) -> str:
        """What stands before the colon: ``s3``, ``oci``, ``rpm``, ``terraform``, ``helm``, ``admin`` and so on."""
        return self.name.partition(":")[0]


ACTIONS: dict[str, Action] = {}


def _action(name: str, summary: str, *, writes: bool = False, frees: bool = False) -> Action:
    action = Action(name=name, writes=writes or frees, summary=summary, frees=frees)
    ACTIONS[name] = action
    return action


LIST_ALL_MY_BUCKETS = _action("s3:ListAllMyBuckets", "List the buckets that the caller may see.")
CREATE_BUCKET = _action("s3:CreateBucket", "Create a bucket.", writes=True)
DELETE_BUCKET = _action("s3:DeleteBucket", "Delete an empty bucket.", frees=True)
LIST_BUCKET = _action("s3:ListBucket", "List the objects of a bucket, and see whether it exists.")
GET_BUCKET_LOCATION = _action("s3:GetBucketLocation", "Read a bucket's region.")
GET_OBJECT = _action("s3:GetObject", "Read an object and its metadata.")
GET_OBJECT_VERSION = _action("s3:GetObjectVersion", "Read a version of an object that is named by its id.")
PUT_OBJECT = _action("s3:PutObject", "Write an object, by one request, by copy or in parts.", writes=True)
DELETE_OBJECT = _action("s3:DeleteObject", "Delete an object.", frees=True)
DELETE_OBJECT_VERSION = _action("s3:DeleteObjectVersion", "Delete a version of an object for good.", frees=True)
LIST_BUCKET_VERSIONS = _action("s3:ListBucketVersions", "List the versions of a bucket's objects.")
GET_BUCKET_VERSIONING = _action("s3:GetBucketVersioning", "See whether a bucket keeps versions.")
PUT_BUCKET_VERSIONING = _action("s3:PutBucketVersioning", "Have a bucket keep versions, or suspend that.", writes=True)
ABORT_MULTIPART_UPLOAD = _action("s3:AbortMultipartUpload", "Abort a multipart upload.", frees=True)
LIST_MULTIPART_UPLOAD_PARTS = _action("s3:ListMultipartUploadParts", "List the parts of an upload.")
LIST_BUCKET_MULTIPART_UPLOADS = _action("s3:ListBucketMultipartUploads", "List the unfinished uploads of a bucket.")
GET_ENCRYPTION_CONFIGURATION = _action("s3:GetEncryptionConfiguration", "Read a bucket's default encryption.")
PUT_ENCRYPTION_CONFIGURATION = _action(
    "s3:PutEncryptionConfiguration", "Set or remove a bucket's default encryption.", writes=True
)

KMS_DECRYPT = _action("kms:Decrypt", "Read what is encrypted under a key.")
KMS_GENERATE_DATA_KEY = _action("kms:GenerateDataKey", "Write content that is encrypted under a key.")

GET_BUCKET_TAGGING = _action("s3:GetBucketTagging", "Read a bucket's tags.")
PUT_BUCKET_TAGGING = _action("s3:PutBucketTagging", "Set or remove a bucket's tags.", writes=True)
GET_OBJECT_TAGGING = _action("s3:GetObjectTagging", "Read an object's tags.")
PUT_OBJECT_TAGGING = _action("s3:PutObjectTagging", "Set an object's tags.", writes=True)
DELETE_OBJECT_TAGGING = _action("s3:DeleteObjectTagging", "Remove an object's tags.", writes=True)
GET_OBJECT_VERSION_TAGGING = _action("s3:GetObjectVersionTagging", "Read the tags of a version of an object.")
PUT_OBJECT_VERSION_TAGGING = _action("s3:PutObjectVersionTagging", "Set the tags of a version.", writes=True)
DELETE_OBJECT_VERSION_TAGGING = _action("s3:DeleteObjectVersionTagging", "Remove the tags of a version.", writes=True)
GET_OBJECT_ATTRIBUTES = _action("s3:GetObjectAttributes", "Read an object's size, parts and checksum in one request.")
GET_OBJECT_VERSION_ATTRIBUTES = _action("s3:GetObjectVersionAttributes", "Read those of a version of an object.")
GET_BUCKET_CORS = _action("s3:GetBucketCORS", "Read a bucket's rules for pages of other origins.")
PUT_BUCKET_CORS = _action("s3:PutBucketCORS", "Set or remove a bucket's rules for pages of other origins.", writes=True)
GET_LIFECYCLE_CONFIGURATION = _action("s3:GetLifecycleConfiguration", "Read a bucket's lifecycle rules.")
PUT_LIFECYCLE_CONFIGURATION = _action(
    "s3:PutLifecycleConfiguration", "Set or remove a bucket's lifecycle rules.", writes=True
)
GET_ACCELERATE_CONFIGURATION = _action("s3:GetAccelerateConfiguration", "See that a bucket is not accelerated.")
GET_BUCKET_REQUEST_PAYMENT = _action("s3:GetBucketRequestPayment", "See that a bucket's owner pays.")
PUT_BUCKET_REQUEST_PAYMENT = _action("s3:PutBucketRequestPayment", "Say that a bucket's owner pays.", writes=True)
GET_BUCKET_NOTIFICATION = _action("s3:GetBucketNotification", "Read which webhooks are told of a bucket's events.")
PUT_BUCKET_NOTIFICATION = _action(
    "s3:PutBucketNotification", "Set which webhooks are told of a bucket's events.", writes=True
)
GET_BUCKET_LOGGING = _action("s3:GetBucketLogging", "Read where a bucket's access log is kept.")
PUT_BUCKET_LOGGING = _action("s3:PutBucketLogging", "Set where a bucket's access log is kept.", writes=True)
GET_BUCKET_WEBSITE = _action("s3:GetBucketWebsite", "See that a bucket is no website.")
GET_REPLICATION_CONFIGURATION = _action("s3:GetReplicationConfiguration", "See that a bucket is not replicated.")
GET_ANALYTICS_CONFIGURATION = _action("s3:GetAnalyticsConfiguration", "See that a bucket has no analytics.")
GET_INVENTORY_CONFIGURATION = _action("s3:GetInventoryConfiguration", "See that a bucket has no inventory.")
GET_METRICS_CONFIGURATION = _action("s3:GetMetricsConfiguration", "See that a bucket has no metrics of its own.")
GET_INTELLIGENT_TIERING_CONFIGURATION = _action(
    "s3:GetIntelligentTieringConfiguration", "See that a bucket tiers nothing by itself."
)
PUT_BUCKET_OBJECT_LOCK = _action(
    "s3:PutBucketObjectLockConfiguration", "Switch object lock on, and set a bucket's default retention.", writes=True
)
GET_BUCKET_OBJECT_LOCK = _action("s3:GetBucketObjectLockConfiguration", "Read a bucket's object lock.")
PUT_OBJECT_RETENTION = _action("s3:PutObjectRetention", "Set how long a version is kept.", writes=True)
GET_OBJECT_RETENTION = _action("s3:GetObjectRetention", "Read how long a version is kept.")
PUT_OBJECT_LEGAL_HOLD = _action("s3:PutObjectLegalHold", "Put a legal hold on a version, or take it off.", writes=True)
GET_OBJECT_LEGAL_HOLD = _action("s3:GetObjectLegalHold", "Read whether a version is under a legal hold.")
BYPASS_GOVERNANCE_RETENTION = _action(
    "s3:BypassGovernanceRetention", "Delete or release what governance retention keeps.", writes=True
)

GET_BUCKET_POLICY = _action("s3:GetBucketPolicy", "Read a bucket's policy.")
GET_BUCKET_POLICY_STATUS = _action("s3:GetBucketPolicyStatus", "Ask whether a bucket's policy makes it public.")
PUT_BUCKET_POLICY = _action("s3:PutBucketPolicy", "Set a bucket's policy.", writes=True)
DELETE_BUCKET_POLICY = _action("s3:DeleteBucketPolicy", "Remove a bucket's policy.", writes=True)
GET_BUCKET_PUBLIC_ACCESS_BLOCK = _action(
    "s3:GetBucketPublicAccessBlock", "Read what a bucket's policy and lists may not open to the public."
)
PUT_BUCKET_PUBLIC_ACCESS_BLOCK = _action(
    "s3:PutBucketPublicAccessBlock", "Set what a bucket's policy and lists may not open to the public.", writes=True
)
GET_BUCKET_OWNERSHIP_CONTROLS = _action(
    "s3:GetBucketOwnershipControls", "Read who owns what others write, and whether access control lists count."
)
PUT_BUCKET_OWNERSHIP_CONTROLS = _action(
    "s3:PutBucketOwnershipControls",
    "Set who owns what others write, and whether access control lists count.",
    writes=True,
)
GET_BUCKET_ACL = _action("s3:GetBucketAcl", "Read a bucket's access control list.")
PUT_BUCKET_ACL = _action("s3:PutBucketAcl", "Set a bucket's access control list.", writes=True)
GET_OBJECT_ACL = _action("s3:GetObjectAcl", "Read an object's access control list.")
PUT_OBJECT_ACL = _action("s3:PutObjectAcl", "Set an object's access control list.", writes=True)
GET_OBJECT_VERSION_ACL = _action("s3:GetObjectVersionAcl", "Read the access control list of a version.")
PUT_OBJECT_VERSION_ACL = _action("s3:PutObjectVersionAcl", "Set the access control list of a version.", writes=True)

BUCKET_POLICY_ACTIONS = frozenset({GET_BUCKET_POLICY.name, PUT_BUCKET_POLICY.name, DELETE_BUCKET_POLICY.name})
"""What a bucket's own policy cannot take from an administrator of all policies."""

OCI_PULL = _action("oci:Pull", "Pull manifests, blobs and referrers, and list tags.")
OCI_PUSH = _action("oci:Push", "Push blobs and manifests, and move tags.", writes=True)
OCI_DELETE = _action("oci:Delete", "Delete manifests, tags and blobs.", frees=True)
OCI_CATALOG = _action("oci:ListCatalog", "List the repositories that the caller may pull.")

RPM_READ_PACKAGE = _action("rpm:ReadPackage", "Read the packages and the metadata of a package repository.")
RPM_PUBLISH_PACKAGE = _action("rpm:PublishPackage", "Publish a package to a package repository.", writes=True)
RPM_DELETE_PACKAGE = _action("rpm:DeletePackage", "Delete a package from a package repository.", writes=True)

TERRAFORM_READ_MODULE = _action("terraform:ReadModule", "List the versions of a module, and read them.")
TERRAFORM_PUBLISH_MODULE = _action("terraform:PublishModule", "Publish a version of a module.", writes=True)
TERRAFORM_DELETE_MODULE = _action("terraform:DeleteModule", "Delete a version of a module.", writes=True)

HELM_READ_CHART = _action("helm:ReadChart", "Read a chart and the index that it stands in.")
HELM_PUBLISH_CHART = _action("helm:PublishChart", "Publish a version of a chart.", writes=True)
HELM_DELETE_CHART = _action("helm:DeleteChart", "Delete a version of a chart.", writes=True)

SUPPLYCHAIN_SIGN = _action("supplychain:Sign", "Attach a signature or attestation to an artifact.", writes=True)
SUPPLYCHAIN_VERIFY = _action("supplychain:Verify", "Have the signatures of an artifact verified.")
SUPPLYCHAIN_READ_ATTESTATION = _action("supplychain:ReadAttestation", "Read what is attested about an artifact.")

STS_ASSUME_ROLE_WITH_WEB_IDENTITY = _action(
    "sts:AssumeRoleWithWebIdentity", "Exchange a token of a trusted issuer for a session's credentials.", writes=True
)
STS_ASSUME_ROLE = _action("sts:AssumeRole", "Take a role (a trust's name) by an access key.", writes=True)
STS_GET_SESSION_TOKEN = _action("sts:GetSessionToken", "Get a session for one's own access key.", writes=True)
STS_GET_CALLER_IDENTITY = _action("sts:GetCallerIdentity", "Ask who the credentials belong to.")

ADMIN_LIST_KEYS = _action("admin:ListKeys", "List access keys and robot tokens, without their secrets.")
ADMIN_CREATE_KEY = _action("admin:CreateKey", "Create an access key or robot token.", writes=True)
ADMIN_ROTATE_KEY = _action("admin:RotateKey", "Give an access key or robot token a new secret.", writes=True)
ADMIN_REVOKE_KEY = _action("admin:RevokeKey", "Revoke an access key or robot token.", writes=True)
ADMIN_LIST_USERS = _action("admin:ListUsers", "List and read the users that access keys belong to.")
ADMIN_CREATE_USER = _action("admin:CreateUser", "Create a user that access keys can belong to.", writes=True)
ADMIN_DELETE_USER = _action("admin:DeleteUser", "Delete a user.", writes=True)
ADMIN_CREATE_USER_KEY = _action(
    "admin:CreateUserKey", "Create an access key with all rights of a user, or switch one on and off.", writes=True
)
ADMIN_LIST_GRANTS = _action("admin:ListGrants", "List grants.")
ADMIN_CREATE_GRANT = _action("admin:CreateGrant", "Grant a role on a pattern.", writes=True)
ADMIN_DELETE_GRANT = _action("admin:DeleteGrant", "Withdraw a grant.", writes=True)
ADMIN_PURGE_BUCKET = _action("admin:PurgeBucket", "Delete a bucket with all that is in it.", frees=True)
ADMIN_READ_BUCKET_USAGE = _action("admin:ReadBucketUsage", "Read how much a bucket holds, and its quotas.")
ADMIN_SET_BUCKET_QUOTA = _action("admin:SetBucketQuota", "Set how much a bucket may hold.", writes=True)
ADMIN_READ_STATUS = _action("admin:ReadStatus", "Read the server's status.")
ADMIN_READ_METRICS = _action("admin:ReadMetrics", "Read the server's metrics.")
ADMIN_SCRUB = _action("admin:Scrub", "Re-hash stored content and set damaged content aside.", writes=True)
ADMIN_BACKUP = _action("admin:Backup", "Write a consistent backup on the server's disk.", writes=True)

ADMIN_LIST_POLICIES = _action("admin:ListPolicies", "List policies and what they are attached to.")
ADMIN_READ_POLICY = _action("admin:ReadPolicy", "Read a policy and its earlier versions.")
ADMIN_PUT_POLICY = _action("admin:PutPolicy", "Create or change a policy.", writes=True)
ADMIN_DELETE_POLICY = _action("admin:DeletePolicy", "Delete a policy.", writes=True)
ADMIN_ATTACH_POLICY = _action("admin:AttachPolicy", "Attach a policy to a principal, group or role.", writes=True)
ADMIN_DETACH_POLICY = _action("admin:DetachPolicy", "Detach a policy.", writes=True)
ADMIN_EXPLAIN = _action("admin:Explain", "Ask what somebody may do, and why a decision was taken.")

ADMIN_LIST_TRUSTS = _action("admin:ListTrusts", "List the trusts in other issuers' tokens.")
ADMIN_PUT_TRUST = _action("admin:PutTrust", "Create or change a trust.", writes=True)
ADMIN_DELETE_TRUST = _action("admin:DeleteTrust", "Delete a trust.", writes=True)
ADMIN_REVOKE_TOKENS = _action("admin:RevokeTokens", "Revoke issued tokens and sessions.", writes=True)
ADMIN_ROTATE_KEYS = _action("admin:RotateKeys", "Rotate signing keys and the master key.", writes=True)

ADMIN_LIST_ENCRYPTION_KEYS = _action("admin:ListEncryptionKeys", "List the keys that wrap the keys of objects.")
ADMIN_PUT_ENCRYPTION_KEY = _action(
    "admin:PutEncryptionKey", "Create, rotate, enable or disable an encryption key, and wrap anew.", writes=True
)

ADMIN_READ_EVENTS = _action("admin:ReadEvents", "See events that wait for webhooks, and those that were given up.")
ADMIN_RETRY_EVENTS = _action("admin:RetryEvents", "Have events delivered again that were given up.", writes=True)
ADMIN_DELETE_EVENTS = _action("admin:DeleteEvents", "Forget events that were given up.", writes=True)

ADMIN_READ_AUDIT = _action("admin:ReadAudit", "Read, search and export the audit log.")
ADMIN_VERIFY_AUDIT = _action("admin:VerifyAudit", "Have the chain of the audit log verified.")
ADMIN_READ_CONFIGURATION = _action("admin:ReadConfiguration", "Read the server's configuration, without secrets.")
