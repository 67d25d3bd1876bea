"""The error catalogue: every refusal that a user can meet, with its cause and its remedy.

A fault is one row of the table. Code raises ``Problem(errors.BUCKET_NOT_FOUND, bucket=name)``; the face that serves the
request turns it into its own wire form (S3 XML, OCI JSON, RFC 9457) and the CLI prints cause and remedy. The reference
page ``docs/reference/errors.md`` is printed from this table.
"""

from enum import StrEnum

import msgspec


class FaultType(StrEnum):
    """What kind of thing went wrong; decides the CLI's exit code."""

    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    VALIDATION = "validation"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    STORAGE = "storage"
    INTEGRITY = "integrity"
    SUPPLY_CHAIN = "supply_chain"
    UPSTREAM = "upstream"
    INTERNAL = "internal"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalogue. ``retry_after`` is in seconds and None where a retry cannot help."""

    code: str
    status: int
    type: FaultType
    message: str
    cause: str
    remedy: str
    retry_after: int | None = None


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """A refusal on its way to the client.

    ``detail`` is one sentence about this occurrence, safe to show; ``fields`` are values for the face's own elements
    (``bucket``, ``key``, ``header`` …) and for the log. Neither ever holds a secret.
    """

    def __init__(self, fault: Fault, detail: str = "", **fields: str | int) -> None:
        super().__init__(detail or fault.message)
        self.fault = fault
        self.detail = detail or fault.message
        self.fields = fields

    @property
    def retry_after(self) -> int | None:
        """Seconds after which to try again: the field of this name where this occurrence has one, else the row's."""
        given = self.fields.get("retry_after")
        return given if isinstance(given, int) else self.fault.retry_after


CATALOGUE: dict[str, Fault] = {}


def _fault(  # one row per call keeps the table readable
    code: str, status: int, kind: FaultType, message: str, cause: str, remedy: str, retry_after: int | None = None
) -> Fault:
    if code in CATALOGUE:
        raise ValueError(f"the fault {code} is in the catalogue twice")
    fault = Fault(
        code=code, status=status, type=kind, message=message, cause=cause, remedy=remedy, retry_after=retry_after
    )
    CATALOGUE[code] = fault
    return fault


_AUTHN, _AUTHZ, _VALID = FaultType.AUTHENTICATION, FaultType.AUTHORIZATION, FaultType.VALIDATION
_CONFLICT, _MISSING, _STORAGE = FaultType.CONFLICT, FaultType.NOT_FOUND, FaultType.STORAGE
_INTEGRITY, _UPSTREAM, _INTERNAL = FaultType.INTEGRITY, FaultType.UPSTREAM, FaultType.INTERNAL

# fmt: off
# --- who are you -----------------------------------------------------------------------------------------------------
CREDENTIALS_MISSING = _fault("credentials_missing", 401, _AUTHN, "Authentication is required.",
    "The request carries no credentials and the resource is not public.", "Log in, or sign the request with an access key.")
CREDENTIALS_INVALID = _fault("credentials_invalid", 401, _AUTHN, "The user name or password is wrong.",
    "No active credential matches.", "Check the access key and secret; `zotplus keys list` shows which exist.")
CREDENTIALS_EXPIRED = _fault("credentials_expired", 401, _AUTHN, "The credential has expired.",
    "The access key or robot token is past its expiry.", "Create a new one with `zotplus keys create`.")
CREDENTIALS_AMBIGUOUS = _fault("credentials_ambiguous", 400, _AUTHN, "The request carries more than one credential.",
    "Only one of Authorization header, query signature or several headers may be used.", "Send exactly one credential.")
CREDENTIALS_MALFORMED = _fault("credentials_malformed", 400, _AUTHN, "The credential cannot be read.",
    "The Authorization header or query parameters do not follow their scheme's form.", "Use an unmodified client, or fix the header.")
CREDENTIALS_QUERY_MALFORMED = _fault("credentials_query_malformed", 400, _AUTHN, "The credential in the query cannot be read.",
    "The parameters of a presigned URL are missing or do not follow their form.", "Make the URL anew with an unmodified client.")
