"""The supervisor, with stub workers: what starts, what is started again, and how it ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.serve.conftest import lives, wait_for
from zotplus.adapters.telemetry.metrics import sums
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.serve.children import PAUSES, STEADY_SECONDS, Child, run_briefly
from zotplus.serve.data_folder import claim
from zotplus.serve.foreign import run_program
from zotplus.serve.listening import addresses, bind
from zotplus.settings import load


def test_every_worker_answers_and_the_janitor_runs(start):
    server = start().ready()
    wait_for(lambda: server.ask()[0] == "worker-0")
    wait_for(lambda: server.ask()[0] == "worker-1")
    assert lives(server.process_of("janitor"))


def test_the_banner_names_addresses_folder_and_upstream_and_shows_the_secret_once(start, tmp_path):
    server = start().ready()
    host, port = server.address
    assert f"http://{host}:{port}" in server.said
    assert str(tmp_path / "data") in server.said
    assert "none: /v2/ answers 503" in server.said
    assert server.said.count("the-secret-shown-once") == 1
    assert "AKFIRST" in server.said
    assert "the-secret-shown-once" not in (tmp_path / "stderr").read_text()


def stop_and_wait(process):
    """The signal is taken a moment after it is sent; until then the process may still accept."""
    os.kill(process, signal.SIGSTOP)
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)


def test_a_killed_worker_is_replaced_and_what_waited_for_it_is_served(start):
    server = start(ZOTPLUS_WORKERS="1")
    first = server.process_of("worker-0")
    stop_and_wait(first)  # so that the connection below waits in the dead worker's queue
    with socket.create_connection(server.address, timeout=60) as connection, connection.makefile() as lines:
        os.kill(first, signal.SIGKILL)
        second = server.process_of("worker-0", other_than=first)
        assert lines.readline() == f"worker-0 {second}\n"
    assert [event["name"] for event in server.events if event["event"] == "process_died"] == ["worker-0"]
    restarts = sums(server.folder / "data/run/metrics")
    assert restarts["zotplus_process_restarts_total", "worker-0"] == [1]
    assert restarts["zotplus_workers",] == [1]


def test_a_worker_that_keeps_dying_is_started_with_growing_pauses(start, tmp_path):
    (tmp_path / "broken").touch()
    server = start(ZOTPLUS_WORKERS="1")
    wait_for(lambda: sum(event["event"] == "process_died" for event in server.events) >= 4)
    pauses = [event["restart_in"] for event in server.events if event["event"] == "process_died"]
    assert pauses[:4] == list(PAUSES[:4])
    (tmp_path / "broken").unlink()
    assert server.process_of("worker-0")


def test_the_janitor_is_replaced_too(start):
    server = start().ready()
    first = server.process_of("janitor")
    os.kill(first, signal.SIGKILL)
    assert lives(server.process_of("janitor", other_than=first))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_and_leaves_nothing(start, number):
    server = start().ready()
    children = [server.process_of(name) for name in ("worker-0", "worker-1", "janitor")]
    address = server.address
    server.signal(number)
    assert server.ended() == 0
    assert not any(lives(child) for child in children)
    assert not (server.folder / "data/run/server.json").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=60)


def test_a_worker_that_does_not_end_in_time_is_killed(start, tmp_path):
    (tmp_path / "stubborn").touch()
    server = start(ZOTPLUS_DRAIN_SECONDS="0.1").ready()
    server.signal()
    assert server.ended() == 1
    killed = sorted(event["name"] for event in server.events if event["event"] == "process_killed")
    assert killed == ["worker-0", "worker-1"]


def test_a_second_signal_ends_the_wait(start, tmp_path):
    (tmp_path / "stubborn").touch()
    server = start(ZOTPLUS_DRAIN_SECONDS="3600").ready()
    server.signal()
    wait_for(lambda: any(event["event"] == "drain_started" for event in server.events))
    assert server.process.poll() is None
    server.signal()
    assert server.ended() == 1


def test_a_worker_that_dies_while_the_server_stops_is_not_started_again(start, tmp_path):
    (tmp_path / "stubborn").touch()
    server = start(ZOTPLUS_DRAIN_SECONDS="3600").ready()
    server.signal()
    wait_for(lambda: any(event["event"] == "drain_started" for event in server.events))
    for name in ("worker-0", "worker-1"):
        os.kill(server.process_of(name), signal.SIGKILL)
    assert server.ended() == 0


def test_children_die_with_a_killed_parent_and_the_folder_is_free_again(start):
    server = start().ready()
    children = [server.process_of(name) for name in ("worker-0", "worker-1", "janitor")]
    server.signal(signal.SIGKILL)
    server.ended()
    wait_for(lambda: not any(lives(child) for child in children))
    for note in server.folder.glob("*.json"):
        note.unlink()
    again = start().ready()
    assert again.ask()[1] not in children


def test_sighup_reaches_every_worker(start):
    server = start().ready()
    server.signal(signal.SIGHUP)
    server.process_of("worker-0-reloaded")
    server.process_of("worker-1-reloaded")
    assert server.process.poll() is None


def test_a_second_server_on_the_same_folder_is_refused(start, tmp_path):
    first = start().ready()
    second = start()
    assert second.ended() == 4
    text = (tmp_path / "stderr").read_text()
    assert f"data_dir_busy: Another server (process {first.process.pid}) uses {tmp_path / 'data'}." in text
    assert first.ask()


def test_a_port_in_use_is_refused_even_by_another_zotplus(start, tmp_path):
    first = start().ready()
    other = tmp_path / "other"
    other.mkdir()
    second = start(other, ZOTPLUS_HTTP__PORT=str(first.address[1]))
    assert second.ended() == 4
    text = (other / "stderr").read_text()
    assert f"address_unavailable: http.port: 127.0.0.1 port {first.address[1]}: another program listens there." in text


def test_a_start_that_cannot_listen_leaves_no_folder(start, tmp_path):
    with socket.create_server(("", 0)) as taken:
        server = start(ZOTPLUS_HTTP__PORT=str(taken.getsockname()[1]))
        assert server.ended() == 4
    assert "address_unavailable" in (tmp_path / "stderr").read_text()
    assert not (tmp_path / "data").exists()


def test_a_problem_while_preparing_ends_the_start(start, tmp_path):
    (tmp_path / "refuse").touch()
    server = start()
    assert server.ended() == 4
    assert "storage_failed: The disk is on fire." in (tmp_path / "stderr").read_text()
    assert server.note("worker-0") is None


def test_a_crash_while_preparing_ends_the_start(start, tmp_path):
    (tmp_path / "crash").touch()
    assert start().ended() == 4
    assert "internal_error: The storage could not be prepared" in (tmp_path / "stderr").read_text()


FAKE_ZOT = """#!{python}
import json, os, pathlib, signal, socket, sys
folder = pathlib.Path({folder!r})
def end(*_):
    if (folder / "zot.stubborn").exists():
        return (folder / "zot.asked").touch()
    print('{{"level":"error","message":"exiting","error":"http: Server closed"}}', flush=True)
    print("zot says goodbye", file=sys.stderr, flush=True)
    (folder / "zot.ended").touch()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("zot says hello", flush=True)
