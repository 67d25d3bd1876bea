"""The examples of docs/trusted-publishing.md work as they are written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, basic, call

pytestmark = pytest.mark.timeout(600)
PAGE = (Path(__file__).parents[3] / "docs" / "trusted-publishing.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
TRUSTS = [block for block in SHELL if block.startswith("zotplus trust create")]
PROVIDER = [block for block in SHELL if block.startswith("#!/bin/sh")]
AWS = [block for block in SHELL if "AWS_WEB_IDENTITY_TOKEN_FILE" in block]


def test_every_example_is_run_here():
    assert len(TRUSTS) + len(PROVIDER) + len(AWS) == len(SHELL)
    assert (len(TRUSTS), len(PROVIDER), len(AWS)) == (3, 1, 1)


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_yaml_is_yaml(text):
    assert isinstance(yaml.safe_load(text), dict)


def make_trust(site, tmp_path, block) -> str:
    name = block.split()[3]
    admin = basic(ADMIN_KEY, ADMIN_SECRET)
    assert call("DELETE", f"{site.gateway.url}/api/v1/trusts/{name}", headers=admin)[0] in {204, 404}
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ZOTPLUS_ENDPOINT": site.gateway.url,
        "ZOTPLUS_ACCESS_KEY": ADMIN_KEY,
        "ZOTPLUS_SECRET_KEY": ADMIN_SECRET,
    }
    done = subprocess.run(["sh", "-ec", block], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return name


@pytest.mark.parametrize("block", TRUSTS)
def test_a_trust_of_the_page_lets_in_whom_it_says(site, tmp_path, block):
    name = make_trust(site, tmp_path, block)
    issuer = re.search(r"--issuer (\S+)", block)[1]
    token = {
        "github": lambda: site.token("github", ref="refs/tags/v1.2.3"),
        "gitlab": lambda: site.token("gitlab", ref_type="tag"),
        "cluster": lambda: site.token("tekton", sub="system:serviceaccount:team-a:publisher"),
    }[issuer]()
    document = json.dumps({"token": token, "trust": name}).encode()
    status, _, body = call("POST", site.gateway.url + "/_/oidc/mint-token", body=document)
    assert status == 200, body


def test_the_credential_provider_answers_the_kubelet(site, tmp_path):
    script = tmp_path / "zotplus-credentials"
    script.write_text(PROVIDER[0])
    script.chmod(0o755)
    token = site.token("kubernetes")
    host = site.gateway.host
    asked = {
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "kind": "CredentialProviderRequest",
        "image": f"{host}/team/app:v1",
        "serviceAccountToken": token,
        "serviceAccountAnnotations": {},
    }
    environment = {"PATH": os.environ["PATH"], "ZOTPLUS_REGISTRY": host, "ZOTPLUS_USER": "trust:builder"}
    for text in (json.dumps(asked, separators=(",", ":")), json.dumps(asked)):
        done = subprocess.run([script], env=environment, input=text, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        assert (answer["kind"], answer["cacheKeyType"]) == ("CredentialProviderResponse", "Registry")
        given = answer["auth"][host]
        headers = basic(given["username"], given["password"])
        assert call("GET", f"{site.gateway.url}/auth/token?scope=repository:team/app:pull", headers=headers)[0] == 200
    del asked["serviceAccountToken"]
    done = subprocess.run(
        [script], env=environment, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")


def test_the_variables_for_aws_work(site, job, tmp_path):
    publish = next(block for block in TRUSTS if " publish " in block)
    make_trust(site, tmp_path, publish)
    pod = job(site.token("kubernetes", sub="system:serviceaccount:team-a:publisher"))
    block = AWS[0].replace("/var/run/zotplus/token", str(pod.token_file))
    block = block.replace("https://registry.example.org", site.gateway.url)
    assert "trust:publish:" in pod.run("sh", "-ec", block)
