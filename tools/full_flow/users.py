"""``versitygw admin``, with which cases of the suite make users and owners of buckets, by this server's means.

The suite starts ``./versitygw admin …`` in its folder. `administration` puts a script there that sends the arguments
to a socket of this process, and starts the real program for everything else. Users with chosen keys are made as the
start of a server makes its administrator: in the store. What a role of versitygw may do becomes grants and policies:
``admin`` administers buckets, ``userplus`` may make them, and the owner of a bucket administers it.
"""

import asyncio
import json
import socketserver
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.full_flow.serving import Gateway
from zotplus.adapters.sealing_aead.sealing import open_sealing
from zotplus.app.composition import local_store
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.keyvalue import KeyValue, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.services.configuration.documents import Documents
from zotplus.services.identity.credentials import Credential, draft_credential, sealed_record
from zotplus.services.identity.grants import Grants, insert_credential
from zotplus.services.identity.roles import Role
from zotplus.services.policies.policies import Policies
from zotplus.services.policies.values import NewVersion
from zotplus.settings import load

MAY_CREATE = b"""{"Version": "2012-10-17", "Statement": [
  {"Sid": "create", "Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "s3:*"}]}"""
SHIM = """#!{python} -IS
import json, os, socket, sys
arguments = sys.argv[1:]
if arguments[:1] != ["admin"]:
    os.execv({program!r}, [{program!r}, *arguments])
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    line.sendall(json.dumps(arguments[1:]).encode() + b"\\n")
    status, text = json.loads(line.makefile().readline())
print(text)
sys.exit(status)
"""


class Administration:
    """Makes users and owners in the store of a gateway that runs."""

    def __init__(self, target: Gateway, store: KeyValue, sealing: Sealing) -> None:
        self._target = target
        self._store = store
        self._sealing = sealing

    async def run(self, arguments: list[str]) -> tuple[int, str]:
        """Return the exit status and what is printed for the arguments of ``versitygw admin``."""
        options, command, own = _parsed(arguments)
        key = options["-a"], options["-s"]
        if command == "list-buckets":
            return 0, json.dumps(self._target.ask("GET", "/buckets", key))
        if command == "delete-user":
            return self._delete_user(key, own["-a"])
        if command == "create-user":
            await self._create_user(own["-a"], own["-s"], own["-r"])
        elif command == "change-bucket-owner":
            await self._change_owner(own["-b"], own["-o"])
        else:
            return 1, f"unknown command {command}"
        return 0, ""

    def _delete_user(self, key: tuple[str, str], user: str) -> tuple[int, str]:
        try:
            self._target.ask("DELETE", f"/keys/{user}", key)
        except urllib.error.HTTPError as refusal:
            return 1, "XAdminAccessDenied" if refusal.code == 403 else f"status {refusal.code}"  # noqa: PLR2004 - HTTP
        return 0, ""

    async def _create_user(self, user: str, secret: str, role: str) -> None:
        credential = Credential(id=user, kind=PrincipalKind.KEY, name=user, created=time.time())
        record = sealed_record(draft_credential(credential, secret), self._sealing)

        def insert(transaction: Transaction) -> None:
            insert_credential(transaction, user, record)

        await self._store.write(insert)
        if role == "admin":
            await Grants(self._store).give(user, Role.ADMINISTRATOR, "s3:*")
        elif role == "userplus":
            policies = Policies(self._store)
            await policies.put("userplus", NewVersion(text=MAY_CREATE, author="suite"))
            await policies.attach("userplus", user, "suite")

    async def _change_owner(self, bucket: str, owner: str) -> None:
        await Documents(self._store).change(bucket, owner=owner)
        await Grants(self._store).give(owner, Role.ADMINISTRATOR, f"s3:{bucket}/*")


def _parsed(arguments: list[str]) -> tuple[dict[str, str], str, dict[str, str]]:
    """Return the options before the command, the command, and its own options: pairs of a flag and a value."""
    flags = [argument for argument in arguments if argument != "--allow-insecure"]
    at = next((index for index in range(0, len(flags), 2) if not flags[index].startswith("-")), len(flags) - 1)
    return dict(_pairs(flags[:at])), flags[at], dict(_pairs(flags[at + 1 :]))


def _pairs(flags: list[str]) -> Iterator[tuple[str, str]]:
    return zip(flags[::2], flags[1::2], strict=False)


class _Line(socketserver.StreamRequestHandler):
    server: "_Lines"

    def handle(self) -> None:
        arguments = json.loads(self.rfile.readline())
        try:
            answer = asyncio.run_coroutine_threadsafe(self.server.work.run(arguments), self.server.loop).result(60)
        except Exception as problem:  # noqa: BLE001 - told to the case, which fails with it
            answer = 1, f"{type(problem).__name__}: {problem}"
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Lines(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, address: Path, work: Administration, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(str(address), _Line)
        self.work = work
        self.loop = loop


@contextmanager
def administration(home: Path, program: Path, target: Gateway) -> Iterator[None]:
    """Put the script into ``home`` and answer it while the suite runs."""
    address = home / "admin.sock"
    script = home / "versitygw"
    script.write_text(SHIM.format(python=sys.executable, program=str(program), address=str(address)))
    script.chmod(0o755)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    settings = load(None, target.settings)
    store = local_store(settings)
    work = Administration(target, store, open_sealing(settings.master_key, settings.data, None))
    server = _Lines(address, work, loop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        asyncio.run_coroutine_threadsafe(store.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
