"""A kill at every step of a rotation of the master key: the server starts, every secret opens, and it can be ended."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from zotplus.adapters.sealing_aead.sealing import open_sealing, read_keyring
from zotplus.app.composition import local_store
from zotplus.app.master_key import rotate_master_key
from zotplus.app.offline import administrator_key, prepare
from zotplus.domain import failpoints
from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity.access import Access
from zotplus.settings import load

STEPS = ("master_key.after_keyring", "master_key.after_reseal", "master_key.after_removal")
COMMITS = ("keyvalue.before_commit", "keyvalue.after_commit", "keyvalue.after_commit:2")
KEYS = 20


@pytest.fixture
def settings(tmp_path):
    return load(None, {"ZOTPLUS_DATA_DIR": str(tmp_path / "data")})


async def make_keys(settings):
    store = local_store(settings)
    access = Access(store, open_sealing(None, settings.data))
    made = [await access.create(kind=PrincipalKind.KEY, name=str(number)) for number in range(KEYS)]
    await store.close()
    return {one.credential.id: one.secret for one in made}


async def secrets_of(settings, ids):
    store = local_store(settings)
    access = Access(store, open_sealing(None, settings.data))
    found = {id_: (await access.signer(id_))[1] for id_ in ids}
    await store.close()
    return found


def test_every_step_of_a_rotation_is_walked():
    assert {name for name in failpoints.FAILPOINTS if name.startswith("master_key.")} == set(STEPS)


@pytest.mark.crash
@pytest.mark.parametrize("failpoint", [*STEPS, *COMMITS])
def test_a_kill_at_any_step_leaves_a_store_that_opens_and_a_rotation_that_ends(settings, failpoint):
    administrator = prepare(settings)
    made = asyncio.run(make_keys(settings))
    [old] = read_keyring(settings.data)
    command = [sys.executable, "-c", "from zotplus.cli.commands import cli; cli()", "keys", "rotate-master"]
    done = subprocess.run(
        [*command, "--discard-old-key", "--data-dir", str(settings.data)],
        env={**os.environ, failpoints.VARIABLE: failpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert prepare(settings) is None
    assert administrator_key(settings) == administrator
    assert asyncio.run(secrets_of(settings, made)) == made
    unfinished = len(read_keyring(settings.data)) > 1
    assert unfinished is (failpoint != "master_key.after_removal")
    assert rotate_master_key(settings, None).resumed is unfinished
    [new] = read_keyring(settings.data)
    assert new != old
    assert asyncio.run(secrets_of(settings, made)) == made
