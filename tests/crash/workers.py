"""Clients whose connections are spread over all workers of a server, and what they do at once."""

import threading
from pathlib import Path

from tests.crash.server import wait_for


def spread(server, count):
    """``count`` clients, at least one at each of two workers."""
    clients = wait_for(lambda: _spread(server, count))
    assert len(clients) == count
    return clients


def _spread(server, count):
    clients = [server.client() for _ in range(count)]
    for client in clients:
        assert client.send("GET", "/").status == 200
    holders = [holder_of(server, client.connect().sock.getsockname()[1]) for client in clients]
    if len(set(holders)) > 1:
        return clients
    for client in clients:
        client.close()
    return None


def holder_of(server, port):
    """The process of ``server`` that holds the other end of the connection from ``port``."""
    wanted = f"{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[2].endswith(f":{wanted}") and fields[1].endswith(f":{server.address[1]:04X}"):
            return next(child for child in server.children() if _holds(child, f"socket:[{fields[9]}]"))
    raise AssertionError("there is no such connection")


def _holds(process, link):
    folder = Path(f"/proc/{process}/fd")
    for descriptor in folder.iterdir():
        try:
            if str(descriptor.readlink()) == link:
                return True
        except FileNotFoundError:  # closed meanwhile
            continue
    return False


def at_once(clients, act):
    """Run ``act(number, client)`` in a thread for each client, all let go together; the results."""
    barrier = threading.Barrier(len(clients))
    results = [None] * len(clients)

    def run(number, client):
        barrier.wait()
        results[number] = act(number, client)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
