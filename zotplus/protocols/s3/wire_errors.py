"""The catalogue's faults in S3's words: code, status where S3's differs, and the XML body.

Spec: Amazon S3 API Reference, "Error responses". Missing and wrong credentials are 403 there, never 401, since S3
has no challenge. 507 has no word at Amazon; ``XMinioStorageFull`` is what clients of the self-hosted servers know.
"""

import re

from zotplus.domain import errors
from zotplus.domain.errors import Fault, Problem
from zotplus.domain.iam.arns import arn_of_resource
from zotplus.protocols.s3.xml_out import DECLARATION, element, escape

HOST_ID = "zotplus"
"""What stands in HostId and x-amz-id-2: S3 clients want the field, and there is nothing to tell."""

FAULT_HEADER = "X-Zotplus-Fault"
"""Carries the catalogue's code with every refusal: several faults share one word of S3, and HEAD has no body."""

_SERVER_FAULT = 500

WIRE: dict[Fault, tuple[str, int]] = {}
"""Fault -> (S3 code, S3 status). Complete over the catalogue, which a test keeps."""


def _wire(fault: Fault, code: str, status: int | None = None) -> None:
    WIRE[fault] = (code, fault.status if status is None else status)


_wire(errors.CREDENTIALS_MISSING, "AccessDenied", 403)
_wire(errors.CREDENTIALS_INVALID, "AccessDenied", 403)
_wire(errors.CREDENTIALS_EXPIRED, "ExpiredToken", 400)
_wire(errors.CREDENTIALS_AMBIGUOUS, "InvalidArgument")
_wire(errors.CREDENTIALS_MALFORMED, "AuthorizationHeaderMalformed")
_wire(errors.CREDENTIALS_QUERY_MALFORMED, "AuthorizationQueryParametersError")
_wire(errors.ACCESS_KEY_UNKNOWN, "InvalidAccessKeyId")
_wire(errors.SIGNATURE_MISMATCH, "SignatureDoesNotMatch")
_wire(errors.SIGNATURE_VERSION_REFUSED, "InvalidRequest")
_wire(errors.REQUEST_EXPIRED, "AccessDenied")
_wire(errors.CLOCK_SKEWED, "RequestTimeTooSkewed")
_wire(errors.TOKEN_INVALID, "InvalidToken", 400)
_wire(errors.ACCESS_DENIED, "AccessDenied")
_wire(errors.CORS_DENIED, "AccessForbidden")
_wire(errors.SESSION_TOO_LARGE, "InvalidRequest")

