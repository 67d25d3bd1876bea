"""Every shape ever released can be read for ever. Samples are only added to ``samples.json``, never changed."""

import json
from pathlib import Path

import msgspec
import pytest

from zotplus.records import (
    access,
    audit,
    blobs,
    buckets,
    objects,
    policies,
    trusts,
    uploads,
)
from zotplus.records.encryption import ring_keys
from zotplus.records.queues import events
from zotplus.records.sharing import documents as sharing
from zotplus.services.configuration.access_logging import LOGGING
from zotplus.services.events.announcing import RULES

SAMPLES = json.loads(Path(__file__).with_name("samples.json").read_text())
SHAPES = {
    "bucket": buckets.BUCKET,
    "purging": buckets.PURGING,
    "renamed": buckets.RENAMED,
    "usage": buckets.USAGE,
    "reference": blobs.REFERENCE,
    "hold": blobs.HOLD,
    "upload": uploads.UPLOAD,
    "part": uploads.PART,
    "completed": uploads.COMPLETED,
    "audit key": audit.AUDIT_KEY,
    "credential": access.CREDENTIAL,
    "grant": access.GRANT,
    "policy": policies.POLICY,
    "trust": trusts.TRUST,
    "policy version": policies.POLICY_VERSION,
    "attachment": policies.ATTACHMENT,
    "event": events.EVENT,
    "logging": LOGGING,
    "notification": RULES,
    "dead letter": events.DEAD_LETTER,
    "ring key": ring_keys.RING_KEY,
    "user": access.USER,
    "bucket policy": sharing.BUCKET_POLICY,
    "access control list": sharing.ACL,
    "public access block": sharing.PUBLIC_ACCESS_BLOCK,
}


def decode(kind, data):
    if kind == "object":
        record, inline = objects.decode_object(data)
        return plain({"record": record, "inline": inline.decode()})
    return plain(SHAPES[kind].decode(data))


def plain(value):
    return json.loads(msgspec.json.encode(value))


def known_then(read, expected):
    """``read`` without the fields that came later, all of which hold their defaults."""
    if isinstance(read, dict) and isinstance(expected, dict):
        return {key: known_then(value, expected.get(key)) for key, value in read.items()}
    if isinstance(read, list) and isinstance(expected, list) and len(read) > len(expected):
        later = read[len(expected) :]
        assert all(value in (None, "", 0, False, [], {}, "BucketOwnerEnforced") for value in later)
        read = read[: len(expected)]
    if isinstance(read, list) and isinstance(expected, list):
        return [known_then(*pair) for pair in zip(read, expected, strict=True)]
    return read


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample['kind']} {sample['hex'][:4]}")
def test_a_record_of_any_release_is_read(sample):
    assert known_then(decode(sample["kind"], bytes.fromhex(sample["hex"])), sample["reads"]) == sample["reads"]


def test_every_shape_has_a_sample_of_its_present_marker():
    present = {(sample["kind"], sample["hex"][:4]) for sample in SAMPLES}
    assert {(kind, shape.marker.hex()) for kind, shape in SHAPES.items()} <= present
    assert ("object", b"O\x02".hex()) in present


def test_what_is_written_today_is_what_the_newest_samples_hold():
    newest = {sample["kind"]: sample["hex"] for sample in SAMPLES}
    for kind, shape in SHAPES.items():
        assert shape.encode(shape.decode(bytes.fromhex(newest[kind]))).hex() == newest[kind]
