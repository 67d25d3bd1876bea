"""Sealing anew: every table, every record, and nothing that is forgotten."""

import ast
from pathlib import Path

import pytest

import zotplus
from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.records import layout
from zotplus.records.access import CREDENTIAL
from zotplus.services.encryption.kms_keys import KmsKeys
from zotplus.services.encryption.ring import LocalKeyRing
from zotplus.services.identity.access import Access
from zotplus.services.identity.key_lifecycle import KeyLifecycle
from zotplus.services.tokens.signing_keys import KEY_PREFIX, SigningKeys
from zotplus.services.upkeep import resealing
from zotplus.services.upkeep.resealing import SEALED_TABLES, require_openable, reseal

OLD, NEW = b"k" * 32, b"n" * 32

SEALING_MODULES = {
    "services/identity/access.py": "keys and robots",
    "services/identity/credentials.py": "keys and robots",
    "services/identity/key_lifecycle.py": "keys and robots",
    "services/tokens/signing_keys.py": "signing keys",
    "services/audit/evidence.py": "keys of the audit log",
    "services/identity/users.py": "keys and robots",
    "services/encryption/kms_keys.py": "encryption keys",
    "services/encryption/ring.py": "encryption keys",
}
"""Module that seals values into the store -> its table."""


class PlainSigner:
    """Keys are numbered; nothing is signed."""

    def __init__(self):
        self.made = 0

    def generate(self):
        self.made += 1
        return f"private key {self.made}".encode()

    def sign(self, key_id, pem, claims):
        del claims
        return f"{key_id} {pem.decode()}"


@pytest.fixture
def keys(store, sealing):
    return SigningKeys(store, sealing, PlainSigner(), 3_600.0)


async def values(store, prefix):
    return await store.read(lambda snapshot: dict(snapshot.scan(*layout.table_span(prefix))))


async def test_everything_opens_under_the_new_key_alone_afterwards(store, sealing, access, keys):
    made = await access.create(kind=PrincipalKind.KEY, name="one")
    robot = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    newer = await KeyLifecycle(store, sealing).rotate("robot:ci", 3_600.0)
    signed = await keys.sign({})
    await keys.rotate()
    resealed = await reseal(store, AeadSealing([NEW, OLD]))
    assert {name: count for name, count in resealed.items() if count} == {"keys and robots": 2, "signing keys": 2}

    alone = AeadSealing([NEW])
    _, secret = await Access(store, alone).signer(made.credential.id)
    assert secret == made.secret
    for secret in (robot.secret, newer.secret):
        assert (await Access(store, alone).by_password(robot.credential.id, secret)).id == "robot:ci"
    for key, value in (await values(store, KEY_PREFIX)).items():
        assert sealing_of(value, alone, key).startswith(b"private key")
    assert signed.split(" ", 1)[1] == "private key 1"
    with pytest.raises(Problem) as caught:
        await Access(store, sealing).signer(made.credential.id)
    assert caught.value.fault is errors.STORAGE_FAILED


def sealing_of(value, sealing, key):
    opened = []

    def look(sealed):
        opened.append(sealing.open(sealed, key))
        return sealed

    assert resealing.signing_keys.with_sealed_again(value, look) == value
    return opened[0]


async def test_doing_it_again_changes_nothing(store, access):
    await access.create(kind=PrincipalKind.KEY, name="one")
    both = AeadSealing([NEW, OLD])
    await reseal(store, both)
    before = await values(store, layout.CREDENTIALS)
    assert set((await reseal(store, both)).values()) == {0}
    assert await values(store, layout.CREDENTIALS) == before


async def test_a_large_table_is_done_in_several_transactions(store, access, monkeypatch):
    monkeypatch.setattr(resealing, "_BATCH", 3)
    for number in range(7):
        await access.create(kind=PrincipalKind.KEY, name=str(number))
    assert (await reseal(store, AeadSealing([NEW, OLD])))["keys and robots"] == 7
    await require_openable(store, AeadSealing([NEW]))