ACCESS_KEY_UNKNOWN = _fault("access_key_unknown", 403, _AUTHN, "The access key does not exist.",
    "The access key id of the signature is not known here.", "Check the id; `zotplus keys list` shows which exist.")
SIGNATURE_MISMATCH = _fault("signature_mismatch", 403, _AUTHN, "The signature does not match.",
    "The secret key is wrong, or a proxy changed host, path or a signed header.", "Check the secret key and the endpoint address.")
SIGNATURE_VERSION_REFUSED = _fault("signature_version_refused", 400, _AUTHN, "Signature version 2 is switched off.",
    "The request is signed with SigV2, which boto3 still uses for presigned URLs in us-east-1.",
    "Use SigV4 (`signature_version='s3v4'`), or set `s3.allow_signature_v2`.")
REQUEST_EXPIRED = _fault("request_expired", 403, _AUTHN, "The request has expired.",
    "The presigned URL is past its validity.", "Make a new URL.")
CLOCK_SKEWED = _fault("clock_skewed", 403, _AUTHN, "The request's time differs too much from the server's.",
    "The clocks are more than 15 minutes apart.", "Set the client's clock.")
TOKEN_INVALID = _fault("token_invalid", 401, _AUTHN, "The token is not valid.",
    "The bearer token is malformed, expired, or was not issued here.", "Log in again.")
SESSION_TOO_LARGE = _fault("session_too_large", 400, _VALID, "The session does not fit into its token.",
    "Groups, roles, claims and session policies together are larger than a session token can be.",
    "Shorten the session policy, or store it and name it; let the issuer put fewer claims into its tokens.")
ISSUER_UNAVAILABLE = _fault("issuer_unavailable", 503, _UPSTREAM, "The token cannot be checked at the moment.",
    "The keys of the token's issuer could not be fetched yet, or it signs with one that is newer than those known.",
    "Try again; if it lasts, look at the log for issuer_unavailable and at identity.issuers.", 5)
ACCESS_DENIED = _fault("access_denied", 403, _AUTHZ, "Access denied.",
    "No grant allows this action on this resource, or a policy denies it.", "Ask an administrator for a grant; `zotplus grants list` shows them.")
CORS_DENIED = _fault("cors_denied", 403, _AUTHZ, "This cross-origin request is not allowed.",
    "The bucket has no CORS rules, or none for this origin, method and headers.", "Set a rule with PutBucketCors, or correct the origin.")
LOGIN_PAUSED = _fault("login_paused", 429, _AUTHN, "Too many wrong passwords.",
    "Passwords for this name, or from this address, were wrong so often that none is looked at for a while.",
    "Wait as long as Retry-After says; then correct the password wherever an old one is still in use.", 1)
TOO_MANY_REQUESTS = _fault("too_many_requests", 429, _AUTHZ, "Too many requests.",
    "You have sent more requests in a second, or have more uploads under way, than `protection` allows for one caller.",
    "Wait as long as Retry-After says and send fewer at a time, or ask an administrator to raise the limit.", 1)

# --- what did you send -----------------------------------------------------------------------------------------------
ARGUMENT_INVALID = _fault("argument_invalid", 400, _VALID, "A parameter is invalid.",
    "A header, query parameter or field has a value outside its allowed form.", "Correct the named parameter.")
REQUEST_INVALID = _fault("request_invalid", 400, _VALID, "The request is invalid.",
    "The request's parts contradict each other, or one is missing.", "Correct the request as the detail says.")
PATH_INVALID = _fault("path_invalid", 400, _VALID, "The path cannot be read.",
    "The path is not valid percent-encoded UTF-8, or holds a NUL.", "Encode the path as UTF-8.")
BUCKET_NAME_INVALID = _fault("bucket_name_invalid", 400, _VALID, "The bucket name is not valid.",
    "Names have 3 to 63 lower-case letters, digits, dots and hyphens and begin and end with a letter or digit.", "Choose another name.")
