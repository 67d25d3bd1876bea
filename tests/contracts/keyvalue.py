"""What every key-value adapter must do. Subclass ``KeyValueContract`` and say how a store is made."""

import asyncio
import bisect
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KEY_MAX_BYTES, KeyValue

# Few letters and lengths around small chunks: prefixes, equal heads and bounds inside of them are the rule.
KEYS = st.one_of(
    st.lists(st.sampled_from([b"\x00", b"a", b"b", b"\xff"]), min_size=1, max_size=14).map(b"".join),
    st.tuples(st.sampled_from([b"a", b"\xff"]), st.integers(500, 505), st.sampled_from([b"", b"\x00", b"b"])).map(
        lambda parts: parts[0] * parts[1] + parts[2]
    ),
)
BOUNDS = st.one_of(st.just(b""), KEYS)


class Refusal(Exception):  # noqa: N818 - it is no error, it is refused
    pass


class KeyValueContract:
    """The suite. ``new_store`` makes a store in an empty or a used folder."""

    def new_store(self, folder: Path) -> KeyValue:
        raise NotImplementedError

    @pytest.fixture
    async def store(self, tmp_path):
        store = self.new_store(tmp_path / "store")
        yield store
        await store.close()

    async def test_what_was_put_is_read_and_what_was_deleted_is_not(self, store):
        await store.write(lambda t: t.put(b"k", b"v"))
        assert await store.read(lambda s: s.get(b"k")) == b"v"
        assert await store.write(lambda t: t.delete(b"k")) is True
        assert await store.write(lambda t: t.delete(b"k")) is False
        assert await store.read(lambda s: s.get(b"k")) is None

    async def test_a_version_stays_until_something_changes_and_never_comes_again(self, store):
        async def version():
            return await store.read(lambda s: s.version)

        seen = [await version()]
        assert await version() == seen[0]
        for change in (lambda t: t.put(b"k", b"v"), lambda t: t.put(b"k", b"w"), lambda t: t.delete(b"k")):
            await store.write(change)
            seen.append(await version())
            assert await version() == seen[-1]
        assert sorted(set(seen)) == seen

    async def test_values_may_be_empty_and_large(self, store):
        large = bytes(range(256)) * 4096
        await store.write(lambda t: (t.put(b"empty", b""), t.put(b"large", large)))
        assert await store.read(lambda s: (s.get(b"empty"), s.get(b"large"))) == (b"", large)

    @pytest.mark.parametrize("size", [1, 501, 502, 503, 511, 512, 1004, 1005, 1514, KEY_MAX_BYTES])
    async def test_keys_of_every_permitted_length_are_stored(self, store, size):
        key = b"k" * size
        await store.write(lambda t: t.put(key, b"v"))
        assert await store.read(lambda s: list(s.scan(b""))) == [(key, b"v")]
        assert await store.write(lambda t: t.delete(key)) is True
        assert await store.read(lambda s: list(s.scan(b""))) == []

    @pytest.mark.parametrize("size", [0, KEY_MAX_BYTES + 1])
    async def test_keys_of_other_lengths_are_refused(self, store, size):
        with pytest.raises(ValueError, match="bytes"):
            await store.write(lambda t: t.put(b"k" * size, b"v"))
        assert await store.read(lambda s: s.get(b"k" * size)) is None
        assert await store.write(lambda t: t.delete(b"k" * size)) is False

    async def test_a_scan_keeps_bytewise_order_within_its_bounds_in_both_directions(self, store):
        keys = [b"a", b"a\x00", b"aa", b"b" * 600, b"b" * 601, b"b" * 601 + b"\x00", b"c", b"\xff"]
        await store.write(lambda t: [t.put(key, key[:3]) for key in reversed(keys)])

        def scan(start, stop, *, reverse):
            return lambda s: [key for key, _ in s.scan(start, stop, reverse=reverse)]

        for start in [b"", *keys, b"b" * 599, b"b" * 700]:
            for stop in [None, b"", *keys, b"b" * 599, b"b" * 700]:
                expected = [key for key in keys if start <= key and (stop is None or key < stop)]
                assert await store.read(scan(start, stop, reverse=False)) == expected
                assert await store.read(scan(start, stop, reverse=True)) == expected[::-1]

    async def test_a_scan_is_lazy(self, store):
        await store.write(lambda t: [t.put(b"%05d" % number, b"") for number in range(5000)])
        assert await store.read(lambda s: next(s.scan(b"02500"))) == (b"02500", b"")
        assert await store.read(lambda s: next(s.scan(b"", b"02500", reverse=True))) == (b"02499", b"")

    async def test_a_transaction_sees_its_own_changes(self, store):
        def change(t):
            t.put(b"a", b"1")
            t.put(b"b" * 600, b"2")
            seen = list(t.scan(b""))
            t.delete(b"a")
            return seen, t.get(b"a"), t.get(b"b" * 600)

        assert await store.write(change) == ([(b"a", b"1"), (b"b" * 600, b"2")], None, b"2")

    @pytest.mark.parametrize("late", [False, True])
    async def test_a_function_that_raises_changes_nothing_and_its_exception_comes_out(self, store, late):
        await store.write(lambda t: t.put(b"kept", b"old"))
        effects = []

        def change(t):
            t.on_commit(lambda: effects.append("ran"))
            if late:
                t.put(b"kept", b"new")
                t.put(b"more" * 200, b"new")
                t.delete(b"kept")
            raise Refusal

        with pytest.raises(Refusal):
            await store.write(change)
        assert await store.read(lambda s: list(s.scan(b""))) == [(b"kept", b"old")]
        assert effects == []

    async def test_one_failing_function_does_not_spoil_those_beside_it(self, store):
        def change(number):
            def function(t):
                if number % 5 == 1:
                    raise Refusal
                t.put(b"%03d" % number, b"")
                if number % 5 == 2:
                    raise Refusal

            return function

        outcomes = await asyncio.gather(*(store.write(change(n)) for n in range(50)), return_exceptions=True)
        assert [isinstance(outcome, Refusal) for outcome in outcomes] == [n % 5 in {1, 2} for n in range(50)]
        kept = await store.read(lambda s: [int(key) for key, _ in s.scan(b"")])
        assert kept == [n for n in range(50) if n % 5 not in {1, 2}]

    async def test_a_function_cannot_hide_a_stop_iteration_as_a_result(self, store):
        def change(_t):
            raise StopIteration

        with pytest.raises((RuntimeError, StopIteration)):
            await store.write(change)

    async def test_effects_run_once_in_order_in_the_callers_thread_before_the_write_returns(self, store):
        effects = []

        def change(t):
            t.put(b"k", b"v")
            t.on_commit(lambda: effects.append((1, threading.get_ident())))
            t.on_commit(lambda: effects.append((2, threading.get_ident())))
            return "result"

        assert await store.write(change) == "result"
        assert effects == [(1, threading.get_ident()), (2, threading.get_ident())]

    async def test_a_failing_effect_does_not_make_the_change_look_failed(self, store):
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["exception"]))

        def change(t):
            t.put(b"k", b"v")
            t.on_commit(lambda: 1 // 0)
            t.on_commit(lambda: reported.append("next"))

        await store.write(change)
        assert isinstance(reported[0], ZeroDivisionError)
        assert reported[1:] == ["next"]
        assert await store.read(lambda s: s.get(b"k")) == b"v"

    async def test_concurrent_increments_lose_nothing(self, store):
        def increment(t):
            t.put(b"n", b"%d" % (int(t.get(b"n") or b"0") + 1))

        await asyncio.gather(*(store.write(increment) for _ in range(200)))
        assert await store.read(lambda s: s.get(b"n")) == b"200"

    async def test_several_event_loops_may_use_one_store(self, store):
        def increment(t):
            t.put(b"n", b"%d" % (int(t.get(b"n") or b"0") + 1))

        async def many():
            for _ in range(20):
                await asyncio.gather(*(store.write(increment) for _ in range(5)))
                await store.read(lambda s: list(s.scan(b"")))

        await asyncio.gather(*(asyncio.to_thread(asyncio.run, many()) for _ in range(3)))
        assert await store.read(lambda s: s.get(b"n")) == b"300"

    async def test_a_cancelled_write_leaves_the_store_working(self, store):
        task = asyncio.create_task(store.write(lambda t: t.put(b"a", b"1")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.write(lambda t: t.put(b"b", b"2"))
        assert await store.read(lambda s: s.get(b"b")) == b"2"

    async def test_a_snapshot_is_of_no_use_after_its_function(self, store):
        await store.write(lambda t: t.put(b"k", b"v"))
        snapshot = await store.read(lambda s: s)
        with pytest.raises(Exception):  # noqa: B017 - the engine decides which
            snapshot.get(b"k")

    async def test_a_backup_is_complete_and_opens(self, store, tmp_path):
        await store.write(lambda t: [t.put(b"%04d" % n, b"x" * 500) for n in range(500)])
        await store.write(lambda t: t.put(b"long" * 300, b"y"))
        await store.backup(str(tmp_path / "backup"))
        copy = self.open_backup(tmp_path / "backup")
        expected = await store.read(lambda s: list(s.scan(b"")))
        assert await copy.read(lambda s: list(s.scan(b""))) == expected
        await copy.close()

    async def test_a_backup_goes_into_an_empty_folder_only(self, store, tmp_path):
        (tmp_path / "other").write_text("precious")
        with pytest.raises(Problem) as caught:
            await store.backup(str(tmp_path))
        assert caught.value.fault is errors.ARGUMENT_INVALID

    def open_backup(self, folder: Path) -> KeyValue:
        return self.new_store(folder)

    async def test_a_healthy_store_passes_its_check(self, store):
        await store.check()

    async def test_a_closed_store_takes_nothing_and_closing_twice_is_fine(self, store):
        await store.write(lambda t: t.put(b"k", b"v"))
        await store.close()
        await store.close()
        for attempt in (store.write(lambda t: t.put(b"k", b"v")), store.read(lambda s: s.get(b"k")), store.check()):
            with pytest.raises(Problem) as caught:
                await attempt
            assert caught.value.fault is errors.SHUTTING_DOWN

    async def test_closing_waits_for_the_writes_under_way(self, store, tmp_path):
        writes = [asyncio.create_task(store.write(lambda t, n=n: t.put(b"%d" % n, b""))) for n in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.gather(*writes) == [None] * 20

    def test_it_behaves_as_a_sorted_dictionary(self, tmp_path):
        counter = iter(range(10**9))
        run_state_machine_as_test(
            lambda: DictionaryMachine(self.new_store(tmp_path / str(next(counter)))),
            settings=settings(
                max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )


class DictionaryMachine(RuleBasedStateMachine):
    """The store beside a dictionary."""

    def __init__(self, store):
        super().__init__()
        self.store = store
        self.model: dict[bytes, bytes] = {}
        self.runner = asyncio.Runner()

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()

    @rule(changes=st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=8)), max_size=12), fail=st.booleans())
    def change(self, changes, fail):
        def function(t):
            shadow = dict(self.model)
            for key, value in changes:
                if value is None:
                    assert t.delete(key) == (shadow.pop(key, None) is not None)
                else:
                    t.put(key, value)
                    shadow[key] = value
                assert t.get(key) == value
            assert list(t.scan(b"")) == sorted(shadow.items())
            if fail:
                raise Refusal
            return shadow

        try:
            self.model = self.runner.run(self.store.write(function))
        except Refusal:
            assert fail

    @rule(key=KEYS)
    def get(self, key):
        assert self.runner.run(self.store.read(lambda s: s.get(key))) == self.model.get(key)

    @rule(start=BOUNDS, stop=st.none() | BOUNDS, reverse=st.booleans())
    def scan(self, start, stop, reverse):
        keys = sorted(self.model)
        high = len(keys) if stop is None else bisect.bisect_left(keys, stop)
        expected = [(key, self.model[key]) for key in keys[bisect.bisect_left(keys, start) : high]]
        found = self.runner.run(self.store.read(lambda s: list(s.scan(start, stop, reverse=reverse))))
        assert found == (expected[::-1] if reverse else expected)
