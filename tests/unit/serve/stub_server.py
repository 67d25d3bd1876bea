"""A server for the supervisor's tests: real processes and sockets, workers that answer one line and obey a file.

Run as ``python stub_server.py FOLDER [VARIABLE=VALUE …]``. A worker answers every connection with its name and process
id. Files in FOLDER change what happens: ``stubborn`` makes workers ignore SIGTERM, ``refuse`` makes ``prepare`` raise,
``broken`` makes workers die at their start.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.head import Listener
from zotplus.serve import serve
from zotplus.settings import load


class Stub:
    def __init__(self, folder):
        self.folder = folder

    def prepare(self, settings):
        if (self.folder / "refuse").exists():
            raise Problem(errors.STORAGE_FAILED, "The disk is on fire.")
        if (self.folder / "crash").exists():
            os._exit(3)
        return ("AKFIRST", "the-secret-shown-once")

    def run_worker(self, settings, sockets, index, managed_url):
        name = f"worker-{index}"
        if (self.folder / "broken").exists():
            return 9
        signal.signal(signal.SIGHUP, lambda *_: self.note(f"{name}-reloaded"))
        if (self.folder / "stubborn").exists():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        self.note(name, managed_url=managed_url)  # last: whoever reads it sends signals
        listening = sockets[Listener.MAIN]
        listening.settimeout(None)
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(f"{name} {os.getpid()}\n".encode())

    def run_janitor(self, settings):
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        self.note("janitor")
        while True:
            time.sleep(60)

    def note(self, name, **facts):
        path = self.folder / f"{name}.json"
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({"process": os.getpid(), **facts}))
        temporary.replace(path)


def main():
    folder = Path(sys.argv[1])
    variables = dict(argument.split("=", 1) for argument in sys.argv[2:])
    settings = load(None, {"ZOTPLUS_DATA_DIR": str(folder / "data"), "ZOTPLUS_HTTP__ADDRESS": "127.0.0.1", **variables})
    try:
        return serve(settings, Stub(folder))
    except Problem as problem:
        sys.stderr.write(f"{problem.fault.code}: {problem.detail}\n")
        return 4


if __name__ == "__main__":
    sys.exit(main())