_wire(errors.ARGUMENT_INVALID, "InvalidArgument")
_wire(errors.REQUEST_INVALID, "InvalidRequest")
_wire(errors.PATH_INVALID, "InvalidURI")
_wire(errors.BUCKET_NAME_INVALID, "InvalidBucketName")
_wire(errors.KEY_TOO_LONG, "KeyTooLongError")
_wire(errors.METADATA_TOO_LARGE, "MetadataTooLarge")
_wire(errors.POLICY_INVALID, "MalformedPolicy")
_wire(errors.XML_MALFORMED, "MalformedXML")
_wire(errors.JSON_MALFORMED, "InvalidRequest")
_wire(errors.MEDIA_TYPE_UNSUPPORTED, "InvalidRequest")
_wire(errors.BODY_EMPTY, "MissingRequestBodyError")
_wire(errors.BODY_INCOMPLETE, "IncompleteBody")
_wire(errors.BODY_CHUNK_INVALID, "IncompleteBody")
_wire(errors.BODY_CHUNK_SIGNATURE_MISMATCH, "SignatureDoesNotMatch")
_wire(errors.BODY_CHUNK_TOO_SMALL, "InvalidChunkSizeError")
_wire(errors.BODY_TRAILER_INVALID, "MalformedTrailerError")
_wire(errors.BODY_LENGTH_REQUIRED, "MissingContentLength")
_wire(errors.BODY_TOO_LARGE, "MaxMessageLengthExceeded", 400)
_wire(errors.ENTITY_TOO_LARGE, "EntityTooLarge")
_wire(errors.ENTITY_TOO_SMALL, "EntityTooSmall")
_wire(errors.FORM_MALFORMED, "MalformedPOSTRequest")
_wire(errors.FORM_TOO_LARGE, "MaxPostPreDataLengthExceeded")
_wire(errors.FORM_WITHOUT_FILE, "IncorrectNumberOfFilesInPostRequest")
_wire(errors.FORM_POLICY_INVALID, "InvalidPolicyDocument")
_wire(errors.PART_TOO_SMALL, "EntityTooSmall")
_wire(errors.PART_INVALID, "InvalidPart")
_wire(errors.PART_ORDER_INVALID, "InvalidPartOrder")
_wire(errors.RANGE_UNSATISFIABLE, "InvalidRange")
_wire(errors.PART_NUMBER_UNSATISFIABLE, "InvalidPartNumber")
_wire(errors.LOCATION_INVALID, "InvalidLocationConstraint")
_wire(errors.STORAGE_CLASS_INVALID, "InvalidStorageClass")
_wire(errors.TAG_INVALID, "InvalidTag")
_wire(errors.CORS_REQUEST_INVALID, "BadRequest")
_wire(errors.TAGS_TOO_MANY, "BadRequest")
_wire(errors.REDIRECT_INVALID, "InvalidRedirectLocation")
_wire(errors.COPY_SOURCE_INVALID, "InvalidArgument")
_wire(errors.COPY_ONTO_ITSELF, "InvalidRequest")
_wire(errors.HEADER_CRYPTO_UNSUPPORTED, "NotImplemented")
_wire(errors.ENCRYPTION_ALGORITHM_INVALID, "InvalidEncryptionAlgorithmError")
_wire(errors.ENCRYPTION_KEY_MISSING, "InvalidRequest")
_wire(errors.ENCRYPTION_KEY_WRONG, "AccessDenied")
_wire(errors.ENCRYPTION_KEY_UNWANTED, "InvalidRequest")
_wire(errors.BUCKET_ENCRYPTION_MISSING, "ServerSideEncryptionConfigurationNotFoundError")
_wire(errors.KMS_KEY_NOT_FOUND, "KMS.NotFoundException")
_wire(errors.KMS_KEY_DISABLED, "KMS.DisabledException")
_wire(errors.KMS_REFUSED, "AccessDenied")
_wire(errors.KMS_UNAVAILABLE, "ServiceUnavailable")
_wire(errors.OPERATION_UNKNOWN, "NotImplemented")
_wire(errors.METHOD_NOT_ALLOWED, "MethodNotAllowed")
_wire(errors.ENDPOINT_NOT_S3, "InvalidRequest")
_wire(errors.NOT_MINIO, "NotImplemented")
_wire(errors.SETTING_INVALID, "InvalidRequest")

_wire(errors.DIGEST_MALFORMED, "InvalidDigest")
_wire(errors.DIGEST_MISMATCH, "BadDigest")
_wire(errors.CHECKSUM_MISMATCH, "BadDigest")
_wire(errors.CONTENT_SHA256_MISMATCH, "XAmzContentSHA256Mismatch")
_wire(errors.BLOB_CORRUPT, "InternalError")
_wire(errors.BLOB_MISSING, "InternalError")

