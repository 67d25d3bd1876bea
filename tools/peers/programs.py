"""Which programs the tests drive, in which version, from where, and what for."""

from pathlib import Path

from tools.peers.kinds import (
    DebianProgram,
    FoundProgram,
    GoProgram,
    GoSource,
    MavenProgram,
    NodePackages,
    Program,
    PythonProgram,
)

ROOT = Path(__file__).resolve().parents[2]
LOCKS = Path(__file__).resolve().parent / "locks"

GO_PROGRAMS = (
    GoProgram(
        name="crane",
        package="github.com/google/go-containerregistry/cmd/crane",
        version="v0.22.1",
        licence="Apache-2.0",
        purpose="OCI client, and a small OCI upstream with referrers (crane registry serve)",
    ),
    GoProgram(
        name="regctl",
        package="github.com/regclient/regclient/cmd/regctl",
        version="v0.11.7",
        licence="Apache-2.0",
        purpose="OCI client: artifacts, referrers, tag listing",
    ),
    GoProgram(
        name="mc",
        package="github.com/minio/mc",
        version="v0.0.0-20250313080218-cf909e1063a9",  # the newest; release tags are no Go versions
        licence="AGPL-3.0",
        purpose="S3 client on minio-go, which refuses a path in the endpoint",
    ),
    GoProgram(
        name="helm",
        package="helm.sh/helm/v3/cmd/helm",
        version="v3.22.0",
        licence="Apache-2.0",
        purpose="chart client: registry login, push, pull, show",
    ),
    GoProgram(
        name="versitygw",
        package="github.com/versity/versitygw/cmd/versitygw",
        version="v1.8.0",
        licence="Apache-2.0",
        purpose="S3 conformance suite (versitygw test full-flow), and an S3 server to measure against",
    ),
    GoProgram(
        name="registry",
        package="github.com/distribution/distribution/v3/cmd/registry",
        version="v3.1.2",
        licence="Apache-2.0",
        purpose="the CNCF registry: an OCI upstream for every machine, without the referrers API",
    ),
    GoProgram(
        name="rclone",
        package="github.com/rclone/rclone",
        version="v1.76.0",
        licence="MIT",
        purpose="S3 client: sync, multipart, server-side copy",
    ),
    GoProgram(
        name="tofu",
        package="github.com/opentofu/opentofu/cmd/tofu",
        version="v1.12.6",
        licence="MPL-2.0",
        purpose="state in S3, with a lock file",
        module="github.com/opentofu/opentofu",
        replaces=(
            "github.com/hashicorp/hcl/v2@v2.20.1=github.com/opentofu/hcl/v2@v2.20.2-0.20251021132045-587d123c2828",
        ),
    ),
    GoProgram(
        name="minio",
        package="github.com/minio/minio",
        version="v0.0.0-20260212201848-7aac2a2c5b7c",
        licence="AGPL-3.0",
        purpose="S3 server to measure against",
        bench=True,
    ),
)

CLIENTS = ROOT / "tests" / "peers" / "s3" / "clients"
GO_SOURCES = (
    GoSource(
        name="aws-sdk-go-client",
        folder=CLIENTS / "aws-sdk-go-v2",
        module="github.com/aws/aws-sdk-go-v2/service/s3",
        licence="Apache-2.0",
        purpose="the AWS SDK for Go, as programs use it",
    ),
    GoSource(
        name="minio-go-client",
        folder=CLIENTS / "minio-go",
        module="github.com/minio/minio-go/v7",
        licence="Apache-2.0",
        purpose="minio-go, as programs use it",
    ),
)

NODE_PACKAGES = (
    NodePackages(
        name="s3-node",
        folder=CLIENTS / "javascript",
        licence="Apache-2.0",
        purpose="@aws-sdk/client-s3 and minio-js, as programs use them",
    ),
)

