"""The commands of docs/audit.md prove a checkpoint without any program of ours."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from zotplus.adapters.audit.signing import pem
from zotplus.adapters.audit.stream import AuditStream
from zotplus.domain.audit.records import decode_checkpoint

PAGE = Path(__file__).parents[4] / "docs/audit.md"
NEEDED = ("bash", "sha256sum", "openssl", "xxd")


@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason="needs bash, sha256sum, openssl and xxd")
def test_a_checkpoint_is_proven_by_the_commands_of_the_page(disk, make, tmp_path):
    stream = AuditStream(disk.open(), interval=60)
    stream.append([make(1), make(2), make(3)])
    stream.flush()
    stream.close()
    (disk.folder / f"key-{disk.signer.key}.pem").write_bytes(pem(disk.signer.public))
    commands = re.search(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    script = re.sub(r"(?<= )/tmp/", f"{tmp_path}/", commands).replace("/srv/zotplus/audit", str(disk.folder))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    fifth = disk.files()[0][1].read_bytes().splitlines()[4]
    assert decode_checkpoint(fifth).hash in done.stdout
    assert "Signature Verified Successfully" in done.stdout
