"""Other S3 clients with a session, and SDKs that begin one by themselves."""

import json

import pytest

pytestmark = pytest.mark.timeout(600)


def session(job) -> dict[str, str]:
    """Credentials, asked for by aws."""
    role = job.environment["AWS_ROLE_ARN"]
    argv = ("aws", "sts", "assume-role-with-web-identity", "--role-arn", role, "--role-session-name", "other")
    return json.loads(job.run(*argv, "--web-identity-token", job.token_file.read_text()))["Credentials"]


@pytest.fixture
def pod(site, job):
    return job(site.token("kubernetes")).with_web_identity("builder")


@pytest.mark.parametrize("how", ["a session", "a token file"])
def test_rclone_copies_with(site, job, pod, how):
    other = job(pod.token_file.read_text())
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": site.gateway.url + "/s3", "REGION": "us-east-1"}
    if how == "a session":
        given = session(pod)
        remote |= {
            "ACCESS_KEY_ID": given["AccessKeyId"],
            "SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "SESSION_TOKEN": given["SessionToken"],
        }
    else:
        # the Go SDK takes no other variable for this
        other.with_web_identity("builder", AWS_ENDPOINT_URL_STS=site.gateway.url + "/sts")
        remote["ENV_AUTH"] = "true"
    other.environment |= {f"RCLONE_CONFIG_HERE_{name}": value for name, value in remote.items()}
    name = how.replace(" ", "-")
    (other.folder / "file").write_text(f"by rclone with {how}")
    other.run("rclone", "copyto", "file", f"here:releases/rclone/{name}")
    assert other.run("rclone", "cat", f"here:releases/rclone/{name}") == f"by rclone with {how}"


def test_mc_copies_with_a_session(site, job, pod):
    given = session(pod)
    other = job("")
    secrets = f"{given['AccessKeyId']}:{given['SecretAccessKey']}:{given['SessionToken']}"
    other.environment["MC_HOST_here"] = f"http://{secrets}@127.0.0.1:{site.gateway.s3_port}"
    (other.folder / "file").write_text("by mc")
    mc = ("mc", "--config-dir", other.folder / "mc")
    other.run(*mc, "cp", "file", "here/releases/by-mc")
    assert other.run(*mc, "cat", "here/releases/by-mc") == "by mc"


def test_a_link_of_a_session_works_with_curl_until_the_session_is_ended(site, job):
    gateway = site.gateway
    terms = {"issuer": "cluster", "audience": "zotplus", "reuse": True}
    grants = [{"role": "publisher", "pattern": "s3:releases"}]
    claims = {"sub": "system:serviceaccount:team-a:linker"}
    gateway.api("PUT", "/trusts/linker", {**terms, "claims": claims, "grants": grants})
    pod = job(site.token("kubernetes", **claims)).with_web_identity("linker")
    pod.environment["AWS_DEFAULT_REGION"] = "eu-central-1"  # for us-east-1 aws makes links by Signature Version 2
    (pod.folder / "file").write_text("linked")
    pod.run("aws", "s3", "cp", "file", "s3://releases/linked")
    link = pod.run("aws", "s3", "presign", "s3://releases/linked").strip()
    assert pod.run("curl", "-sSf", link) == "linked"
    gateway.api("POST", "/sessions/revoke", {"principal": "trust:linker"})
    assert "InvalidToken" in pod.run("curl", "-sS", link)
