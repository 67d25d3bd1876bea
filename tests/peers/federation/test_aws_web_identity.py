"""aws as it is, with a token in a file and no key at all."""

import json

import pytest

pytestmark = pytest.mark.timeout(600)


def works(job, key):
    (job.folder / "file").write_text(f"content of {key}")
    job.run("aws", "s3", "cp", "file", f"s3://releases/{key}")
    assert job.run("aws", "s3", "cp", f"s3://releases/{key}", "-") == f"content of {key}"


def test_a_service_accounts_token_is_all_that_aws_needs(site, job):
    pod = job(site.token("kubernetes")).with_web_identity("builder")
    works(pod, "pod")
    told = json.loads(pod.run("aws", "sts", "get-caller-identity"))
    assert told["Arn"] == "arn:aws:sts::000000000000:assumed-role/builder/job"
    assert told["UserId"] == "trust:builder:job"
    assert "AccessDenied" in pod.run("aws", "s3", "mb", "s3://others", fails=True)


@pytest.mark.parametrize("where", ["its own address", "the S3 port"])
def test_sts_is_found_at(site, job, where):
    pod = job(site.token("kubernetes")).with_web_identity("builder")
    if where == "its own address":
        pod.environment["AWS_ENDPOINT_URL_STS"] = site.gateway.url + "/sts"
    else:
        pod.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{site.gateway.s3_port}"
    works(pod, where.replace(" ", "-"))


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
@pytest.mark.parametrize("role", ["self", "alice"])
def test_a_persons_keycloak_token_is_all_that_aws_needs(site, job, keycloak, role, kind):
    alice = job(keycloak.token("alice", kind=kind)).with_web_identity(role)
    works(alice, f"{role}-{kind}")
    told = json.loads(alice.run("aws", "sts", "get-caller-identity"))
    assert told["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{role}/job"


def test_a_person_without_the_group_is_refused(site, job, keycloak):
    bob = job(keycloak.token("bob")).with_web_identity("self")
    assert "AccessDenied" in bob.run("aws", "s3", "ls", "s3://releases", fails=True)
    bob = job(keycloak.token("bob")).with_web_identity("alice")
    assert "AccessDenied" in bob.run("aws", "s3", "ls", "s3://releases", fails=True)


def test_a_session_policy_narrows_what_aws_gets(site, job):
    pod = job(site.token("kubernetes")).with_web_identity("builder")
    works(pod, "narrow")
    policy = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::releases/*"}}
    answer = json.loads(
        pod.run(
            *("aws", "sts", "assume-role-with-web-identity", "--role-session-name", "narrow", "--policy"),
            *(json.dumps(policy), "--role-arn", pod.environment["AWS_ROLE_ARN"]),
            *("--web-identity-token", pod.token_file.read_text()),
        )
    )["Credentials"]
    narrow = job("")
    narrow.environment |= {
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["SessionToken"],
        "AWS_ENDPOINT_URL": pod.environment["AWS_ENDPOINT_URL"],
    }
    assert narrow.run("aws", "s3", "cp", "s3://releases/narrow", "-") == "content of narrow"
    assert "AccessDenied" in narrow.run("aws", "s3", "cp", "token", "s3://releases/narrow", fails=True)
    assert "AccessDenied" in narrow.run("aws", "s3", "rm", "s3://releases/narrow", fails=True)


REFUSED = {
    "a wrong audience": ("builder", {"aud": "https://kubernetes.default.svc"}, "InvalidIdentityToken"),
    "another service account": ("builder", {"sub": "system:serviceaccount:team-b:builder"}, "AccessDenied"),
    "an expired token": ("builder", {"exp": 1_700_000_000, "iat": 1_600_000_000, "nbf": 1_600_000_000}, "Expired"),
    "another trust": ("release", {}, "AccessDenied"),
    "an unknown role": ("nobody", {}, "AccessDenied"),
}


@pytest.mark.parametrize(("role", "changes", "said"), REFUSED.values(), ids=REFUSED)
def test_aws_is_refused_with(site, job, role, changes, said):
    pod = job(site.token("kubernetes", **changes)).with_web_identity(role)
    assert said in pod.run("aws", "s3", "ls", "s3://releases", fails=True)


def test_a_token_that_counts_once_is_refused_the_second_time(site, job):
    task = job(site.token("tekton")).with_web_identity("pipeline")
    works(task, "once")
    again = job(task.token_file.read_text()).with_web_identity("pipeline")
    assert "InvalidIdentityToken" in again.run("aws", "s3", "ls", "s3://releases", fails=True)