KEY_TOO_LONG = _fault("key_too_long", 400, _VALID, "The key is too long.",
    "A key has at most 1,024 bytes of UTF-8.", "Shorten the key.")
METADATA_TOO_LARGE = _fault("metadata_too_large", 400, _VALID, "The metadata is too large.",
    "User metadata has at most 2,048 bytes in all.", "Shorten the metadata.")
POLICY_INVALID = _fault("policy_invalid", 400, _VALID, "The policy cannot be accepted.",
    "The policy's text is no JSON, too large, or names an action, key, operator or field that does not exist.",
    "Correct what the detail names; `docs/policies.md` describes the language.")
XML_MALFORMED = _fault("xml_malformed", 400, _VALID, "The XML is not well-formed or does not fit its schema.",
    "The body is not the document that this operation takes; DOCTYPE is never accepted.", "Send the document as the S3 API defines it.")
JSON_MALFORMED = _fault("json_malformed", 400, _VALID, "The JSON body does not fit its schema.",
    "The body is not the document that this operation takes.", "See /openapi.json for the schema.")
MEDIA_TYPE_UNSUPPORTED = _fault("media_type_unsupported", 415, _VALID, "The content type is not taken here.",
    "The body is announced as another kind of document than this operation takes.", "Send application/json with a Content-Type header.")
BODY_EMPTY = _fault("body_empty", 400, _VALID, "The request has no body.",
    "The operation needs a document in its body.", "Send it.")
BODY_INCOMPLETE = _fault("body_incomplete", 400, _VALID, "The body is shorter than announced.",
    "The connection ended early or Content-Length is wrong.", "Send the request again.")
BODY_CHUNK_INVALID = _fault("body_chunk_invalid", 400, _VALID, "The aws-chunked body is malformed.",
    "A chunk header, size, signature line or trailer is not in its form.", "Use an unmodified client.")
BODY_CHUNK_SIGNATURE_MISMATCH = _fault("body_chunk_signature_mismatch", 403, _AUTHN, "A chunk's signature does not match.",
    "The body was changed on the way, or the secret is wrong.", "Send the request again with the right key.")
BODY_CHUNK_TOO_SMALL = _fault("body_chunk_too_small", 403, _VALID, "Only the last chunk may have less than 8,192 bytes.",
    "The aws-chunked body is cut into smaller chunks than S3 admits.", "Buffer the stream, so that chunks have at least 8 KiB.")
BODY_TRAILER_INVALID = _fault("body_trailer_invalid", 400, _VALID, "The trailer of the aws-chunked body is malformed.",
    "A trailer is not in its form, was not announced in x-amz-trailer, or is missing.", "Use an unmodified client.")
BODY_LENGTH_REQUIRED = _fault("body_length_required", 411, _VALID, "Content-Length is required.",
    "The operation needs to know the size before the body arrives.", "Send Content-Length.")
BODY_TOO_LARGE = _fault("body_too_large", 413, _VALID, "The body is too large.",
    "The operation accepts fewer bytes than were sent or announced.", "Send less; objects above 5 GiB need multipart.")
ENTITY_TOO_LARGE = _fault("entity_too_large", 400, _VALID, "The object or part is larger than allowed.",
    "One upload or part has at most 5 GiB, an object 5 TiB.", "Use multipart with smaller parts.")
ENTITY_TOO_SMALL = _fault("entity_too_small", 400, _VALID, "The upload is smaller than allowed.",
    "The policy of the form demands a larger file (content-length-range).", "Upload a larger file.")
FORM_MALFORMED = _fault("form_malformed", 400, _VALID, "The form cannot be read.",
    "The body is not well-formed multipart/form-data, or has a field twice.", "Send the form as a browser or curl -F does.")
FORM_TOO_LARGE = _fault("form_too_large", 400, _VALID, "The fields of the form are too large.",
    "Before the file a form has at most 20,480 bytes.", "Send less in the fields; the file may be large.")
