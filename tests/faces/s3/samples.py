"""One request for every row of the route table: what the matrices of credentials and bodies are made from."""

from tests.faces.s3.sharing_samples import sharing_samples
from tests.faces.s3.stage import Call, Stage

DELETE = b"<Delete><Object><Key>key</Key></Object></Delete>"
ENCRYPTION = (
    b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    b"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)
CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>https://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
    b"</CORSRule></CORSConfiguration>"
)
TAGGING = b"<Tagging><TagSet><Tag><Key>key</Key><Value>value</Value></Tag></TagSet></Tagging>"
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
OWNER_PAYS = b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
UNSET = {
    "GetBucketAccelerateConfiguration": "accelerate",
    "GetBucketRequestPayment": "requestPayment",
    "GetBucketWebsite": "website",
    "GetBucketReplication": "replication",
    "ListBucketAnalyticsConfigurations": "analytics",
    "ListBucketInventoryConfigurations": "inventory",
    "ListBucketMetricsConfigurations": "metrics",
    "ListBucketIntelligentTieringConfigurations": "intelligent-tiering",
}
NEVER_THERE = frozenset({"GetBucketWebsite", "GetBucketReplication"})
"""What the owner may ask for, and is told that it is not there."""
LIFECYCLE = (
    b"<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter/><Expiration><Days>30</Days></Expiration>"
    b"</Rule></LifecycleConfiguration>"
)
LOCKING = (
    b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
    b"<Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
)
RETENTION = b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate></Retention>"
LEGAL_HOLD = b"<LegalHold><Status>OFF</Status></LegalHold>"
CONTENT = b"new content " * 2000
LOGGING = (
    b"<BucketLoggingStatus><LoggingEnabled><TargetBucket>bucket</TargetBucket><TargetPrefix>log/</TargetPrefix>"
    b"</LoggingEnabled></BucketLoggingStatus>"
)
NOTIFICATION = (
    b"<NotificationConfiguration><QueueConfiguration><Queue>arn:zotplus:webhook:::hook</Queue>"
    b"<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
)
SKIP_VALIDATION = {"x-amz-skip-destination-validation": "true"}
FORM_HEADERS = {"Content-Type": "multipart/form-data; boundary=b"}
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nform\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + CONTENT + b"\r\n--b--\r\n"
)