async def test_a_value_that_no_key_opens_ends_it_and_is_left_as_it_was(store, access):
    await access.create(kind=PrincipalKind.KEY, name="one")
    before = await values(store, layout.CREDENTIALS)
    with pytest.raises(Problem, match="another master key"):
        await reseal(store, AeadSealing([NEW, b"x" * 32]))
    assert await values(store, layout.CREDENTIALS) == before


async def test_a_table_that_nobody_named_keeps_the_old_key(store, sealing):
    await store.write(lambda transaction: transaction.put(b"~forgotten", b"x" + sealing.seal(b"secret", b"~forgotten")))
    with pytest.raises(Problem, match="table ~") as caught:
        await reseal(store, AeadSealing([NEW, OLD]))
    assert caught.value.fault is errors.STORAGE_FAILED


async def test_content_of_clients_is_not_searched(store, sealing):
    sealed = sealing.seal(b"secret", b"")
    await store.write(lambda transaction: transaction.put(layout.object_(b"12345678", b"key"), sealed))
    assert sum((await reseal(store, AeadSealing([NEW, OLD]))).values()) == 0


async def test_the_wrong_master_key_is_found_before_anything_is_served(store, access):
    await require_openable(store, AeadSealing([NEW]))  # nothing is sealed yet: any key will do
    await access.create(kind=PrincipalKind.KEY, name="one")
    await require_openable(store, AeadSealing([NEW, OLD]))
    with pytest.raises(Problem) as caught:
        await require_openable(store, AeadSealing([NEW]))
    assert caught.value.fault is errors.SETTING_INVALID


async def test_a_damaged_record_is_a_problem(store):
    for key in (layout.credential("BROKEN"), KEY_PREFIX + b"broken"):
        await store.write(lambda transaction, key=key: transaction.put(key, b"\xc1"))
        with pytest.raises(Problem) as caught:
            await reseal(store, AeadSealing([NEW, OLD]))
        assert caught.value.fault is errors.STORAGE_FAILED
        await store.write(lambda transaction, key=key: transaction.delete(key))


async def test_only_the_sealed_value_of_a_record_changes(store, access):
    await access.create(kind=PrincipalKind.KEY, name="one", expires=4_000_000_000.0)
    [before] = [CREDENTIAL.decode(value) for value in (await values(store, layout.CREDENTIALS)).values()]
    await reseal(store, AeadSealing([NEW, OLD]))
    [after] = [CREDENTIAL.decode(value) for value in (await values(store, layout.CREDENTIALS)).values()]
    differing = [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    assert differing == ["sealed"]


def test_every_module_that_seals_has_a_table_here():
    """A module that asks for the sealing port stores something under the master key."""
    package = Path(zotplus.__file__).parent
    asking = set()
    for path in (package / "services").rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        names = {alias.name for node in imports if node.module == "zotplus.ports.sealing" for alias in node.names}
        if "Sealing" in names:
            asking.add(path.relative_to(package).as_posix())
    storing_nothing = {"services/federation/sessions.py"}  # a session token ends with the key that sealed it
    assert asking - storing_nothing == set(SEALING_MODULES)
    assert set(SEALING_MODULES.values()) == {table.name for table in SEALED_TABLES}


async def test_keys_of_encryption_open_under_the_new_key_alone_afterwards(store, sealing):
    wrapped = await LocalKeyRing(store, sealing, AesGcm, makes=frozenset({"sse:s3"})).wrap("sse:s3", b"o" * 32, b"")
    await KmsKeys(store, sealing).rotate("sse:s3")
    resealed = await reseal(store, AeadSealing([NEW, OLD]))
    assert resealed["encryption keys"] == 1
    alone = LocalKeyRing(store, AeadSealing([NEW]), AesGcm)
    assert await alone.unwrap("sse:s3", wrapped, b"") == b"o" * 32
    assert not await alone.is_current("sse:s3", wrapped)
