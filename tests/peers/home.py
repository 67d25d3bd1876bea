"""Programs as somebody runs them: with a home, a configuration and a keyring of their own."""

import os
import subprocess

from tests.peers.oci.images import as_folder, image
from tests.peers.programs import need


class Home:
    """Runs programs in ``folder`` with ``environment`` and nothing else."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = environment

    def run(self, *argv, fails=False, stdin=None) -> str:
        done = subprocess.run(
            [need(argv[0]), *map(str, argv[1:])],
            env=self.environment,
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return said if fails else done.stdout

    def layout(self, text=""):
        """A folder with an image in OCI layout, made by skopeo from a folder of plain files."""
        plain = as_folder(image(text or str(self.folder)), self.folder / "plain")
        self.run("skopeo", "--insecure-policy", "copy", f"dir:{plain}", f"oci:{self.folder}/layout:v1")
        return self.folder / "layout"


class Client(Home):
    """Somebody in front of ``gateway``."""

    def __init__(self, folder, gateway):
        folder.mkdir(exist_ok=True)
        self.gateway = gateway
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DOCKER_CONFIG": str(folder / "docker"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
            "TMPDIR": str(folder / "tmp"),
            "NO_PROXY": "127.0.0.1",
        }
        super().__init__(folder, environment)
        for name in ("docker", "run", "config", "cache", "tmp"):
            (folder / name).mkdir(mode=0o700)

    def credentials(self, user="writer"):
        return self.gateway.users[user]

    def pair(self, user="writer"):
        return ":".join(self.credentials(user))
