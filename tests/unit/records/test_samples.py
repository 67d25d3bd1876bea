"""Every shape ever released can be read for ever. Samples are only added to ``samples.json``, never changed."""

import json
from pathlib import Path

import msgspec
import pytest

from zotplus.records import access, audit, blobs, buckets, objects, policies, trusts, uploads

SAMPLES = json.loads(Path(__file__).with_name("samples.json").read_text())
SHAPES = {
    "bucket": buckets.BUCKET,
    "purging": buckets.PURGING,
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
}


def decode(kind, data):
    if kind == "object":
        record, inline = objects.decode_object(data)
        return plain({"record": record, "inline": inline.decode()})
    return plain(SHAPES[kind].decode(data))


def plain(value):
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample['kind']} {sample['hex'][:4]}")
def test_a_record_of_any_release_is_read(sample):
    assert decode(sample["kind"], bytes.fromhex(sample["hex"])) == sample["reads"]


def test_every_shape_has_a_sample_of_its_present_marker():
    present = {(sample["kind"], sample["hex"][:4]) for sample in SAMPLES}
    assert {(kind, shape.marker.hex()) for kind, shape in SHAPES.items()} <= present
    assert ("object", b"O\x01".hex()) in present


def test_what_is_written_today_is_what_the_newest_samples_hold():
    newest = {sample["kind"]: sample["hex"] for sample in SAMPLES}
    for kind, shape in SHAPES.items():
        assert shape.encode(shape.decode(bytes.fromhex(newest[kind]))).hex() == newest[kind]