FORM_WITHOUT_FILE = _fault("form_without_file", 400, _VALID, "The form brings no file.",
    "A form to upload has one field called file, which is the last one.", "Add the field, or check the order of the fields.")
FORM_POLICY_INVALID = _fault("form_policy_invalid", 400, _VALID, "The form's policy cannot be read.",
    "The field policy is not base64 of JSON with expiration and conditions.", "Make the form anew, such as with `zotplus presign --form`.")
PART_TOO_SMALL = _fault("part_too_small", 400, _VALID, "A part is smaller than 5 MiB.",
    "All parts but the last have at least 5 MiB.", "Use larger parts.")
PART_INVALID = _fault("part_invalid", 400, _VALID, "A part was not found or does not match.",
    "The list names a part that was not uploaded, or another ETag or checksum.", "Upload the part again.")
PART_ORDER_INVALID = _fault("part_order_invalid", 400, _VALID, "The parts are not in ascending order.",
    "Part numbers must ascend.", "Sort the list.")
RANGE_UNSATISFIABLE = _fault("range_unsatisfiable", 416, _VALID, "The range lies outside the object.",
    "The first byte asked for is past the end.", "Ask within the object's size.")
PART_NUMBER_UNSATISFIABLE = _fault("part_number_unsatisfiable", 416, _VALID, "The object has no such part.",
    "The partNumber is larger than the number of parts that the object was uploaded in.", "Ask for a part that x-amz-mp-parts-count admits.")
TAG_INVALID = _fault("tag_invalid", 400, _VALID, "A tag is not valid.",
    "Keys have 1 to 128 and values up to 256 letters, digits, spaces or + - = . _ : / @, and no key begins with aws:.", "Correct the tag.")
TAGS_TOO_MANY = _fault("tags_too_many", 400, _VALID, "There are too many tags.",
    "An object has at most 10 tags, a bucket 50.", "Leave some out.")
CORS_REQUEST_INVALID = _fault("cors_request_invalid", 400, _VALID, "The cross-origin request is not valid.",
    "A preflight names its origin, the method, and the headers that the page wants to send.", "Let a browser make it.")
LOCATION_INVALID = _fault("location_invalid", 400, _VALID, "The region is not this server's.",
    "LocationConstraint names another region than the server reports.", "Leave LocationConstraint out, or use the server's region.")
STORAGE_CLASS_INVALID = _fault("storage_class_invalid", 400, _VALID, "The storage class is not valid.",
    "The class is unknown, or one from which objects cannot be read at once.", "Use STANDARD, or one of `storage_classes`.")
REDIRECT_INVALID = _fault("redirect_invalid", 400, _VALID, "The redirect is no address.",
    "x-amz-website-redirect-location begins with / or http:// or https://.", "Correct the header.")
COPY_SOURCE_INVALID = _fault("copy_source_invalid", 400, _VALID, "The copy source is invalid.",
    "x-amz-copy-source is /bucket/key, percent-encoded, with an optional versionId.", "Correct the header.")
COPY_ONTO_ITSELF = _fault("copy_onto_itself", 400, _VALID, "The copy changes nothing.",
    "Source and destination are the same and no metadata is replaced.", "Set x-amz-metadata-directive: REPLACE, or another destination.")
ENCRYPTION_ALGORITHM_INVALID = _fault("encryption_algorithm_invalid", 400, _VALID, "The encryption algorithm is not AES256.",
    "SSE-C takes one algorithm.", "Send x-amz-server-side-encryption-customer-algorithm: AES256.")
ENCRYPTION_KEY_MISSING = _fault("encryption_key_missing", 400, _VALID, "The object is encrypted with a key that only its owner has.",
    "It was stored with SSE-C, and the request brings no key.", "Send the three x-amz-server-side-encryption-customer headers that it was stored with.")
ENCRYPTION_KEY_WRONG = _fault("encryption_key_wrong", 403, _AUTHZ, "The encryption key is not the one that the object was stored with.",
    "The customer's key of the request does not open the object.", "Send the key that it was stored with; nobody can read it without.")