PYTHON_PROGRAMS = (
    PythonProgram(
        name="aws",
        lock=LOCKS / "awscli.lock",
        package="awscli",
        program="aws",
        licence="Apache-2.0",
        purpose="the AWS command line: S3 client",
    ),
    PythonProgram(
        name="s3cmd",
        lock=LOCKS / "s3cmd.lock",
        package="s3cmd",
        program="s3cmd",
        licence="GPL-2.0",
        purpose="S3 client of its own make",
    ),
    PythonProgram(
        name="dvc",
        lock=LOCKS / "dvc.lock",
        package="dvc",
        program="dvc",
        licence="Apache-2.0",
        purpose="versions of data, on fsspec's s3fs",
    ),
    PythonProgram(
        name="dataframes-python",
        lock=LOCKS / "dataframes.lock",
        package="pyarrow",
        program="python",
        licence="Apache-2.0",
        purpose="pyarrow and fsspec's s3fs: tables in object storage",
    ),
)

MAVEN_PROGRAMS = (
    MavenProgram(
        name="keycloak",
        artifact="org.keycloak:keycloak-quarkus-dist",
        version="26.7.3",
        sha256="27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f",
        start="bin/kc.sh",
        build=("build", "--db=dev-file", "--health-enabled=false", "--metrics-enabled=false"),
        java=17,
        licence="Apache-2.0",
        purpose="OpenID Connect issuer: people, groups, roles",
    ),
)

DEBIAN_PROGRAMS = (
    DebianProgram(
        name="podman", package="podman", licence="Apache-2.0", purpose="OCI client: build, login, push, pull"
    ),
    DebianProgram(name="skopeo", package="skopeo", licence="Apache-2.0", purpose="OCI client: copy between registries"),
    DebianProgram(
        name="buildah", package="buildah", licence="Apache-2.0", purpose="OCI client, builds the Containerfile"
    ),
    DebianProgram(name="crun", package="crun", licence="GPL-2.0", purpose="runtime that podman and buildah look for"),
    DebianProgram(name="newuidmap", package="uidmap", licence="BSD-3-Clause", purpose="user ids for rootless podman"),
    DebianProgram(name="fuse-overlayfs", package="fuse-overlayfs", licence="GPL-2.0", purpose="storage of podman"),
    DebianProgram(name="chromium", package="chromium", licence="BSD-3-Clause", purpose="browser: people who log in"),
    DebianProgram(
        name="slapd",
        package="slapd",
        licence="OLDAP-2.8",
        purpose="LDAP server: people who come by Keycloak",
        answer="slapd slapd/no_configuration boolean true",
    ),
    DebianProgram(name="ldapmodify", package="ldap-utils", licence="OLDAP-2.8", purpose="changes that LDAP server"),
    DebianProgram(name="s3fs", package="s3fs", licence="GPL-2.0", purpose="S3 client: a bucket as a file system"),
    DebianProgram(name="restic", package="restic", licence="BSD-2-Clause", purpose="S3 client on minio-go: backups"),
    DebianProgram(name="curl", package="curl", licence="curl", purpose="HTTP client of the tour in the documentation"),
    DebianProgram(
        name="strace", package="strace", licence="LGPL-2.1", purpose="records fsync and rename for the crash tests"
    ),
    DebianProgram(
        name="nginx", package="nginx-light", licence="BSD-2-Clause", purpose="sendfile to measure against", bench=True
    ),
    DebianProgram(name="wrk", package="wrk", licence="Apache-2.0", purpose="load generator", bench=True),
)


FOUND_PROGRAMS = (
    FoundProgram(name="zot", variable="ZOTPLUS_ZOT", licence="Apache-2.0", purpose="OCI upstream"),
    FoundProgram(name="terraform", variable="ZOTPLUS_TERRAFORM", licence="BUSL-1.1", purpose="state in S3"),
)


def all_programs() -> tuple[Program, ...]:
    """Return every program of the tables, in the order in which they are installed."""
    cheap = (*DEBIAN_PROGRAMS, *PYTHON_PROGRAMS, *NODE_PACKAGES, *MAVEN_PROGRAMS)
    return (*cheap, *GO_PROGRAMS, *GO_SOURCES, *FOUND_PROGRAMS)
