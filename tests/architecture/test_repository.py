"""The repository holds nothing that is true on one machine only, and its generated pages are current."""

import re
import subprocess

import pytest

from tests.architecture.source import PACKAGE, ROOT
from tools import docs_sync

# Paths of one machine, and hosts of package registries: whoever installs has configured their own. Images of others
# keep their programs in /opt/app-root and /opt/keycloak.
FORBIDDEN = re.compile(
    r"(?<![\w.-])/(work|root|Users)/\w|(?<![\w.-])/opt/(?!app-root|keycloak/)\w"
    r"|pypi\.org|pythonhosted\.org|proxy\.golang\.org|registry\.npmjs\.org|repo1?\.maven"
)
THIS = "tests/architecture/test_repository.py"


def files() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split("\0") if name and name != THIS]


def test_no_file_names_a_machine_or_a_package_registry():
    found = []
    for name in files():
        if not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match.group()}" for match in FORBIDDEN.finditer(text)]
    assert found == []


@pytest.mark.parametrize("text", ["see /root/x", "cd /work/y", "https://pypi.org/simple", '"/opt/thing"'])
def test_the_rule_knows_what_is_forbidden(text):
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize(
    "text", ["/opt/app-root/src", "/opt/keycloak/bin", "s3://bucket/work/x", "/var/lib/zotplus", "./root/x"]
)
def test_the_rule_leaves_other_paths_alone(text):
    assert not FORBIDDEN.search(text)


@pytest.mark.parametrize("page", docs_sync.PAGES, ids=lambda page: page.target)
def test_a_generated_page_is_current(page):
    assert (ROOT / page.target).read_text() == docs_sync.render(page), "run `make fix`"


def test_every_folder_of_the_package_is_explained():
    page = (ROOT / "docs/architecture.md").read_text()
    folders = [found.parent.relative_to(PACKAGE).as_posix() for found in PACKAGE.rglob("__init__.py")]
    unnamed = []
    for folder in folders:
        name = folder.removeprefix("adapters/").removeprefix("protocols/")
        if folder != "." and f"`{name}`" not in page and f"`{folder}/`" not in page:
            unnamed.append(folder)
    assert unnamed == []
