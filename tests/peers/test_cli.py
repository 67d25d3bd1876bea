"""The command as it is installed, against the gateway as processes, and side by side with another client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET

ZOTPLUS = Path(sys.executable).with_name("zotplus")
STARTED_CPU_SECONDS = 0.5  # catches an eager import of the heavy parts; wall time on a shared machine says little


@pytest.fixture
def zotplus(bare_gateway, tmp_path):
    def run(*words, fails=None):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZOTPLUS_")},
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "ZOTPLUS_ENDPOINT": bare_gateway.url,
            "ZOTPLUS_ACCESS_KEY": ADMIN_KEY,
            "ZOTPLUS_SECRET_KEY": ADMIN_SECRET,
        }
        done = subprocess.run([ZOTPLUS, *map(str, words)], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == (fails or 0), done.stderr
        return done.stdout if fails is None else done.stderr

    return run


@pytest.fixture
def s3(bare_gateway):
    client = boto3.client(
        "s3",
        endpoint_url=f"{bare_gateway.url}/s3",
        aws_access_key_id=ADMIN_KEY,
        aws_secret_access_key=ADMIN_SECRET,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


def test_what_the_command_stores_boto3_reads_and_the_other_way_round(zotplus, s3, tmp_path):
    content = os.urandom(40_000_000)
    (tmp_path / "large").write_bytes(content)
    zotplus("buckets", "create", "both")
    zotplus("upload", tmp_path / "large", "both/ü/large", "--metadata", "colour=red", "-j", "3")
    found = s3.get_object(Bucket="both", Key="ü/large", ChecksumMode="ENABLED")
    assert found["Metadata"] == {"colour": "red"}
    assert found["ChecksumType"] == "FULL_OBJECT"
    with found["Body"] as body:
        assert body.read() == content
    s3.upload_file(str(tmp_path / "large"), "both", "theirs")
    zotplus("download", "both/theirs", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert zotplus("rb", "both", fails=6).startswith("error: The bucket is not empty.")
    assert json.loads(zotplus("rb", "--force", "both", "--json")) == {"bucket": "both", "objects": 2}


def test_the_administrators_key_is_read_on_the_servers_machine(zotplus, bare_gateway):
    shown = json.loads(zotplus("keys", "admin", "--data-dir", bare_gateway.data, "--json"))
    assert shown == {"access_key": ADMIN_KEY, "secret_key": ADMIN_SECRET}


def test_the_banner_does_not_repeat_a_secret_that_was_set(bare_gateway):
    printed = bare_gateway.running.log.read_text()
    assert "workers" in printed
    assert ADMIN_SECRET not in printed


def test_a_backup_taken_while_serving_is_restored(zotplus, bare_gateway, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(300_000))
    zotplus("buckets", "create", "kept")
    zotplus("cp", tmp_path / "file", "s3://kept/")
    report = json.loads(zotplus("backup", tmp_path / "backup", "--json"))
    assert report["blobs"] >= 1
    zotplus("restore", tmp_path / "backup", "--data-dir", tmp_path / "new")
    zotplus("restore", tmp_path / "backup", "--data-dir", tmp_path / "new", fails=6)
    assert json.loads(zotplus("scrub", "--json"))["findings"] == []


def test_help_is_there_at_once():
    before = os.times()
    subprocess.run([ZOTPLUS, "--help"], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < STARTED_CPU_SECONDS


def test_a_reader_that_goes_away_is_no_error():
    pipe = ["sh", "-c", f"'{ZOTPLUS}' config schema | head -c 1"]
    ended = subprocess.run(pipe, capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"{", b"")