_wire(errors.ROUTE_NOT_FOUND, "NoSuchBucket")
_wire(errors.BUCKET_NOT_FOUND, "NoSuchBucket")
_wire(errors.BUCKET_EXISTS, "BucketAlreadyExists")
_wire(errors.BUCKET_OWNED, "BucketAlreadyOwnedByYou")
_wire(errors.BUCKET_NOT_EMPTY, "BucketNotEmpty")
_wire(errors.OBJECT_NOT_FOUND, "NoSuchKey")
_wire(errors.VERSION_NOT_FOUND, "NoSuchVersion")
_wire(errors.UPLOAD_NOT_FOUND, "NoSuchUpload")
_wire(errors.OBJECT_LOCKED, "AccessDenied")
_wire(errors.LOCK_CONFIGURATION_NOT_FOUND, "ObjectLockConfigurationNotFoundError")
_wire(errors.LOCK_NOT_FOUND, "NoSuchObjectLockConfiguration")
_wire(errors.BUCKET_STATE_INVALID, "InvalidBucketState")
_wire(errors.TAGS_MISSING, "NoSuchTagSet")
_wire(errors.CORS_MISSING, "NoSuchCORSConfiguration")
_wire(errors.LOGGING_TARGET_INVALID, "InvalidTargetBucketForLogging")
_wire(errors.LIFECYCLE_MISSING, "NoSuchLifecycleConfiguration")
_wire(errors.REPLICATION_MISSING, "ReplicationConfigurationNotFoundError")
_wire(errors.WEBSITE_MISSING, "NoSuchWebsiteConfiguration")
_wire(errors.CONFIGURATION_MISSING, "NoSuchConfiguration")
_wire(errors.PRECONDITION_FAILED, "PreconditionFailed")
_wire(errors.NOT_MODIFIED, "NotModified")
_wire(errors.CONDITIONAL_CONFLICT, "ConditionalRequestConflict")
_wire(errors.POLICY_MISSING, "NoSuchBucketPolicy")
_wire(errors.PUBLIC_ACCESS_BLOCK_MISSING, "NoSuchPublicAccessBlockConfiguration")
_wire(errors.OWNERSHIP_MISSING, "OwnershipControlsNotFoundError")
_wire(errors.ACL_UNSUPPORTED, "AccessControlListNotSupported")
_wire(errors.ACL_CONFLICT, "InvalidBucketAclWithObjectOwnership")
_wire(errors.ACL_MALFORMED, "MalformedACLError")
_wire(errors.ACL_MISSING, "MissingSecurityHeader")
_wire(errors.CONTENT_UNEXPECTED, "UnexpectedContent")
_wire(errors.RECORD_NOT_FOUND, "NoSuchEntity")
_wire(errors.RECORD_EXISTS, "EntityAlreadyExists")
_wire(errors.LAST_ADMINISTRATOR, "OperationAborted")
_wire(errors.RENAME_MISMATCH, "IdempotencyParameterMismatch")
_wire(errors.POLICY_ATTACHED, "DeleteConflict")
_wire(errors.USER_IN_USE, "DeleteConflict")
_wire(errors.USER_KEYS_EXCEEDED, "LimitExceeded")

# Faults of other faces and of the start cannot reach this one; they have a word all the same.
_wire(errors.ADDRESS_UNAVAILABLE, "OperationAborted")
_wire(errors.DATA_DIR_BUSY, "OperationAborted")
_wire(errors.REPOSITORY_NAME_INVALID, "InvalidArgument")
_wire(errors.REFERENCE_INVALID, "InvalidArgument")
_wire(errors.REPOSITORY_NOT_FOUND, "NoSuchKey")
_wire(errors.BLOB_UNKNOWN, "NoSuchKey")
_wire(errors.UPSTREAM_MISSING, "ServiceUnavailable")
_wire(errors.UPSTREAM_UNAVAILABLE, "ServiceUnavailable")
_wire(errors.ISSUER_UNAVAILABLE, "ServiceUnavailable")
_wire(errors.UPSTREAM_FAILED, "InternalError")

_wire(errors.STORAGE_FULL, "XMinioStorageFull")
_wire(errors.AUDIT_DAMAGED, "InternalError")
_wire(errors.AUDIT_UNAVAILABLE, "XMinioStorageFull")
_wire(errors.QUOTA_EXCEEDED, "QuotaExceeded")  # Ceph's word; Amazon has no quotas
_wire(errors.STORAGE_FAILED, "InternalError")
_wire(errors.SLOW_DOWN, "SlowDown")
# Amazon's own way to say it (S3 API Reference, "Error responses"); SDKs wait and try again.
_wire(errors.LOGIN_PAUSED, "SlowDown", 503)
_wire(errors.TOO_MANY_REQUESTS, "SlowDown", 503)
_wire(errors.SHUTTING_DOWN, "ServiceUnavailable")
_wire(errors.REQUEST_TIMEOUT, "RequestTimeout")
_wire(errors.INTERNAL_ERROR, "InternalError")