ENCRYPTION_KEY_UNWANTED = _fault("encryption_key_unwanted", 400, _VALID, "The object was not stored with a customer's key.",
    "The request brings SSE-C headers for an object that has none.", "Leave the SSE-C headers out.")
KMS_KEY_NOT_FOUND = _fault("kms_key_not_found", 400, _MISSING, "The encryption key does not exist.",
    "No key of this id is in the key ring.", "List the keys with `zotplus kms keys list`, or create it.")
KMS_KEY_DISABLED = _fault("kms_key_disabled", 400, _CONFLICT, "The encryption key is disabled.",
    "An administrator disabled it; what it wraps cannot be read until it is enabled.", "Enable it with `zotplus kms keys enable`, or use another.")
KMS_REFUSED = _fault("kms_refused", 403, _AUTHZ, "The key service refused.",
    "The token of this server may not use the key.", "Give the server's token encrypt and decrypt on the key in Vault or OpenBao.")
KMS_UNAVAILABLE = _fault("kms_unavailable", 503, _UPSTREAM, "The key service does not answer.",
    "Vault or OpenBao is down, sealed, or cannot be reached.", "Try again; if it lasts, look at kms.vault.url and the service's log.", 5)
HEADER_CRYPTO_UNSUPPORTED = _fault("encryption_unsupported", 501, _VALID, "Server-side encryption is not configured.",
    "The request asks for encryption, and storing plaintext instead would be a lie.", "Leave the encryption header out.")
OPERATION_UNKNOWN = _fault("operation_unknown", 501, _VALID, "The operation is not implemented.",
    "The sub-resource or header names a function that this server does not have.", "See docs/reference/s3 for what is supported.")
METHOD_NOT_ALLOWED = _fault("method_not_allowed", 405, _VALID, "The method is not allowed here.",
    "The resource exists but does not take this method.", "See the Allow header.")
ENDPOINT_NOT_S3 = _fault("endpoint_not_s3", 400, _VALID, "The endpoint is not that of S3.",
    "The request is one of S3, and the main port has S3 below /s3 only.", "Set the client's endpoint to the address with /s3, or to the port of S3 (s3.port).")
NOT_MINIO = _fault("not_minio", 501, _VALID, "This server is not MinIO.",
    "The request is one of MinIO's administration API, as `mc admin` sends them.", "Use the `zotplus` command that docs/minio.md names for it.")
SETTING_INVALID = _fault("setting_invalid", 400, _VALID, "A setting is invalid.",
    "The configuration names an unknown setting or a value of the wrong form.", "`zotplus config check` names it; `zotplus config schema` lists all.")
ADDRESS_UNAVAILABLE = _fault("address_unavailable", 409, _CONFLICT, "The server cannot listen on its address.",
    "Another program has the port, or the address is not this machine's.", "Stop the other program, or set http.port and s3.port.")
DATA_DIR_BUSY = _fault("data_dir_busy", 409, _CONFLICT, "Another server uses the data folder.",
    "A folder serves one server at a time.", "Stop the other server, or set data_dir.")

# --- integrity -------------------------------------------------------------------------------------------------------
DIGEST_MALFORMED = _fault("digest_malformed", 400, _VALID, "A digest or checksum cannot be read.",
    "Content-MD5 or an x-amz-checksum header is not valid base64 of the right length.", "Correct the header.")
DIGEST_MISMATCH = _fault("digest_mismatch", 400, _INTEGRITY, "The content does not match Content-MD5.",
    "The body was changed on the way, or the digest is of another body.", "Send the request again.")
CHECKSUM_MISMATCH = _fault("checksum_mismatch", 400, _INTEGRITY, "The content does not match its checksum.",
    "The body was changed on the way, or the checksum is of another body.", "Send the request again.")
CONTENT_SHA256_MISMATCH = _fault("content_sha256_mismatch", 400, _INTEGRITY, "The content does not match x-amz-content-sha256.",
    "The body is not the one that was signed.", "Send the request again.")
