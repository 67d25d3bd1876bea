"""One request for every operation on what opens a bucket to others."""

import json

from tests.faces.s3.stage import Call, Stage

BUCKET = "/shared-bucket"
OBJECT = f"{BUCKET}/key"
POLICY = json.dumps(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "AKADMIN"},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::shared-bucket/*",
        }
    }
).encode()
BLOCK = b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
OWNERSHIP = b"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
PRIVATE = {"x-amz-acl": "private"}


async def sharing_samples(stage: Stage) -> dict[str, Call]:
    """Over a bucket of its own."""
    for call in (
        Call(method="PUT", path=BUCKET),
        Call(method="PUT", path=OBJECT, body=b"content"),
        Call(method="PUT", path=BUCKET, query="policy=", body=POLICY),
        Call(method="PUT", path=BUCKET, query="publicAccessBlock=", body=BLOCK),
        Call(method="PUT", path=BUCKET, query="ownershipControls=", body=OWNERSHIP),
    ):
        assert (await stage.call(call)).status in (200, 204)
    return {
        "PutBucketPolicy": Call(method="PUT", path=BUCKET, query="policy=", body=POLICY + b" "),
        "GetBucketPolicy": Call(method="GET", path=BUCKET, query="policy="),
        "GetBucketPolicyStatus": Call(method="GET", path=BUCKET, query="policyStatus="),
        "DeleteBucketPolicy": Call(method="DELETE", path=BUCKET, query="policy="),
        "PutPublicAccessBlock": Call(method="PUT", path=BUCKET, query="publicAccessBlock=", body=BLOCK + b" "),
        "GetPublicAccessBlock": Call(method="GET", path=BUCKET, query="publicAccessBlock="),
        "DeletePublicAccessBlock": Call(method="DELETE", path=BUCKET, query="publicAccessBlock="),
        "PutBucketOwnershipControls": Call(method="PUT", path=BUCKET, query="ownershipControls=", body=OWNERSHIP),
        "GetBucketOwnershipControls": Call(method="GET", path=BUCKET, query="ownershipControls="),
        "DeleteBucketOwnershipControls": Call(method="DELETE", path=BUCKET, query="ownershipControls="),
        "GetBucketAcl": Call(method="GET", path=BUCKET, query="acl="),
        "PutBucketAcl": Call(method="PUT", path=BUCKET, query="acl=", headers=PRIVATE),
        "GetObjectAcl": Call(method="GET", path=OBJECT, query="acl="),
        "PutObjectAcl": Call(method="PUT", path=OBJECT, query="acl=", headers=PRIVATE),
    }
