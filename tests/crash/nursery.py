"""Starts ``zotplus serve`` again and again without importing it each time: a process that forks one for each request.

Each line of standard input is a JSON object of environment variables; the answers are the new process's id and, when it
has ended, its exit code.
"""

import json
import os
import sys
import traceback

import uvloop

import zotplus.app
from zotplus.serve import serve
from zotplus.settings import load

assert zotplus.app, uvloop  # loaded here once, for all servers


def begin(variables: dict[str, str], log: str) -> int:
    """Fork a server; its process id."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setsid()  # so that one signal reaches all processes of the server at once
        print(os.getpid(), flush=True)  # noqa: T201 - the protocol
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ.update(variables)
        code = serve(load(None, os.environ))
    except BaseException:  # noqa: BLE001 - the last frame of the process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        process = begin(request["variables"], request["log"])
        status = os.waitpid(process, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