BLOB_CORRUPT = _fault("blob_corrupt", 500, _INTEGRITY, "The stored content is damaged.",
    "Reading found other bytes than were written; they are never served.", "Restore the object from a backup; `zotplus scrub` lists what is damaged.")
BLOB_MISSING = _fault("blob_missing", 500, _INTEGRITY, "The stored content is missing.",
    "Metadata names a blob that is not on disk.", "Restore from a backup; `zotplus scrub` lists what is missing.")

AUDIT_DAMAGED = _fault("audit_damaged", 500, _INTEGRITY, "The audit log is not whole.",
    "Records were edited, removed or moved, or a disk lost them.", "The output names stream and record; compare with what was sent to a SIEM, or with a backup.")

# --- what is there ---------------------------------------------------------------------------------------------------
ROUTE_NOT_FOUND = _fault("route_not_found", 404, _MISSING, "There is nothing at this address.",
    "No face of the server has this path.", "Check the address.")
BUCKET_NOT_FOUND = _fault("bucket_not_found", 404, _MISSING, "The bucket does not exist.",
    "No bucket has this name.", "Create it, or check the spelling.")
BUCKET_EXISTS = _fault("bucket_exists", 409, _CONFLICT, "The bucket already exists.",
    "Another owner has a bucket of this name.", "Choose another name.")
BUCKET_OWNED = _fault("bucket_owned", 409, _CONFLICT, "The bucket already exists and is yours.",
    "It was created before.", "Nothing needs to be done.")
BUCKET_NOT_EMPTY = _fault("bucket_not_empty", 409, _CONFLICT, "The bucket is not empty.",
    "It still holds objects.", "Delete them first, or use `zotplus rb --force`.")
OBJECT_NOT_FOUND = _fault("object_not_found", 404, _MISSING, "The object does not exist.",
    "The bucket has no object with this key.", "Check the key.")
VERSION_NOT_FOUND = _fault("version_not_found", 404, _MISSING, "The version does not exist.",
    "The object has no version with this id.", "List the versions.")
UPLOAD_NOT_FOUND = _fault("upload_not_found", 404, _MISSING, "The multipart upload does not exist.",
    "It was completed, aborted or never begun.", "Begin a new upload.")
TAGS_MISSING = _fault("tags_missing", 404, _MISSING, "There are no tags.",
    "The bucket has no tags.", "Set some, or go on without.")
CORS_MISSING = _fault("cors_missing", 404, _MISSING, "The bucket has no CORS rules.",
    "Nobody set any for this bucket.", "Set some with PutBucketCors.")
LIFECYCLE_MISSING = _fault("lifecycle_missing", 404, _MISSING, "The bucket has no lifecycle rules.",
    "Nobody set any for this bucket.", "Set some with PutBucketLifecycleConfiguration.")
REPLICATION_MISSING = _fault("replication_missing", 404, _MISSING, "The bucket has no replication.",
    "This server replicates no buckets, so none can be set.", "Copy what is needed elsewhere with a client.")
WEBSITE_MISSING = _fault("website_missing", 404, _MISSING, "The bucket is no website.",
    "This server serves no websites from buckets, so none can be set.", "Serve the objects by a web server of your own.")
CONFIGURATION_MISSING = _fault("configuration_missing", 404, _MISSING, "There is no such configuration.",
    "This server has no analytics, inventory, metrics or tiering of buckets, so none can be set.", "Go on without.")
LOGGING_TARGET_INVALID = _fault("logging_target_invalid", 400, _VALID, "The target bucket for logging cannot be used.",
    "It does not exist, you may not write there, or its object lock would keep the logs.",
    "Name another bucket, or get the right to put objects with the prefix.")
PRECONDITION_FAILED = _fault("precondition_failed", 412, _CONFLICT, "A precondition does not hold.",
    "If-Match, If-None-Match or a date condition is not met.", "Read the object again and decide anew.")
NOT_MODIFIED = _fault("not_modified", 304, _CONFLICT, "Not modified.",
    "The client's copy is current.", "Use it.")
