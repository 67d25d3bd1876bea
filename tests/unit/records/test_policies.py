"""What is stored of policies, as the evaluator's loader sees it."""

import pytest

from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.records import policies
from zotplus.records.policies import AttachmentRecord, PolicyRecord, PolicyVersionRecord

ATTACHED = AttachmentRecord(is_boundary=False, author="admin", created_ms=1)


def version(text=b"{}", kind="identity"):
    return PolicyVersionRecord(text=text, kind=kind, author="admin", created_ms=1, comment="")


def head(current, latest=None, kind="identity"):
    return PolicyRecord(current=current, latest=latest or current, kind=kind, description="", created_ms=1)


@pytest.fixture
def store():
    return KeyValueMemory()


async def write(store, *steps):
    def run(transaction):
        for function, *given in steps:
            function(transaction, *given)

    await store.write(run)


async def test_what_is_attached_comes_in_its_current_version(store):
    await write(
        store,
        (policies.put_version, "team", 1, version(b"old")),
        (policies.put_version, "team", 2, version(b"new")),
        (policies.put_policy, "team", head(2)),
        (policies.put_attachment, "team", "group:k:a", ATTACHED),
        (policies.put_attachment, "team", "group:k:ab", ATTACHED),
    )
    (found,) = await store.read(lambda snapshot: policies.attached_to(snapshot, "group:k:a"))
    assert (found.policy_name, found.version, found.text, found.is_boundary) == ("team", 2, b"new", False)
    assert await store.read(lambda snapshot: policies.grantees_of(snapshot, "team")) == ["group:k:a", "group:k:ab"]
    assert await store.read(lambda snapshot: policies.attached_to(snapshot, "group:k")) == ()


async def test_an_attachment_whose_policy_or_version_is_lost_has_no_text(store):
    await write(
        store,
        (policies.put_attachment, "gone", "ci", ATTACHED),
        (policies.put_policy, "lost", head(7, kind="resource")),
        (policies.put_attachment, "lost", "ci", ATTACHED),
    )
    found = await store.read(lambda snapshot: policies.attached_to(snapshot, "ci"))
    assert [(one.policy_name, one.version, one.text) for one in found] == [("gone", 0, b""), ("lost", 7, b"")]
    assert await store.read(policies.resource_policies) == (("lost", 7, b""),)


async def test_only_resource_policies_that_are_not_deleted_are_read_as_such(store):
    await write(
        store,
        (policies.put_version, "open", 1, version(b"open", "resource")),
        (policies.put_policy, "open", head(1, kind="resource")),
        (policies.put_version, "own", 1, version(b"own")),
        (policies.put_policy, "own", head(1)),
        (policies.put_version, "removed", 1, version(b"removed", "resource")),
        (policies.put_policy, "removed", head(0, latest=1, kind="resource")),
    )
    assert await store.read(policies.resource_policies) == (("open", 1, b"open"),)
    assert [name for name, _ in await store.read(lambda snapshot: list(policies.policies(snapshot)))] == ["open", "own"]


async def test_the_oldest_versions_go_and_the_current_one_never(store):
    def write_many(transaction):
        for number in range(1, policies.VERSIONS_KEPT + 3):
            policies.put_version(transaction, "p", number, version())
            policies.put_policy(transaction, "p", head(1, latest=number))

    await store.write(write_many)
    kept = [number for number, _ in await store.read(lambda snapshot: policies.versions(snapshot, "p"))]
    assert kept == [1, *range(4, policies.VERSIONS_KEPT + 3)]
    assert len(kept) == policies.VERSIONS_KEPT


async def test_who_is_revoked_leaves_nothing_to_the_next_of_the_name(store):
    await write(
        store,
        (policies.put_attachment, "a", "robot:ci", ATTACHED),
        (policies.put_attachment, "b", "robot:ci", ATTACHED),
        (policies.put_attachment, "a", "robot:ci2", ATTACHED),
        (policies.detach_all, "robot:ci"),
    )
    left = await store.read(lambda snapshot: list(policies.all_attachments(snapshot)))
    assert left == [("robot:ci2", "a", ATTACHED)]
    assert await store.read(lambda snapshot: policies.grantees_of(snapshot, "a")) == ["robot:ci2"]
    assert await store.read(lambda snapshot: policies.find_attachment(snapshot, "b", "robot:ci")) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("team-a@3", ("team-a", 3)),
        ("reader on s3:a@b/*", None),
        ("everyone", None),
        ("@3", None),
        ("a@", None),
        ("a@\u0663", None),
        ("a@12345678901", None),
    ],
)
def test_a_stored_policy_is_told_by_its_id(text, found):
    assert policies.split_policy_id(text) == found


def test_an_id_names_the_version():
    assert policies.split_policy_id(policies.policy_id("team", 12)) == ("team", 12)
