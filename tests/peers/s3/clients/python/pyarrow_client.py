"""pyarrow at an S3 endpoint: python pyarrow_client.py ENDPOINT ACCESS_KEY SECRET_KEY BUCKET."""

import os
import sys
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, S3FileSystem

ENDPOINT, ACCESS_KEY, SECRET_KEY, BUCKET = sys.argv[1:]
LARGE = os.urandom(12 << 20)
TABLE = pa.table({"id": list(range(10_000)), "name": [f"row {number}" for number in range(10_000)]})
files = S3FileSystem(
    access_key=ACCESS_KEY,
    secret_key=SECRET_KEY,
    region="us-east-1",
    scheme="http",
    endpoint_override=urlsplit(ENDPOINT).netloc + urlsplit(ENDPOINT).path,
    allow_bucket_creation=True,
    allow_bucket_deletion=True,
)


def write(name, content):
    with files.open_output_stream(f"{BUCKET}/{name}") as stream:
        stream.write(content)


def read(name):
    with files.open_input_stream(f"{BUCKET}/{name}") as stream:
        return stream.read()


def put():
    write("dir/one", b"content of one")
    write("dir/two", b"content of two")


def get():
    assert read("dir/one") == b"content of one"


def part():
    with files.open_input_file(f"{BUCKET}/dir/one") as file:
        file.seek(8)
        assert file.read(6) == b"of one"


def multipart():
    write("large", LARGE)
    assert read("large") == LARGE


def listing():
    found = [entry.base_name for entry in files.get_file_info(FileSelector(f"{BUCKET}/dir"))]
    assert sorted(found) == ["one", "two"], found


def copy():
    files.copy_file(f"{BUCKET}/dir/one", f"{BUCKET}/copied")
    assert read("copied") == b"content of one"


def parquet():
    pq.write_to_dataset(TABLE, f"{BUCKET}/table", filesystem=files)
    rows = ds.dataset(f"{BUCKET}/table", filesystem=files).to_table(filter=ds.field("id") >= 9_990)
    assert rows.num_rows == 10, rows.num_rows


def delete():
    files.delete_dir_contents(BUCKET)
    files.delete_dir(BUCKET)


STEPS = {
    "create": lambda: files.create_dir(BUCKET),
    "put": put,
    "get": get,
    "range": part,
    "multipart": multipart,
    "list": listing,
    "copy": copy,
    "parquet": parquet,
    "delete": delete,
}

for name, step in STEPS.items():
    try:
        step()
        result = "ok"
    except Exception as problem:  # noqa: BLE001 - what the client says is the result
        result = " ".join(f"{type(problem).__name__}: {problem}".split())
    print(f"{name}\t{result}")  # noqa: T201 - read by the test