(folder / "zot.part").write_text(json.dumps({{"process": os.getpid(), "arguments": sys.argv[1:]}}))
(folder / "zot.part").replace(folder / "zot.json")
while True:
    signal.pause()
"""


@pytest.fixture
def zot(tmp_path):
    path = tmp_path / "zot"
    path.write_text(FAKE_ZOT.format(python=sys.executable, folder=str(tmp_path)))
    path.chmod(0o700)
    return path


def test_a_managed_zot_is_started_watched_and_ended_last(start, tmp_path, zot):
    server = start(ZOTPLUS_UPSTREAM__MANAGED="true", ZOTPLUS_UPSTREAM__BINARY=str(zot)).ready()
    first = server.process_of("zot")
    assert server.note("zot")["arguments"][0] == "serve"
    assert server.note("worker-0")["managed_url"].startswith("http://127.0.0.1:")
    assert "started here" in server.said
    os.kill(first, signal.SIGKILL)
    second = server.process_of("zot", other_than=first)
    server.signal()
    assert server.ended() == 0
    assert (tmp_path / "zot.ended").exists()
    assert not lives(second)
    ended = [event["name"] for event in server.events if event["event"] == "process_ended"]
    assert ended[-1] == "zot"
    assert "zot says hello" not in server.said
    told = (tmp_path / "stderr").read_text()
    assert "zot says hello" in told
    assert "zot says goodbye" in told
    assert "Server closed" not in told


def test_a_managed_zot_holds_no_listening_socket_of_ours(start, zot):
    """It outlives the workers: whoever comes during the drain would wait for it instead of being refused."""
    server = start(ZOTPLUS_UPSTREAM__MANAGED="true", ZOTPLUS_UPSTREAM__BINARY=str(zot)).ready()
    program = server.process_of("zot")
    passing_on = int(Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[1])  # proc(5): the parent
    for process in (program, passing_on):
        held = [str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir()]
        assert not [one for one in held if one.startswith("socket:")]


def test_a_managed_zot_that_does_not_end_is_killed(start, tmp_path, zot):
    (tmp_path / "zot.stubborn").touch()
    server = start(ZOTPLUS_UPSTREAM__MANAGED="true", ZOTPLUS_UPSTREAM__BINARY=str(zot)).ready()
    process = server.process_of("zot")
    server.signal()
    wait_for((tmp_path / "zot.asked").exists)
    server.signal()
    assert server.ended() == 1
    wait_for(lambda: not lives(process))


def test_a_program_that_a_signal_ended_is_told_from_one_that_ended(capfd):
    assert run_briefly(lambda: b"%d" % run_program(["/bin/sh", "-c", "kill -9 $$"], bytes)) == b"137"
    assert run_briefly(lambda: b"%d" % run_program(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], bytes)) == b"7"
    assert run_briefly(lambda: b"%d" % run_program(["/no/such/program"], bytes)) == b"70"
    assert capfd.readouterr().err == "out\nerr\n/no/such/program: No such file or directory\n"


def test_a_managed_zot_ends_with_a_killed_parent(start, tmp_path, zot):
    server = start(ZOTPLUS_UPSTREAM__MANAGED="true", ZOTPLUS_UPSTREAM__BINARY=str(zot)).ready()
    process = server.process_of("zot")
    server.signal(signal.SIGKILL)
    server.ended()
    wait_for(lambda: not lives(process))


def settings(**variables):
    return load(None, {"ZOTPLUS_HTTP__ADDRESS": "127.0.0.1", "ZOTPLUS_WORKERS": "2", **variables})


def close(all_sockets):
    for by_listener in all_sockets:
        for listening in by_listener.values():
            listening.close()


def test_workers_share_one_free_port_per_listener():
    made = bind(settings(ZOTPLUS_HTTP__PORT="0", ZOTPLUS_S3__PORT="0"))
    try:
        ports = [[listening.getsockname()[1] for listening in by_listener.values()] for by_listener in made]
        assert ports[0] == ports[1]
        assert len(set(ports[0])) == 2
        assert dict(addresses(made[0], tls=True))["main"] == f"https://127.0.0.1:{ports[0][0]}"
    finally:
        close(made)


def test_the_second_port_can_be_left_out_and_wildcards_are_shown_as_loopback():
    made = bind(settings(ZOTPLUS_HTTP__PORT="0", ZOTPLUS_S3__PORT="null", ZOTPLUS_HTTP__ADDRESS="::"))
    try:
        (only,) = made[0].values()
        assert dict(addresses(made[0], tls=False)) == {"main": f"http://127.0.0.1:{only.getsockname()[1]}"}
        with socket.create_connection(("127.0.0.1", only.getsockname()[1])):
            pass
    finally:
        close(made)


def test_a_foreign_address_is_refused():
    with pytest.raises(Problem, match="not this machine's") as caught:
        bind(settings(ZOTPLUS_HTTP__ADDRESS="192.0.2.1"))
    assert caught.value.fault is errors.ADDRESS_UNAVAILABLE


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Problem, match="data_dir") as caught:
        claim(tmp_path / "file" / "data")
    assert caught.value.fault is errors.SETTING_INVALID


def test_the_data_folder_is_for_its_owner_only(tmp_path):
    os.close(claim(tmp_path / "data"))
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_long_life_makes_the_next_death_the_first_again():
    child = Child(name="x", run=lambda: 0, deaths=5, started=time.monotonic() - STEADY_SECONDS)
    assert child.died() == PAUSES[0]
    child.started = time.monotonic()
    assert child.died() == PAUSES[1]
    child.deaths = 50
    assert child.died() == PAUSES[-1]


def test_the_supervisor_opens_no_engine_and_has_one_thread(start):
    server = start().ready()
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    assert "\nThreads:\t1\n" in status
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "data.mdb" not in maps


def test_importing_the_settings_does_not_import_the_server():
    code = "import json, sys, zotplus.settings, zotplus.settings.printing; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"yaml", "opentelemetry", "zotplus.app", "cryptography.hazmat.primitives.ciphers.aead"} & set(loaded)
