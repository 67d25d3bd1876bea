"""Jobs of a Tekton-style and a GitHub-style pipeline publish an image, a chart and a file; no secret is stored."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.peers.oci.images import MANIFEST
from tests.peers.programs import call, need

pytestmark = pytest.mark.timeout(600)
numbers = itertools.count()

JOBS = {"github": "release", "tekton": "pipeline"}


def publish_image(job, token, name, *, fails=False):
    return job.run(
        *("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "--dest-creds", f"oidc:{token}"),
        *(f"oci:{job.layout()}:v1", f"docker://{job.site.gateway.host}/{name}:v1"),
        fails=fails,
    )


def publish_chart(job, token, version="1.2.3"):
    host = job.site.gateway.host
    job.run("helm", "create", "demo")
    job.run("helm", "package", "demo", "--version", version)
    job.run("helm", "registry", "login", host, "-u", "oidc", "--password-stdin", "--plain-http", stdin=token)
    job.run("helm", "push", f"demo-{version}.tgz", f"oci://{host}/team/charts", "--plain-http")


@pytest.mark.parametrize(("shape", "trust"), JOBS.items(), ids=JOBS)
def test_a_job_publishes_image_chart_and_file_with_its_own_token(site, job, shape, trust):
    need("helm")
    task = job(site.token(shape))
    minted = task.mint(trust)
    name = f"team/{shape}{next(numbers)}"
    publish_image(task, minted, name)
    publish_chart(task, minted, f"1.2.{next(numbers)}")
    task.token_file.write_text(minted)  # good for aws too, for what is left of it
    task.with_web_identity(trust)
    (task.folder / "app.tar").write_text("an app")
    task.run("aws", "s3", "cp", "app.tar", f"s3://releases/{name}/app.tar")
    reader = site.gateway.add_user(f"reader-{shape}", ("reader", "*"))
    site.gateway.users["reader"] = reader
    accept = {"Accept": MANIFEST}
    assert site.gateway.ask("GET", f"/v2/{name}/manifests/v1", "reader", headers=accept)[0] == 200
    assert site.gateway.ask("GET", f"/s3/releases/{name}/app.tar", "reader")[2] == b"an app"
    assert site.gateway.ask("GET", "/v2/team/charts/demo/tags/list", "reader")[0] == 200


@pytest.mark.parametrize(("shape", "trust"), JOBS.items(), ids=JOBS)
def test_a_job_stays_within_what_its_trust_gives(site, job, shape, trust):
    task = job(site.token(shape))
    minted = task.mint(trust)
    publish_image(task, minted, "private/app", fails=True)
    status, _, _ = call(
        "PUT", site.gateway.url + "/s3/others/x", headers={"Authorization": f"Bearer {minted}"}, body=b"x"
    )
    assert status in {403, 404}
    assert call("GET", site.gateway.url + "/api/v1/keys", headers={"Authorization": f"Bearer {minted}"})[0] == 403


def test_a_job_exchanges_its_token_by_oauth_and_logs_podman_in(site, job):
    task = job(site.token("github"))
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": task.token_file.read_text(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "release",
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = call("POST", site.gateway.url + "/auth/token", headers=headers, body=urlencode(form).encode())
    assert status == 200, body
    token = json.loads(body)["access_token"]
    flags = ("--tls-verify=false", "--username", "oidc", "--password-stdin")
    task.run("podman", "login", *flags, site.gateway.host, stdin=token)
    layout, target = task.layout(), f"docker://{site.gateway.host}/team/oauth:v1"
    task.run("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{layout}:v1", target)


def test_a_pods_own_token_is_a_password_under_a_trust_that_allows_reuse(site, job):
    pod = job(site.token("kubernetes"))
    host, token = site.gateway.host, pod.token_file.read_text()
    flags = ("--tls-verify=false", "--username", "trust:builder", "--password-stdin")
    pod.run("podman", "login", *flags, host, stdin=token)
    pod.run("crane", "auth", "login", host, "-u", "trust:builder", "--password-stdin", stdin=token)
    pod.run("crane", "push", "--insecure", pod.layout(), f"{host}/team/pod:v1")
    pod.run("crane", "digest", "--insecure", f"{host}/team/pod:v1")


REFUSED = {
    "a wrong audience": ({"aud": "sts.amazonaws.com"}, "invalid-token"),
    "a wrong repository id": ({"repository_id": "75"}, "invalid-publisher"),
    "a wrong branch": ({"ref": "refs/heads/feature"}, "invalid-publisher"),
    "a fork's name for another id": ({"repository": "octo-org/octo-repo", "repository_id": "9"}, "invalid-publisher"),
}


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED)
def test_a_job_is_refused_with(site, changes, code):
    document = json.dumps({"token": site.token("github", **changes), "trust": "release"}).encode()
    status, _, body = call("POST", site.gateway.url + "/_/oidc/mint-token", body=document)
    assert (status, json.loads(body)["errors"][0]["code"]) == (422, code)


def test_a_token_from_a_log_comes_too_late(site, job):
    task = job(site.token("github"))
    task.mint("release")
    document = json.dumps({"token": task.token_file.read_text(), "trust": "release"}).encode()
    for _ in range(4):  # whichever worker it meets
        status, _, body = call("POST", site.gateway.url + "/_/oidc/mint-token", body=document)
        assert (status, json.loads(body)["errors"][0]["code"]) == (422, "invalid-reuse-token")


def test_revoking_ends_what_a_job_got_on_every_worker(site, job):
    gateway = site.gateway
    gateway.api("PUT", "/trusts/ended", {"issuer": "github", "audience": "zotplus", "claims": {"repository_id": "81"}})
    minted = job(site.token("github", repository_id="81")).mint("ended")
    bearer = {"Authorization": f"Bearer {minted}"}
    assert {call("GET", gateway.url + "/api/v1/whoami", headers=bearer)[0] for _ in range(8)} == {200}
    gateway.api("POST", "/sessions/revoke", {"principal": "trust:ended"})
    assert {call("GET", gateway.url + "/api/v1/whoami", headers=bearer)[0] for _ in range(8)} == {401}


def test_of_exchanges_at_the_same_moment_on_all_workers_one_wins(site):
    document = json.dumps({"token": site.token("github"), "trust": "release"}).encode()

    def mint(_):
        return call("POST", site.gateway.url + "/_/oidc/mint-token", body=document)[0]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(mint, range(16)))
    assert sorted(answers) == [200] + [422] * 15
