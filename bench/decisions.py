"""``python -m bench.decisions``: what a decision costs in a registry with 1,000 policies and 10,000 grants.

A first decision loads what an identity may from the store and decides; a cached one is the same question again.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
import timeit
from collections.abc import Callable

from zotplus.adapters.keyvalue_lmdb.settings import LmdbSettings
from zotplus.adapters.keyvalue_lmdb.store import KeyValueLmdb
from zotplus.domain.iam import Allowed, Effect, Need, Policy, PolicySet, Statement
from zotplus.ports.keyvalue import Transaction
from zotplus.records.access import GrantRecord, put_grant
from zotplus.records.policies import (
    IDENTITY,
    RESOURCE,
    AttachmentRecord,
    PolicyRecord,
    PolicyVersionRecord,
    put_attachment,
    put_policy,
    put_version,
)
from zotplus.services.identity.rights import Rights

POLICIES = 1_000
GRANTS = 10_000
PEOPLE = 1_000
GROUPS = 100
CACHED_MAX_US = 20.0
FIRST_MAX_US = 1_000.0


def user(number: int) -> str:
    return f"user:kc:{number:05}"


def group(number: int) -> str:
    return f"group:kc:team-{number % GROUPS:03}"


def document(number: int) -> tuple[str, dict]:
    """Half of the policies are attached to groups, half are those of resources."""
    team = f"team-{number % GROUPS:03}"
    rows = [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"s3:{team}-{number}/*"},
        {
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": f"s3:{team}-{number}/private/*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        },
    ]
    if number % 2:
        return IDENTITY, {"Version": "2012-10-17", "Statement": rows}
    for row in rows:
        row["Principal"] = {"Zotplus": [group(number), user(number)]}
    return RESOURCE, {"Version": "2012-10-17", "Statement": rows}


def fill(transaction: Transaction) -> None:
    for number in range(GRANTS):
        grantee = user(number % PEOPLE) if number % 4 else group(number)
        record = GrantRecord(grantee=grantee, role="reader", pattern=f"s3:bucket-{number}/*", created_ms=0)
        put_grant(transaction, f"{number:016x}", record)
    for number in range(POLICIES):
        kind, row = document(number)
        name = f"policy-{number}"
        text = json.dumps(row).encode()
        put_version(
            transaction, name, 1, PolicyVersionRecord(text=text, kind=kind, author="", created_ms=0, comment="")
        )
        put_policy(transaction, name, PolicyRecord(current=1, latest=1, kind=kind, description="", created_ms=0))
        if kind == IDENTITY:
            put_attachment(
                transaction, name, group(number), AttachmentRecord(is_boundary=False, author="", created_ms=0)
            )


class Office:
    def values(self, key: str) -> tuple[str, ...] | None:
        return ("10.1.2.3",) if key == "aws:sourceip" else None


OFFICE = Office()


def each(ask: Callable[[], object], times: int = 20_000) -> float:
    return min(timeit.repeat(ask, number=times, repeat=5)) / times * 1e6


def asked(policies: PolicySet, number: int) -> Need:
    need = Need("s3:GetObject", f"s3:team-{number % GROUPS:03}-{number}/app/1.tar")
    assert isinstance(policies.decide(need, OFFICE), Allowed)
    return need


async def measure(folder: str) -> dict[str, float]:
    store = KeyValueLmdb(LmdbSettings(path=folder, fsync="off"))
    await store.write(fill)
    rights = Rights()

    def first(number: int) -> Callable:
        def load(snapshot):
            begun = time.thread_time()  # what this thread computes: others of the machine do not count
            policies = rights.of(snapshot, user(number), (group(number),))
            asked(policies, number)
            return (time.thread_time() - begun) * 1e6, policies

        return load

    spent, policies = await store.read(first(1))
    rows = {"first of all, policies parsed": spent}
    for number in range(3, 1 + 2 * GROUPS, 2):  # what others of a team have loaded is loaded
        await store.read(first(number))
    again = sorted([(await store.read(first(number)))[0] for number in range(201, 601, 2)])
    rows["first of an identity, median"] = again[len(again) // 2]
    rows["first of an identity, slowest of 200"] = again[-1]
    need = asked(policies, 1)
    rows["cached, with a condition on the address"] = each(lambda: policies.decide(need, OFFICE))
    grant = Need("s3:GetObject", "s3:bucket-1/app/1.tar")
    assert isinstance(policies.decide(grant, OFFICE), Allowed)
    rows["cached, by a grant"] = each(lambda: policies.decide(grant, OFFICE))
    await store.close()
    return rows


def one_identity_with_many() -> dict[str, float]:
    rows = [Statement(effect=Effect.ALLOW, action=("s3:GetObject",), resource=(f"s3:b{n}/*",)) for n in range(1_000)]
    policies = PolicySet(Policy(statement=tuple(rows)))
    need = Need("s3:GetObject", "s3:b999/k")
    begun = time.perf_counter()
    policies.decide(need)
    spent = (time.perf_counter() - begun) * 1e6
    return {
        "first, 1,000 statements of one identity": spent,
        "cached, 1,000 statements of one identity": each(lambda: policies.decide(need)),
        "another resource, 1,000 statements of one identity": other_resources(policies),
    }


def other_resources(policies: PolicySet) -> float:
    needs = [Need("s3:GetObject", f"s3:b{n}/{n}") for n in range(500)]
    begun = time.perf_counter()
    for need in needs:
        policies.decide(need)
    return (time.perf_counter() - begun) / len(needs) * 1e6


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory(prefix="zotplus-bench-") as folder:
        rows = asyncio.run(measure(folder)) | one_identity_with_many()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{POLICIES:,} policies, {GRANTS:,} grants\n\n| decision | µs | |\n| --- | --- | --- |")
    for name, spent in rows.items():
        limit = CACHED_MAX_US if name.startswith("cached") else FIRST_MAX_US if "of an identity" in name else None
        mark = "" if limit is None else f"floor {limit:g}: {'met' if spent <= limit else 'MISSED'}"
        print(f"| {name} | {spent:,.2f} | {mark} |")


if __name__ == "__main__":
    main()
