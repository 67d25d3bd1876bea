"""A real LDAP server (OpenLDAP's slapd) with two people and two groups, on a free port and in a folder of its own."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.programs import free_port, need

BASE = "dc=example,dc=org"
READER, READER_PASSWORD = f"cn=keycloak,{BASE}", "peers-directory-reader-0123"
"""Whom Keycloak reads the directory as."""
MASTER, MASTER_PASSWORD = f"cn=master,{BASE}", "peers-directory-master-0123"
PASSWORD = "peers-directory-person-0123"
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
START_SECONDS = 30

_CONFIGURATION = """\
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
database mdb
suffix "{base}"
rootdn "{master}"
rootpw {master_password}
directory {folder}/database
maxsize 16777216
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""

_CONTENT = """\
dn: {base}
objectClass: organization
objectClass: dcObject
dc: example
o: Example

dn: {reader}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: keycloak
userPassword: {reader_password}

dn: ou=people,{base}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{base}
objectClass: organizationalUnit
ou: groups

dn: uid=erin,ou=people,{base}
objectClass: inetOrgPerson
uid: erin
cn: Erin Elm
givenName: Erin
sn: Elm
mail: erin@example.org
userPassword: {password}

dn: uid=frank,ou=people,{base}
objectClass: inetOrgPerson
uid: frank
cn: Frank Fir
givenName: Frank
sn: Fir
mail: frank@example.org
userPassword: {password}

dn: cn=readers,ou=groups,{base}
objectClass: groupOfNames
cn: readers
member: uid=erin,ou=people,{base}
member: uid=frank,ou=people,{base}

dn: cn=team-a,ou=groups,{base}
objectClass: groupOfNames
cn: team-a
member: uid=frank,ou=people,{base}
"""


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Where the server answers."""

    url: str

    def leave(self, user: str, group: str) -> None:
        """Take ``user`` out of ``group``."""
        change = (
            f"dn: cn={group},ou=groups,{BASE}\nchangetype: modify\ndelete: member\n"
            f"member: uid={user},ou=people,{BASE}\n"
        )
        argv = [need("ldapmodify"), "-x", "-H", self.url, "-D", MASTER, "-w", MASTER_PASSWORD]
        subprocess.run(argv, input=change, capture_output=True, text=True, check=True, timeout=60)


@contextmanager
def directory_server(folder: Path) -> Iterator[Directory]:
    """Run the server below ``folder``."""
    programs = need("slapd"), need("slapadd")
    if not SCHEMAS.is_dir():
        pytest.skip(f"slapd: its schemas are not in {SCHEMAS}")
    (folder / "database").mkdir()
    configuration, content = folder / "slapd.conf", folder / "content.ldif"
    names = {
        "schemas": SCHEMAS,
        "modules": MODULES,
        "folder": folder,
        "base": BASE,
        "master": MASTER,
        "master_password": MASTER_PASSWORD,
        "reader": READER,
        "reader_password": READER_PASSWORD,
        "password": PASSWORD,
    }
    configuration.write_text(_CONFIGURATION.format(**names))
    content.write_text(_CONTENT.format(**names))
    added = subprocess.run(
        [programs[1], "-f", configuration, "-l", content], capture_output=True, text=True, check=False, timeout=60
    )
    assert added.returncode == 0, added.stderr
    port = free_port()
    url = f"ldap://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        argv = [programs[0], "-f", configuration, "-h", url, "-d", "0"]
        server = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _wait(server, port, folder / "log")
            yield Directory(url=url)
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def _wait(server: subprocess.Popen, port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)  # polls for readiness, hides no race
        else:
            return
    raise AssertionError(log.read_text())
