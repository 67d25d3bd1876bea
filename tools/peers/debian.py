"""Programs from the distribution."""

import os
import shutil

from tools.peers.cache import note_failure, note_success, run_to_end, system_path
from tools.peers.kinds import DebianProgram


def install_debian(programs: list[DebianProgram]) -> None:
    """Install what is missing, where this user may."""
    missing = [p for p in programs if shutil.which(p.name, path=system_path()) is None]
    if not missing:
        return
    packages = " ".join(p.package for p in missing)
    prefix = _privilege()
    if shutil.which("apt-get") is None or prefix is None:
        reason = f"install the Debian package (or your system's) as root: {packages}"
    else:
        print(f"installing {packages}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run_to_end([*prefix, "apt-get", "update"], environment=environment)
        for answer in (p.answer for p in missing if p.answer):
            run_to_end(
                [*prefix, "sh", "-c", 'echo "$1" | debconf-set-selections', "sh", answer], environment=environment
            )
        get = [*prefix, "apt-get", "install", "-y", "--no-install-recommends", *packages.split()]
        reason = run_to_end(get, environment=environment)
    for program in missing:
        if shutil.which(program.name, path=system_path()):
            note_success(program.name, program.name)
        else:
            note_failure(program.name, reason)


def _privilege() -> list[str] | None:
    """Return what to put before a command that needs root: nothing, sudo that asks for nothing, or None."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and not run_to_end([sudo, "-n", "true"]):
        return [sudo, "-n"]
    return None