CONDITIONAL_CONFLICT = _fault("conditional_conflict", 409, _CONFLICT, "Another write to the same key was faster.",
    "Two conditional writes met.", "Try again.", 1)
OBJECT_LOCKED = _fault("object_locked", 403, _AUTHZ, "Access Denied because object protected by object lock.",
    "The version is under retention or a legal hold.", "Wait until the retention ends; a legal hold can be taken off by who may.")
LOCK_CONFIGURATION_NOT_FOUND = _fault("lock_configuration_not_found", 404, _MISSING,
    "The bucket has no object lock.", "Object lock was never switched on for the bucket.", "Switch it on.")
LOCK_NOT_FOUND = _fault("lock_not_found", 404, _MISSING, "The version has no such lock.",
    "The version has no retention, or no legal hold was ever set.", "Nothing needs to be done.")
BUCKET_STATE_INVALID = _fault("bucket_state_invalid", 409, _CONFLICT, "The bucket's state does not allow this.",
    "Object lock needs versioning, for good.", "Enable versioning first; where object lock is on, versioning stays on.")
BUCKET_ENCRYPTION_MISSING = _fault("bucket_encryption_missing", 404, _MISSING, "The bucket has no default encryption.",
    "None was set, and the server has none either.", "Set it with PutBucketEncryption.")
POLICY_MISSING = _fault("policy_missing", 404, _MISSING, "The bucket has no policy.",
    "None was set, or it was deleted.", "Nothing needs to be done; PutBucketPolicy sets one.")
PUBLIC_ACCESS_BLOCK_MISSING = _fault("public_access_block_missing", 404, _MISSING, "The bucket blocks no public access.",
    "None was set, or it was deleted.", "Nothing needs to be done; PutPublicAccessBlock sets it.")
OWNERSHIP_MISSING = _fault("ownership_missing", 404, _MISSING, "The bucket has no ownership controls.",
    "They were deleted; access control lists count then.", "PutBucketOwnershipControls sets them.")
ACL_UNSUPPORTED = _fault("acl_unsupported", 400, _VALID, "The bucket does not take access control lists.",
    "Its ownership controls say BucketOwnerEnforced, as those of new buckets do.",
    "Use a bucket policy or a grant; or set the ownership controls to ObjectWriter or BucketOwnerPreferred.")
ACL_CONFLICT = _fault("acl_conflict", 400, _VALID, "Access control lists and BucketOwnerEnforced exclude each other.",
    "The bucket's list gives something to others than its owner, and would count no more.",
    "Set the bucket's list to private first, or other ownership controls.")
ACL_MALFORMED = _fault("acl_malformed", 400, _VALID, "The access control list cannot be accepted.",
    "The document lacks an owner, or names a grantee or permission that does not exist.",
    "Send the document as the S3 API defines it.")
ACL_MISSING = _fault("acl_missing", 400, _VALID, "The request says nothing of an access control list.",
    "Neither a document, nor x-amz-acl, nor x-amz-grant-* was sent.", "Send one of them.")
CONTENT_UNEXPECTED = _fault("content_unexpected", 400, _VALID, "The request has a body where it must have none.",
    "The access control list stands in headers, and a document came as well.", "Send one of both.")
RECORD_NOT_FOUND = _fault("record_not_found", 404, _MISSING, "It does not exist.",
    "No key, grant or other record has this name.", "List what exists.")
RECORD_EXISTS = _fault("record_exists", 409, _CONFLICT, "It already exists.",
    "A record of this name was created before.", "Choose another name.")
RENAME_MISMATCH = _fault("rename_mismatch", 400, _CONFLICT, "The client token was used for another rename.",
    "A token stands for one rename, and this one is of other keys.", "Use a new token for each rename.")
POLICY_ATTACHED = _fault("policy_attached", 409, _CONFLICT, "The policy is attached.",
    "Keys, robots, people, groups or roles have it, and would lose it or get something else.",
    "Detach it first; `zotplus policy delete --detach` does both at once.")