# Amazon's sentences where a problem says no more than the catalogue does: people look for them word by word, and a few
# clients compare them (S3 API Reference, "Error responses").
_MESSAGES = {
    errors.ENCRYPTION_ALGORITHM_INVALID: (
        "The encryption request you specified is not valid. The valid value is AES256."
    ),
    errors.ENCRYPTION_KEY_MISSING: (
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "
        "retrieve the object."
    ),
    errors.ENCRYPTION_KEY_WRONG: "Access Denied.",
    errors.ENCRYPTION_KEY_UNWANTED: "The encryption parameters are not applicable to this object.",
    errors.BUCKET_ENCRYPTION_MISSING: "The server side encryption configuration was not found",
    errors.CREDENTIALS_MISSING: "Access Denied.",
    errors.ACCESS_DENIED: "Access Denied.",
    errors.ACCESS_KEY_UNKNOWN: "The AWS Access Key Id you provided does not exist in our records.",
    errors.SIGNATURE_MISMATCH: (
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method."
    ),
    errors.BODY_CHUNK_SIGNATURE_MISMATCH: (
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method."
    ),
    errors.SIGNATURE_VERSION_REFUSED: (
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    ),
    errors.REQUEST_EXPIRED: "Request has expired.",
    errors.CLOCK_SKEWED: "The difference between the request time and the current time is too large.",
    errors.TOKEN_INVALID: "The provided token is malformed or otherwise invalid.",
    errors.BUCKET_NAME_INVALID: "The specified bucket is not valid.",
    errors.BUCKET_NOT_FOUND: "The specified bucket does not exist.",
    errors.BUCKET_EXISTS: (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please "
        "select a different name and try again."
    ),
    errors.BUCKET_OWNED: "Your previous request to create the named bucket succeeded and you already own it.",
    errors.BUCKET_NOT_EMPTY: "The bucket you tried to delete is not empty.",
    errors.OBJECT_NOT_FOUND: "The specified key does not exist.",
    errors.VERSION_NOT_FOUND: "The specified version does not exist.",
    errors.TAGS_MISSING: "The TagSet does not exist.",
    errors.CORS_MISSING: "The CORS configuration does not exist",
    errors.LIFECYCLE_MISSING: "The lifecycle configuration does not exist",
    errors.CORS_DENIED: (
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
        "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
        "resource's CORS spec."
    ),
    errors.REPLICATION_MISSING: "The replication configuration was not found",
    errors.WEBSITE_MISSING: "The specified bucket does not have a website configuration",
    errors.CONFIGURATION_MISSING: "The specified configuration does not exist.",
    errors.POLICY_MISSING: "The bucket policy does not exist.",
    errors.PUBLIC_ACCESS_BLOCK_MISSING: "The public access block configuration was not found",
    errors.OWNERSHIP_MISSING: "The bucket ownership controls were not found.",
    errors.ACL_UNSUPPORTED: "The bucket does not allow ACLs.",
    errors.ACL_CONFLICT: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    errors.ACL_MALFORMED: (
        "The XML you provided was not well-formed or did not validate against our published schema."
    ),
    errors.ACL_MISSING: "Your request was missing a required header.",
    errors.CONTENT_UNEXPECTED: "This request does not support content.",
    errors.UPLOAD_NOT_FOUND: (
        "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed."
    ),
    errors.BODY_EMPTY: "Request Body is empty",
    errors.LOCK_CONFIGURATION_NOT_FOUND: "Object Lock configuration does not exist for this bucket.",
    errors.LOCK_NOT_FOUND: "The specified object does not have a ObjectLock configuration.",
    errors.PRECONDITION_FAILED: "At least one of the pre-conditions you specified did not hold.",
    errors.KEY_TOO_LONG: "Your key is too long.",
    errors.METADATA_TOO_LARGE: "Your metadata headers exceed the maximum allowed metadata size",
    errors.XML_MALFORMED: "The XML you provided was not well-formed or did not validate against our published schema.",
    errors.BODY_INCOMPLETE: "You did not provide the number of bytes specified by the Content-Length HTTP header",
    errors.BODY_CHUNK_INVALID: "The request body terminated unexpectedly",
    errors.BODY_CHUNK_TOO_SMALL: "Only the last chunk is allowed to have a size less than 8192 bytes",
    errors.BODY_TRAILER_INVALID: (
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    ),
    errors.BODY_LENGTH_REQUIRED: "You must provide the Content-Length HTTP header.",
    errors.ENTITY_TOO_LARGE: "Your proposed upload exceeds the maximum allowed object size.",
    errors.ENTITY_TOO_SMALL: "Your proposed upload is smaller than the minimum allowed size",
    errors.FORM_MALFORMED: "The body of your POST request is not well-formed multipart/form-data.",
    errors.FORM_TOO_LARGE: "Your POST request fields preceding the upload file were too large.",
    errors.FORM_WITHOUT_FILE: "POST requires exactly one file upload per request.",
    errors.PART_TOO_SMALL: "Your proposed upload is smaller than the minimum allowed size",
    errors.PART_INVALID: (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag."
    ),
    errors.PART_ORDER_INVALID: ("The list of parts was not in ascending order. Parts must be ordered by part number."),
    errors.RANGE_UNSATISFIABLE: "The requested range is not satisfiable",
    errors.PART_NUMBER_UNSATISFIABLE: "The requested partnumber is not satisfiable.",
    errors.LOCATION_INVALID: "The specified location-constraint is not valid",
    errors.REDIRECT_INVALID: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    errors.COPY_ONTO_ITSELF: (
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
        "metadata, storage class, website redirect location or encryption attributes."
    ),
    errors.METHOD_NOT_ALLOWED: "The specified method is not allowed against this resource.",
    errors.DIGEST_MALFORMED: "The Content-Md5 you specified is not valid.",
    errors.DIGEST_MISMATCH: "The Content-MD5 you specified did not match what we received.",
    errors.CONTENT_SHA256_MISMATCH: ("The provided 'x-amz-content-sha256' header does not match what was computed."),
}

