"""fsspec's s3fs at an S3 endpoint: python fsspec_client.py ENDPOINT ACCESS_KEY SECRET_KEY BUCKET."""

import os
import sys
import urllib.request

import s3fs

ENDPOINT, ACCESS_KEY, SECRET_KEY, BUCKET = sys.argv[1:]
LARGE = os.urandom(12 << 20)
files = s3fs.S3FileSystem(
    key=ACCESS_KEY,
    secret=SECRET_KEY,
    endpoint_url=ENDPOINT,
    client_kwargs={"region_name": "us-east-1"},
    config_kwargs={"s3": {"addressing_style": "path"}, "signature_version": "s3v4"},
    version_aware=True,
)


def put():
    for name in ("one", "two"):
        files.pipe(f"{BUCKET}/dir/{name}", f"content of {name}".encode())


def get():
    assert files.cat(f"{BUCKET}/dir/one") == b"content of one"


def part():
    assert files.cat_file(f"{BUCKET}/dir/one", start=8, end=14) == b"of one"


def multipart():
    with files.open(f"{BUCKET}/large", "wb", block_size=5 << 20) as file:
        file.write(LARGE)
    assert files.cat(f"{BUCKET}/large") == LARGE


def listing():
    files.invalidate_cache()
    found = [name.rpartition("/")[2] for name in files.ls(f"{BUCKET}/dir", detail=False)]
    assert sorted(found) == ["one", "two"], found


def copy():
    files.copy(f"{BUCKET}/dir/one", f"{BUCKET}/copied")
    assert files.cat(f"{BUCKET}/copied") == b"content of one"


def presigned():
    with urllib.request.urlopen(files.sign(f"{BUCKET}/dir/one", expiration=60)) as answer:
        assert answer.read() == b"content of one"


def tags():
    files.put_tags(f"{BUCKET}/dir/one", {"colour": "blue"})
    assert files.get_tags(f"{BUCKET}/dir/one") == {"colour": "blue"}


def versions():
    files.make_bucket_versioned(BUCKET, True)
    put()
    found = files.object_version_info(f"{BUCKET}/dir/one")
    assert len(found) == 2, found


def delete():
    files.invalidate_cache()
    for path in ("dir/one", "dir/two", "large", "copied"):
        for found in files.object_version_info(f"{BUCKET}/{path}"):
            files.call_s3("delete_object", Bucket=BUCKET, Key=path, VersionId=found["VersionId"])
    files.rmdir(BUCKET)


STEPS = {
    "create": lambda: files.mkdir(BUCKET),
    "put": put,
    "get": get,
    "range": part,
    "multipart": multipart,
    "list": listing,
    "copy": copy,
    "presigned": presigned,
    "tags": tags,
    "versions": versions,
    "delete": delete,
}

for name, step in STEPS.items():
    try:
        step()
        result = "ok"
    except Exception as problem:  # noqa: BLE001 - what the client says is the result
        result = " ".join(f"{type(problem).__name__}: {problem}".split())
    print(f"{name}\t{result}")  # noqa: T201 - read by the test