async def samples(stage: Stage) -> dict[str, Call]:
    """Route name -> a request that an administrator may make, over a bucket with an object and an upload."""
    await stage.put("key", b"old content")
    made = await stage.ask("POST", "/bucket/upload", query="uploads")
    upload = made.text("UploadId")
    part = await stage.ask("PUT", "/bucket/upload", query=f"partNumber=1&uploadId={upload}", body=b"part")
    complete = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
        "</CompleteMultipartUpload>"
    ).encode()
    copy = {"x-amz-copy-source": "/bucket/key"}
    await stage.ask("PUT", "/empty-bucket")
    await stage.ask("PUT", "/locking-bucket", headers={"x-amz-bucket-object-lock-enabled": "true"})
    locked = {"x-amz-object-lock-legal-hold": "ON", "x-amz-checksum-crc32": "6tLIkQ=="}
    locked |= {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2998-01-01T00:00:00Z"}
    await stage.ask("PUT", "/locking-bucket/key", headers=locked, body=b"locked")
    await stage.ask("PUT", "/bucket", query="lifecycle", body=LIFECYCLE)
    await stage.ask("PUT", "/plain-bucket")
    await stage.ask("PUT", "/plain-bucket/old", body=CONTENT)
    await stage.ask("PUT", "/bucket", query="cors", body=CORS)
    await stage.ask("PUT", "/bucket", query="tagging", body=TAGGING)
    return {
        "ListBuckets": Call(method="GET", path="/"),
        "PutObjectLockConfiguration": Call(method="PUT", path="/locking-bucket", query="object-lock=", body=LOCKING),
        "GetObjectLockConfiguration": Call(method="GET", path="/locking-bucket", query="object-lock="),
        "PutObjectRetention": Call(method="PUT", path="/locking-bucket/key", query="retention=", body=RETENTION),
        "GetObjectRetention": Call(method="GET", path="/locking-bucket/key", query="retention="),
        "PutObjectLegalHold": Call(method="PUT", path="/locking-bucket/key", query="legal-hold=", body=LEGAL_HOLD),
        "GetObjectLegalHold": Call(method="GET", path="/locking-bucket/key", query="legal-hold="),
        "CreateBucket": Call(method="PUT", path="/another-bucket"),
        "PutBucketCors": Call(method="PUT", path="/bucket", query="cors=", body=CORS.replace(b"GET", b"PUT")),
        "GetBucketCors": Call(method="GET", path="/bucket", query="cors="),
        "DeleteBucketCors": Call(method="DELETE", path="/bucket", query="cors="),
        "PutBucketEncryption": Call(method="PUT", path="/bucket", query="encryption=", body=ENCRYPTION),
        "GetBucketEncryption": Call(method="GET", path="/bucket", query="encryption="),
        "DeleteBucketEncryption": Call(method="DELETE", path="/bucket", query="encryption="),
        "PutBucketTagging": Call(
            method="PUT", path="/bucket", query="tagging=", body=TAGGING.replace(b"value", b"other")
        ),
        "GetBucketTagging": Call(method="GET", path="/bucket", query="tagging="),
        "DeleteBucketTagging": Call(method="DELETE", path="/bucket", query="tagging="),
        **{name: Call(method="GET", path="/bucket", query=f"{selector}=") for name, selector in UNSET.items()},
        **await sharing_samples(stage),
        "PutBucketRequestPayment": Call(method="PUT", path="/bucket", query="requestPayment=", body=OWNER_PAYS),
        "PutBucketLogging": Call(method="PUT", path="/bucket", query="logging=", body=LOGGING),
        "GetBucketLogging": Call(method="GET", path="/bucket", query="logging="),
        "PutBucketNotificationConfiguration": Call(
            method="PUT", path="/bucket", query="notification=", headers=SKIP_VALIDATION, body=NOTIFICATION
        ),
        "GetBucketNotificationConfiguration": Call(method="GET", path="/bucket", query="notification="),
        "PutObjectTagging": Call(method="PUT", path="/bucket/key", query="tagging=", body=TAGGING),
        "GetObjectTagging": Call(method="GET", path="/bucket/key", query="tagging="),
        "DeleteObjectTagging": Call(method="DELETE", path="/bucket/key", query="tagging="),
        "GetObjectAttributes": Call(
            method="GET", path="/bucket/key", query="attributes=", headers={"x-amz-object-attributes": "ETag"}
        ),
        "RenameObject": Call(
            method="PUT", path="/plain-bucket/new", query="renameObject=", headers={"x-amz-rename-source": "old"}
        ),
        "HeadBucket": Call(method="HEAD", path="/bucket"),
        "DeleteBucket": Call(method="DELETE", path="/empty-bucket"),
        "GetBucketLocation": Call(method="GET", path="/bucket", query="location="),
        "PutBucketVersioning": Call(method="PUT", path="/bucket", query="versioning=", body=VERSIONING),
        "ListObjectVersions": Call(method="GET", path="/bucket", query="versions="),
        "GetBucketVersioning": Call(method="GET", path="/bucket", query="versioning="),
        "PutBucketLifecycleConfiguration": Call(method="PUT", path="/bucket", query="lifecycle=", body=LIFECYCLE),
        "GetBucketLifecycleConfiguration": Call(method="GET", path="/bucket", query="lifecycle="),
        "DeleteBucketLifecycle": Call(method="DELETE", path="/bucket", query="lifecycle="),
        "ListMultipartUploads": Call(method="GET", path="/bucket", query="uploads="),
        "ListObjectsV2": Call(method="GET", path="/bucket", query="list-type=2"),
        "ListObjects": Call(method="GET", path="/bucket"),
        "PostObject": Call(method="POST", path="/bucket", headers=FORM_HEADERS, body=FORM),
        "DeleteObjects": Call(method="POST", path="/bucket", query="delete=", body=DELETE),
        "ListParts": Call(method="GET", path="/bucket/upload", query=f"uploadId={upload}"),
        "GetObject": Call(method="GET", path="/bucket/key"),
        "HeadObject": Call(method="HEAD", path="/bucket/key"),
        "UploadPartCopy": Call(
            method="PUT", path="/bucket/upload", query=f"partNumber=2&uploadId={upload}", headers=copy
        ),
        "UploadPart": Call(method="PUT", path="/bucket/upload", query=f"partNumber=2&uploadId={upload}", body=CONTENT),
        "CopyObject": Call(method="PUT", path="/bucket/copy", headers=copy),
        "PutObject": Call(method="PUT", path="/bucket/key", body=CONTENT),
        "CreateMultipartUpload": Call(method="POST", path="/bucket/key", query="uploads="),
        "CompleteMultipartUpload": Call(
            method="POST", path="/bucket/upload", query=f"uploadId={upload}", body=complete
        ),
        "AbortMultipartUpload": Call(method="DELETE", path="/bucket/upload", query=f"uploadId={upload}"),
        "DeleteObject": Call(method="DELETE", path="/bucket/key"),
    }
