"""Claims in the exact shape of well-known issuers, for ``LocalIssuer.mint``. Each takes the issuer's URL and the time.

Sources: Keycloak 26.7.3 (a token as it came from compose/keycloak-realm.json); GitHub Docs, "OpenID Connect reference";
GitLab Docs, "OpenID Connect (OIDC) authentication using ID tokens"; Kubernetes, "Managing Service Accounts", "Schema
for service account private claims". A Tekton task's token is its pod's service account token.
"""

AUDIENCE = "zotplus"


def _times(now: float, seconds: int) -> dict:
    return {"iat": int(now), "exp": int(now) + seconds}


def keycloak_access(issuer: str, now: float, **changes) -> dict:
    return {
        **_times(now, 300),
        "jti": "onrtro:24da4c09-8f41-b660-ddc1-30075dac0d06",
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "02e4df97-29be-4f73-86cd-a1b10bcc2bed",
        "typ": "Bearer",
        "azp": "zotplus",
        "sid": "OHhU5C-K1HNJ9eRcQmD-NfSo",
        "acr": "1",
        "allowed-origins": ["http://127.0.0.1", "http://localhost"],
        "realm_access": {"roles": ["administrator"]},
        "resource_access": {"zotplus": {"roles": ["signer"]}, "account": {"roles": ["view-profile"]}},
        "scope": "openid profile email",
        "email_verified": True,
        "name": "Alice Arden",
        "groups": ["platform"],
        "preferred_username": "alice",
        "given_name": "Alice",
        "family_name": "Arden",
        "email": "alice@example.org",
        **changes,
    }


def github(issuer: str, now: float, **changes) -> dict:
    return {
        "jti": "f1a2b3c4-0000-4000-8000-000000000001",
        "sub": "repo:octo-org/octo-repo:environment:prod",
        "environment": "prod",
        "aud": AUDIENCE,
        "ref": "refs/heads/main",
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "actor_id": "12",
        "repository_visibility": "private",
        "repository_id": "74",
        "repository_owner_id": "65",
        "run_id": "19000000001",
        "run_number": "10",
        "run_attempt": "2",
        "runner_environment": "github-hosted",
        "actor": "octocat",
        "workflow": "release",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "0123456789abcdef0123456789abcdef01234567",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_type": "branch",
        "ref_protected": "true",
        "job_workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": "0123456789abcdef0123456789abcdef01234567",
        "iss": issuer,
        "nbf": int(now) - 300,
        **_times(now, 300),
        **changes,
    }


def gitlab(issuer: str, now: float, **changes) -> dict:
    return {
        "namespace_id": "72",
        "namespace_path": "my-group",
        "project_id": "20",
        "project_path": "my-group/my-project",
        "user_id": "1",
        "user_login": "sample-user",
        "user_email": "sample-user@example.org",
        "user_access_level": "developer",
        "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["my-group/my-subgroup"],
        "environment": "production",
        "environment_protected": "false",
        "deployment_tier": "production",
        "deployment_action": "start",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.example.org/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iss": issuer,
        "nbf": int(now) - 5,
        **_times(now, 300),
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
        "aud": AUDIENCE,
        **changes,
    }


def kubernetes(issuer: str, now: float, **changes) -> dict:
    return {
        "aud": [AUDIENCE],
        **_times(now, 3607),
        "iss": issuer,
        "jti": "aed34954-b33a-4142-b1ec-389d6bbb4936",
        "kubernetes.io": {
            "namespace": "team-a",
            "node": {"name": "worker-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": "builder-5d4f", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": "builder", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
            "warnafter": int(now) + 3607,
        },
        "nbf": int(now),
        "sub": "system:serviceaccount:team-a:builder",
        **changes,
    }


def tekton(issuer: str, now: float, **changes) -> dict:
    """As ``kubernetes``: the pod of a task run, which has the name of the run in its own."""
    claims = kubernetes(issuer, now, sub="system:serviceaccount:team-a:pipeline")
    claims["kubernetes.io"] |= {
        "pod": {"name": "release-run-build-pod", "uid": "0b3d4f8e-26a4-4b0a-9a44-6f2c1f1f9f10"},
        "serviceaccount": {"name": "pipeline", "uid": "c52e8b41-9d0c-4a6f-8a4c-0d8d5c1b7f55"},
    }
    return claims | changes


ALL = {"keycloak": keycloak_access, "github": github, "gitlab": gitlab, "kubernetes": kubernetes, "tekton": tekton}