USER_IN_USE = _fault("user_in_use", 409, _CONFLICT, "The user still has something.",
    "A user that has access keys, policies or grants cannot be deleted.", "Remove these first.")
USER_KEYS_EXCEEDED = _fault("user_keys_exceeded", 409, _CONFLICT, "The user has as many access keys as a user can have.",
    "A user has at most ten access keys.", "Delete one that is no longer used; `aws iam list-access-keys` shows them.")
LAST_ADMINISTRATOR = _fault("last_administrator", 409, _CONFLICT, "The last administrator cannot be removed.",
    "Nobody, or nobody who does not expire, could manage keys and grants any more.",
    "Grant another key that never expires the role administrator on * first.")

# --- OCI -------------------------------------------------------------------------------------------------------------
REPOSITORY_NAME_INVALID = _fault("repository_name_invalid", 400, _VALID, "The repository name is not valid.",
    "Names follow the OCI distribution specification: lower-case components joined by slashes.", "Choose another name.")
REFERENCE_INVALID = _fault("reference_invalid", 400, _VALID, "The tag or digest is not valid.",
    "Tags have up to 128 letters, digits, dots, hyphens and underscores; digests are algorithm:hex.", "Correct the reference.")
REPOSITORY_NOT_FOUND = _fault("repository_not_found", 404, _MISSING, "The repository does not exist.",
    "The upstream registry does not know it.", "Check the name.")
BLOB_UNKNOWN = _fault("blob_unknown", 404, _MISSING, "The blob does not exist in this repository.",
    "No blob of this digest was pushed to the repository.", "Push it first.")
UPSTREAM_MISSING = _fault("upstream_missing", 503, _UPSTREAM, "No OCI registry is configured.",
    "The gateway found no Zot: neither upstream.url, nor upstream.binary, nor zot on PATH.",
    "Install Zot, or set upstream.url.", 30)
UPSTREAM_UNAVAILABLE = _fault("upstream_unavailable", 503, _UPSTREAM, "The OCI registry does not answer.",
    "The connection to the upstream was refused or broke.", "Try again; if it lasts, look at the upstream's log.", 5)
UPSTREAM_FAILED = _fault("upstream_failed", 502, _UPSTREAM, "The OCI registry gave no usable answer.",
    "The upstream answered outside the protocol, or with a server error.", "Look at the upstream's log.", 5)

# --- storage and the rest --------------------------------------------------------------------------------------------
STORAGE_FULL = _fault("storage_full", 507, _STORAGE, "The storage is full.",
    "The disk or the metadata map has no room; reads and deletes still work.", "Free or add space.", 60)
QUOTA_EXCEEDED = _fault("quota_exceeded", 403, _STORAGE, "The bucket's quota does not allow it.",
    "The bucket would hold more bytes or objects than its quota allows.", "Delete something, or have an administrator raise it with `zotplus buckets quota`.")
STORAGE_FAILED = _fault("storage_failed", 500, _STORAGE, "The storage failed.",
    "The disk reported an error.", "Look at the server's log and the disk.")
AUDIT_UNAVAILABLE = _fault("audit_unavailable", 507, _STORAGE, "The audit log cannot be written.",
    "Writes and administration are refused while they would leave no trace; reads go on.",
    "Free or add space in the data folder; `zotplus status` and the log say more.", 60)
SLOW_DOWN = _fault("slow_down", 503, _STORAGE, "Too many requests.",
    "More work is under way than the server takes.", "Try again with back-off.", 1)
SHUTTING_DOWN = _fault("shutting_down", 503, _INTERNAL, "The server is shutting down.",
    "It finishes what runs and takes nothing new.", "Try again.", 2)
REQUEST_TIMEOUT = _fault("request_timeout", 400, _VALID, "The client was too slow.",
    "No byte of the body arrived for longer than the idle time.", "Send the request again.")
INTERNAL_ERROR = _fault("internal_error", 500, _INTERNAL, "An internal error.",
    "A fault in the server; the log has the details under the request id.", "Report it with the request id.")
# fmt: on
