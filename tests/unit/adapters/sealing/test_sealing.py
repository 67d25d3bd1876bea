"""AES-256-GCM sealing and the files that hold the master key."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.adapters.sealing_aead.sealing import (
    AeadSealing,
    decode_master_key,
    generate_master_key,
    open_sealing,
    read_keyring,
    write_keyring,
)
from zotplus.adapters.sealing_aead.secret_files import (
    SECRET_FILE_MAX_BYTES,
    create_secret_file,
    read_secret_file,
    replace_secret_file,
)
from zotplus.domain import errors
from zotplus.domain.errors import Problem

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens_again(secret, context):
    sealing = AeadSealing([KEY])
    assert sealing.open(sealing.seal(secret, context), context) == secret


def test_the_same_secret_seals_differently_each_time():
    sealing = AeadSealing([KEY])
    assert sealing.seal(b"secret", b"record") != sealing.seal(b"secret", b"record")


def test_the_secret_is_not_in_the_sealed_value():
    assert b"wonderland" not in AeadSealing([KEY]).seal(b"wonderland", b"record")


def test_a_sealed_value_does_not_open_for_another_record():
    sealing = AeadSealing([KEY])
    with pytest.raises(Problem) as caught:
        sealing.open(sealing.seal(b"secret", b"alice"), b"bob")
    assert caught.value.fault is errors.STORAGE_FAILED


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_is_always_noticed(position, difference):
    sealed = bytearray(AeadSealing([KEY]).seal(b"secret", b"record"))
    sealed[position % len(sealed)] ^= difference
    with pytest.raises(Problem) as caught:
        AeadSealing([KEY]).open(bytes(sealed), b"record")
    assert caught.value.fault is errors.STORAGE_FAILED


@given(st.binary(max_size=64))
def test_arbitrary_bytes_never_open(junk):
    with pytest.raises(Problem) as caught:
        AeadSealing([KEY]).open(junk, b"record")
    assert caught.value.fault is errors.STORAGE_FAILED


def test_a_wrong_master_key_is_named_as_the_cause():
    with pytest.raises(Problem, match="another master key"):
        AeadSealing([OTHER]).open(AeadSealing([KEY]).seal(b"secret", b""), b"")


def test_an_old_key_still_opens_while_a_new_one_seals():
    old = AeadSealing([KEY]).seal(b"secret", b"")
    both = AeadSealing([OTHER, KEY])
    assert both.open(old, b"") == b"secret"
    assert AeadSealing([OTHER]).open(both.seal(b"secret", b""), b"") == b"secret"


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, b""]])
def test_keys_of_another_length_are_a_programming_error(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        AeadSealing(keys)


def test_the_first_start_makes_a_private_key_file_that_later_starts_use(tmp_path):
    sealed = open_sealing(None, tmp_path).seal(b"secret", b"")
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert open_sealing(None, tmp_path).open(sealed, b"") == b"secret"
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_given_master_key_leaves_no_file(tmp_path):
    open_sealing(generate_master_key(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_key_file_is_refused_rather_than_replaced(tmp_path):
    path = tmp_path / "master.key"
    path.touch(0o600)
    with pytest.raises(Problem, match="empty"):
        open_sealing(None, tmp_path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "text", [KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode() + "\n"]
)
def test_master_keys_are_read_in_base64_and_hexadecimal(text):
    assert decode_master_key(text) == KEY


@given(st.text(max_size=70))
def test_other_master_keys_are_refused_without_being_shown(text):
    try:
        outcome: bytes | Problem = decode_master_key(text)
    except Problem as problem:
        outcome = problem
    if isinstance(outcome, Problem):
        assert outcome.fault is errors.SETTING_INVALID
        assert len(text) < 4 or text not in outcome.detail
    else:
        assert len(outcome) == 32


def test_a_world_readable_secret_file_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush\n")
    path.chmod(0o644)
    with pytest.raises(Problem, match="every user"):
        read_secret_file(path)
    path.chmod(0o602)
    with pytest.raises(Problem, match="every user"):
        read_secret_file(path)
    path.chmod(0o640)
    assert read_secret_file(path) == "hush"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"\n", "empty"), (b"\xff", "UTF-8"), (b"x" * (SECRET_FILE_MAX_BYTES + 1), "more than")],
)
def test_secret_files_of_odd_content_are_refused(tmp_path, content, reason):
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Problem, match=reason):
        read_secret_file(path)


def test_folders_fifos_and_missing_files_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name in (".", "fifo", "missing"):
        with pytest.raises(Problem) as caught:
            read_secret_file(tmp_path / name)
        assert caught.value.fault is errors.SETTING_INVALID


def test_only_one_of_many_creators_wins(tmp_path):
    path = tmp_path / "master.key"
    with ThreadPoolExecutor(8) as pool:
        results = set(pool.map(lambda text: create_secret_file(path, text), [f"key {n}" for n in range(16)]))
    assert results == {read_secret_file(path)}
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_key_file_that_cannot_be_made_is_a_clear_refusal(tmp_path):
    with pytest.raises(Problem, match=r"master\.key.*No such file"):
        create_secret_file(tmp_path / "missing" / "master.key", "key")


def test_the_first_of_several_keys_seals_and_all_open():
    old, both = AeadSealing([KEY]), AeadSealing([OTHER, KEY])
    before, after = old.seal(b"secret", b"record"), both.seal(b"secret", b"record")
    assert both.open(before, b"record") == both.open(after, b"record") == b"secret"
    assert (both.is_current(before), both.is_current(after)) == (False, True)
    with pytest.raises(Problem, match="another master key"):
        old.open(after, b"record")


def test_what_an_old_key_sealed_is_recognised_by_its_beginning():
    both = AeadSealing([OTHER, KEY])
    [mark] = both.stale_marks()
    assert AeadSealing([KEY]).seal(b"secret", b"record").startswith(mark)
    assert not both.seal(b"secret", b"record").startswith(mark)
    assert AeadSealing([KEY]).stale_marks() == ()


def test_whether_a_key_is_here_is_seen_without_opening():
    assert AeadSealing([OTHER, KEY]).may_open(AeadSealing([KEY]).seal(b"", b""))
    assert not AeadSealing([OTHER]).may_open(AeadSealing([KEY]).seal(b"", b""))
    assert not AeadSealing([OTHER]).may_open(b"")


def test_a_keyring_file_opens_what_each_of_its_keys_sealed(tmp_path):
    before = open_sealing(None, tmp_path).seal(b"secret", b"record")
    old = read_keyring(tmp_path)
    write_keyring(tmp_path, [generate_master_key(), *old])
    rotated = open_sealing(None, tmp_path)
    assert rotated.open(before, b"record") == b"secret"
    assert not rotated.is_current(before)
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_keyring_with_a_line_that_is_no_key_is_refused(tmp_path):
    write_keyring(tmp_path, [generate_master_key(), "no key"])
    for reading in (read_keyring, lambda folder: open_sealing(None, folder)):
        with pytest.raises(Problem) as caught:
            reading(tmp_path)
        assert caught.value.fault is errors.SETTING_INVALID


def test_the_previous_key_given_as_a_setting_opens_too(tmp_path):
    new, old = generate_master_key(), generate_master_key()
    before = open_sealing(old, tmp_path).seal(b"secret", b"record")
    assert open_sealing(new, tmp_path, old).open(before, b"record") == b"secret"


def test_a_secret_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "master.key"
    replace_secret_file(path, "first")
    replace_secret_file(path, "second")
    assert read_secret_file(path) == "second"
    (tmp_path / "taken").mkdir()
    with pytest.raises(Problem, match="taken"):
        replace_secret_file(tmp_path / "taken", "text")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["master.key", "taken"]