# Faults whose sentence is Amazon's in every case; what is wrong in this one stands in an element of its own.
_FIXED = frozenset(
    {
        errors.XML_MALFORMED,
        errors.BODY_INCOMPLETE,
        errors.BODY_CHUNK_INVALID,
        errors.BODY_TRAILER_INVALID,
        errors.BODY_LENGTH_REQUIRED,
        errors.DIGEST_MALFORMED,
        errors.OBJECT_LOCKED,
    }
)

_NAMED_FIELDS = {
    "argument": "ArgumentName",
    "bucket": "BucketName",
    "key": "Key",
    "upload_id": "UploadId",
    "value": "ArgumentValue",
    "version_id": "VersionId",
}
_is_wire_name = re.compile(r"[A-Z][A-Za-z0-9-]{0,63}").fullmatch
_RESERVED = frozenset({"Code", "Message", "Resource", "RequestId", "HostId"})


# What XML cannot carry: an error has to be readable whatever was sent.
_unprintable = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def _leaf(name: str, value: str) -> str:
    return element(name, _unprintable.sub("\ufffd", value))


def wire(fault: Fault) -> tuple[str, int]:
    """S3's code and status of ``fault``; the nearest general word for one that the table lacks."""
    found = WIRE.get(fault)
    if found is not None:
        return found
    return ("InternalError" if fault.status >= _SERVER_FAULT else "InvalidRequest", fault.status)


def _is_fixed(problem: Problem) -> bool:
    """Also where policies were asked about a resource: Amazon's sentence is told, and what was wanted beside it."""
    return problem.fault in _FIXED or (problem.fault is errors.ACCESS_DENIED and "resource" in problem.fields)


def message(problem: Problem) -> str:
    """What is told of ``problem``: its own sentence, or Amazon's where it has none."""
    fault = problem.fault
    if fault is errors.ACCESS_DENIED and "denied" in problem.fields:
        return _explicitly(problem)
    if _is_fixed(problem) or problem.detail == fault.message:
        return _MESSAGES.get(fault, fault.message)
    return problem.detail


def _explicitly(problem: Problem) -> str:
    """Amazon's sentence where a bucket's policy denies what is asked for."""
    who, action = problem.fields["principal"], problem.fields["denied"]
    arn = arn_of_resource(str(problem.fields["resource"]))
    return (
        f'User: {who} is not authorized to perform: {action} on resource: "{arn}" with an explicit deny in a '
        "resource-based policy"
    )


def error_fields(problem: Problem) -> dict[str, str]:
    """The elements of S3's own that ``problem`` carries; fields that have no S3 name stay inside."""
    found: dict[str, str] = {}
    for name, value in problem.fields.items():
        wire_name = _NAMED_FIELDS.get(name, name)
        if _is_wire_name(wire_name) is not None and wire_name not in _RESERVED:
            found[wire_name] = str(value)
    if _is_fixed(problem) and problem.detail != problem.fault.message:
        found["Detail"] = problem.detail
    if problem.fault is errors.SIGNATURE_VERSION_REFUSED:
        found["Detail"] = problem.fault.remedy
    return found


def error_document(problem: Problem, resource: str, request_id: str) -> bytes:
    """The ``<Error>`` body. ``resource`` is the path as text."""
    code, _ = wire(problem.fault)
    extra = "".join([_leaf(name, value) for name, value in error_fields(problem).items()])
    text = (
        f"{DECLARATION}<Error>{element('Code', code)}{_leaf('Message', message(problem))}{extra}"
        f"{_leaf('Resource', resource)}<RequestId>{escape(request_id)}</RequestId><HostId>{HOST_ID}</HostId></Error>"
    )
    return text.encode()
