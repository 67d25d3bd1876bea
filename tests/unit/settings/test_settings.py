"""Configuration: files and environment into checked settings, refusals that help, pages that follow the code."""

import json
import os
import re
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.settings import Settings, documentation, load, sections
from zotplus.settings.documentation import leaves
from zotplus.settings.printing import MASK, reference, schema, show
from zotplus.settings.sources import FILE_MAX_BYTES, OTHER_VARIABLES

SECRET = "correct horse battery"
ROOT = Path(__file__).parents[3]


def refusal(path, environ=()):
    with pytest.raises(Problem) as caught:
        load(path, dict(environ))
    assert caught.value.fault is errors.SETTING_INVALID
    return caught.value.detail


def test_without_any_source_the_documented_defaults_hold():
    settings = load(None, {"PATH": "/bin"})
    assert (settings.data_dir, settings.http.port, settings.s3.port, settings.s3.region) == (
        "./var",
        8080,
        9000,
        "us-east-1",
    )
    assert (settings.s3.inline_limit, settings.s3.allow_signature_v2, settings.log.access) == (16384, False, True)
    assert settings.admin.secret_key is None
    assert settings.workers == sections.cores() >= 1


def test_the_names_that_scripts_rely_on_work(tmp_path):
    settings = load(
        None,
        {
            "ZOTPLUS_DATA_DIR": str(tmp_path),
            "ZOTPLUS_HTTP__PORT": "0",
            "ZOTPLUS_S3__PORT": "1234",
            "ZOTPLUS_UPSTREAM__URL": "http://127.0.0.1:5000",
            "ZOTPLUS_WORKERS": "3",
            "ZOTPLUS_ADMIN__ACCESS_KEY": "root",
            "ZOTPLUS_ADMIN__SECRET_KEY": SECRET,
        },
    )
    assert (settings.data, settings.http.port, settings.s3.port, settings.workers) == (tmp_path, 0, 1234, 3)
    assert (settings.upstream.url, settings.admin.access_key) == ("http://127.0.0.1:5000", "root")
    assert settings.admin.secret_key == SECRET


def test_the_environment_wins_over_the_file(config):
    path = config("http:\n  port: 1\n  head_timeout: 5\n")
    settings = load(path, {"ZOTPLUS_HTTP__PORT": "2"})
    assert (settings.http.port, settings.http.head_timeout) == (2, 5.0)


def test_the_file_can_be_named_in_the_environment_and_the_argument_wins(config, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("workers: 7")
    environ = {"ZOTPLUS_CONFIG": str(config("workers: 5"))}
    assert load(None, environ).workers == 5
    assert load(other, environ).workers == 7


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "http:\n", "---\n"])
def test_empty_files_and_sections_mean_the_defaults(config, text):
    assert load(config(text), {}) == load(None, {})


def test_folders_of_engines_follow_the_data_folder_unless_they_are_set(config):
    assert load(None, {"ZOTPLUS_DATA_DIR": "/data"}).metadata.path == "/data/metadata"
    assert load(config("data_dir: /data\nmetadata: {path: /fast}"), {}).metadata.path == "/fast"


def test_lists_are_separated_by_commas_or_json():
    for text in ("10.0.0.0/8, fd00::/8", '["10.0.0.0/8", "fd00::/8"]'):
        assert load(None, {"ZOTPLUS_HTTP__TRUSTED_PROXIES": text}).http.trusted_proxies == ("10.0.0.0/8", "fd00::/8")


def test_a_second_port_can_be_switched_off(config):
    assert load(config("s3: {port: null}"), {}).s3.port is None
    assert load(None, {"ZOTPLUS_S3__PORT": "null"}).s3.port is None


def test_an_optional_section_is_there_once_one_of_its_settings_is():
    environ = {"ZOTPLUS_HTTP__TLS__CERTIFICATE": "c.pem", "ZOTPLUS_HTTP__TLS__KEY": "k.pem"}
    assert load(None, environ).http.tls == sections.TlsSettings(certificate="c.pem", key="k.pem")
    del environ["ZOTPLUS_HTTP__TLS__KEY"]
    assert "http.tls" in refusal(None, environ.items())


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("http: {prot: 1}", "http.port"),
        ("worker: 2", "workers"),
        ("s3: {regoin: x}", "s3.region"),
        ("port: 1", "s3.port"),
        ("http: {tls: {certificat: x}}", "http.tls.certificate"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(config, text, nearest):
    assert f"did you mean {nearest}?" in refusal(config(text))


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("ZOTPLUS_HTTP_PORT", "ZOTPLUS_HTTP__PORT"),
        ("ZOTPLUS_S3_PORT", "ZOTPLUS_S3__PORT"),
        ("ZOTPLUS_DATADIR", "ZOTPLUS_DATA_DIR"),
        ("ZOTPLUS_WORKERS_FILE", "ZOTPLUS_WORKERS"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(variable, nearest):
    assert f"{variable} is not known; did you mean {nearest}?" in refusal(None, {variable: "1"}.items())


def test_a_name_like_no_other_is_refused_without_a_guess(config):
    assert refusal(config("xyzzy: 1")).endswith("xyzzy is not a setting.")


@pytest.mark.parametrize(
    "variable",
    [
        *("ZOTPLUS_CONFIG_", "ZOTPLUS_SERVICE", "ZOTPLUS_HTTP__PORT__X", "ZOTPLUS_", "ZOTPLUS_PORT"),
    ],
)
def test_other_variables_with_the_prefix_are_refused(variable):
    assert variable in refusal(None, {variable: "x"}.items())


def test_what_kubernetes_and_the_client_set_is_left_alone():
    load(
        None,
        {
            "ZOTPLUS_SERVICE_HOST": "10.0.0.1",
            "ZOTPLUS_SERVICE_PORT": "8080",
            "ZOTPLUS_SERVICE_PORT_HTTP": "8080",
            "ZOTPLUS_PORT": "tcp://10.0.0.1:8080",
            "ZOTPLUS_PORT_8080_TCP": "tcp://10.0.0.1:8080",
            "ZOTPLUS_PORT_8080_TCP_ADDR": "10.0.0.1",
            "ZOTPLUS_S3_PORT": "tcp://10.0.0.2:9000",
            "ZOTPLUS_ENDPOINT": "http://localhost:8080",
            "ZOTPLUS_ACCESS_KEY": "x",
            "ZOTPLUS_FAILPOINT": "blob.rename",
        },
    )


def test_an_empty_variable_counts_as_unset():
    assert load(None, {"ZOTPLUS_WORKERS": "", "ZOTPLUS_UPSTREAM__URL": ""}) == load(None, {})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("workers: many", "workers"),
        ("workers: '2'", "workers"),
        ("workers: 0", "workers"),
        ("workers: true", "workers"),
        ("http: {port: 65536}", "http.port"),
        ("http: {port: 1.5}", "http.port"),
        ("http: 8080", "http is a section"),
        ("http: {address: nowhere}", "http"),
        ("http: {trusted_proxies: [10.0.0.0/33]}", "http"),
        ("http: {trusted_proxies: 10.0.0.0/8}", "http.trusted_proxies"),
        ("http: {external_url: 'https://h/path'}", "http"),
        ("upstream: {url: 'ftp://h'}", "an address"),
        ("upstream: {url: 'http://u:p@h'}", "an address"),
        ("upstream: {url: 'http://h:99999'}", "Port out of range"),
        ("s3: {region: 'EU west'}", "s3.region"),
        ("log: {format: xml}", "log.format"),
        ("log: {access: 1}", "log.access"),
        ("admin: {access_key: root}", "both access_key and secret_key"),
        ("admin: {access_key: root, secret_key: short}", "admin.secret_key"),
        ("metadata: {fsync: sometimes}", "metadata.fsync"),
        ("telemetry: {sample_ratio: 2}", "telemetry.sample_ratio"),
        ("data_dir: 5", "data_dir"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_with_its_place(config, text, place):
    detail = refusal(config(text))
    assert place in detail
    assert "zotplus.yaml" in detail


def test_all_mistakes_of_a_file_are_named_at_once(config):
    detail = refusal(
        config("worker: 2\nhttp: {port: high, prot: 1}\ns3: 9000\nadmin: {access_key: root}\nlog: {access: 1}")
    )
    assert "zotplus.yaml: 6 mistakes: " in detail
    for told in (
        "worker is not a setting; did you mean workers?",
        "http.prot is not a setting; did you mean http.port?",
        "s3 is a section and takes names and values.",
        "http.port: Expected `int`, got `str`.",
        "log.access: Expected `bool`, got `int`.",
        "admin: set both access_key and secret_key, or none.",
    ):
        assert told in detail


def test_of_many_mistakes_the_first_are_named(config):
    detail = refusal(config("\n".join(f"x{number}: 1" for number in range(50))))
    assert "50 mistakes: x0 is not a setting." in detail
    assert detail.endswith("And 30 more.")


def test_a_file_of_nothing_but_mistakes_is_refused_in_no_time(config):
    path = config("\n".join(f"workerz{number}: 1" for number in range(10_000)))
    begun = time.process_time()
    assert "10000 mistakes" in refusal(path)
    assert time.process_time() - begun < 20  # reading YAML takes most of it; a guess for each name took minutes


@pytest.mark.parametrize(("variable", "value"), [("ZOTPLUS_WORKERS", "many"), ("ZOTPLUS_LOG__ACCESS", "maybe")])
def test_a_variable_of_the_wrong_form_is_named(variable, value):
    assert refusal(None, {variable: value}.items()).startswith(f"{variable}: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x 1\nb: *x\n", "aliases"),
        ("workers: 1\nworkers: 2\n", "twice"),
        ("http: {port: 1, port: 2}", "twice"),
        ("[" * 5000, "deep"),
        ("a: !!python/object/apply:os.system [id]", "python"),
        ("workers: [", "acceptable YAML"),
        ("? [a]\n: 1", "plain text"),
        ("\x00", "acceptable YAML"),
        ("- workers\n", "names and values"),
        ("workers", "names and values"),
        ("# " + "x" * FILE_MAX_BYTES, "more than"),
        ("workers: 1\n---\nworkers: 2\n", "acceptable YAML"),
        ("workers: 2026-13-45\n", "YAML"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused(config, text, reason):
    assert reason in refusal(config(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "missing.yaml" in refusal(tmp_path / "missing.yaml")
    assert "cannot be read" in refusal(tmp_path)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_settings_or_a_refusal(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / f"fuzz-{os.getpid()}.yaml"
    path.write_bytes(content)
    try:
        outcome = load(path, {})
    except Problem as problem:
        outcome = problem.fault
    assert outcome is errors.SETTING_INVALID or isinstance(outcome, Settings)


@given(st.sampled_from(sorted(leaf.variable for leaf in leaves().values())), st.text(min_size=1, max_size=40))
def test_arbitrary_variables_give_settings_or_a_refusal(variable, text):
    try:
        outcome = load(None, {variable: text})
    except Problem as problem:
        outcome = problem.fault
    assert outcome is errors.SETTING_INVALID or isinstance(outcome, Settings)


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


def test_a_secret_comes_from_a_file_named_in_the_environment(secret_file):
    environ = {"ZOTPLUS_ADMIN__ACCESS_KEY": "root", "ZOTPLUS_ADMIN__SECRET_KEY_FILE": str(secret_file)}
    assert load(None, environ).admin.secret_key == SECRET
    secret_file.chmod(0o644)
    assert "every user" in refusal(None, environ.items())


def test_a_secret_comes_from_a_file_named_in_yaml(config, secret_file):
    path = config(f"admin: {{access_key: root, secret_key_file: {secret_file}}}")
    assert load(path, {}).admin.secret_key == SECRET


def test_a_secret_given_twice_is_refused(config, secret_file):
    both = {"ZOTPLUS_MASTER_KEY": "x", "ZOTPLUS_MASTER_KEY_FILE": str(secret_file)}
    assert "Both" in refusal(None, both.items())
    assert "Both" in refusal(config(f"master_key: x\nmaster_key_file: {secret_file}"))


def test_only_secrets_are_read_from_files(config):
    assert "not a setting" in refusal(config("data_dir_file: /etc/hostname"))


def secretive():
    return load(
        None, {"ZOTPLUS_ADMIN__ACCESS_KEY": "root", "ZOTPLUS_ADMIN__SECRET_KEY": SECRET, "ZOTPLUS_MASTER_KEY": SECRET}
    )


def test_secrets_are_masked_where_settings_are_shown():
    shown = show(secretive())
    assert shown["admin"] == {"access_key": "root", "secret_key": MASK}
    assert shown["master_key"] == MASK
    assert SECRET not in json.dumps(shown)
    assert show(load(None, {}))["master_key"] is None


def test_secrets_are_not_in_the_representation():
    assert SECRET not in repr(secretive())
    assert SECRET not in repr(secretive().admin)


def test_a_refused_secret_is_not_repeated(config):
    detail = refusal(config("admin: {access_key: root, secret_key: [hushhushhush]}"))
    assert "hushhush" not in detail
    detail = refusal(None, {"ZOTPLUS_ADMIN__SECRET_KEY": "hush"}.items())
    assert "hush" not in detail.replace("ZOTPLUS", "")


def test_every_setting_is_explained():
    assert [leaf.name for leaf in leaves().values() if not leaf.description] == []
    assert [name for name, struct in sections_of_all() if not struct.__doc__] == []


def sections_of_all():
    return documentation.sections().items()


def test_no_struct_serves_two_sections():
    structs = [struct.__name__ for _, struct in sections_of_all()]
    assert len(structs) == len(set(structs))


def test_the_reference_has_every_setting_and_variable():
    page = reference()
    assert [leaf.name for leaf in leaves().values() if f"### `{leaf.name}`\n\n`{leaf.variable}`" not in page] == []
    assert "default: one per core" in page
    assert "hush" not in page


def test_the_schema_describes_every_setting_and_refuses_others():
    document = json.loads(msgspec.json.encode(schema()))
    assert "SECRET" not in json.dumps(document)
    for struct in document["$defs"].values():
        assert struct["additionalProperties"] is False
    assert "path" not in document["$defs"]["LmdbSettings"].get("required", [])
    assert "secret_key_file" in document["$defs"]["AdminSettings"]["properties"]
    port = document["$defs"]["HttpSettings"]["properties"]["port"]
    assert (port["maximum"], port["default"]) == (65535, 8080)
    assert port["description"].startswith("TCP port.")


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("junk", 8), (None, 8)]
)
def test_workers_follow_the_containers_limit(monkeypatch, tmp_path, limit, expected):
    path = tmp_path / "cpu.max"
    if limit is not None:
        path.write_text(limit + "\n")
    monkeypatch.setattr(sections, "_CPU_LIMIT", path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))
    assert sections.cores() == expected


def test_a_server_started_by_a_test_run_overlooks_the_variables_of_the_run():
    sources = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("tools/**/*.py"), *ROOT.glob("bench/*.py")]
    read = {found for path in sources for found in re.findall(r'environ\.get\("(ZOTPLUS_\w+)"', path.read_text())}
    given = set(re.findall(r"(ZOTPLUS_\w+)=", (ROOT / "Makefile").read_text()))
    assert {"ZOTPLUS_SKIPS", "ZOTPLUS_PEERS"} <= read | given
    assert read | given <= OTHER_VARIABLES
    load(None, dict.fromkeys(read | given, "1"))


@pytest.mark.parametrize("classes", [
    [{"name": "cold", "blobs": {"path": "/a"}}],
    [{"name": "STANDARD", "blobs": {"path": "/a"}}],
    [{"name": "A" * 33, "blobs": {"path": "/a"}}],
    [{"name": "A", "blobs": {"path": "/a"}}, {"name": "A", "blobs": {"path": "/b"}}],
    [{"name": "A", "blobs": {"path": "/a"}}, {"name": "B", "blobs": {"path": "/a"}}],
    [{"name": "A", "blobs": {"path": "var/blobs"}}],
    [{"name": "A"}],
])  # fmt: skip
def test_each_storage_class_has_a_name_and_a_folder_of_its_own(classes):
    with pytest.raises(Problem) as raised:
        load(None, {"ZOTPLUS_STORAGE_CLASSES": json.dumps(classes)})
    assert raised.value.fault is errors.SETTING_INVALID


def test_storage_classes_keep_their_order():
    classes = [{"name": name, "blobs": {"path": f"/{name}"}} for name in ("COOL", "GLACIER_2", "ARCHIVE")]
    assert load(None, {"ZOTPLUS_STORAGE_CLASSES": json.dumps(classes)}).class_names == ("COOL", "GLACIER_2", "ARCHIVE")


def test_two_faces_cannot_share_a_port():
    with pytest.raises(Problem, match=r"http\.port and s3\.port are both 9000"):
        load(None, {"ZOTPLUS_HTTP__PORT": "9000"})
    assert load(None, {"ZOTPLUS_HTTP__PORT": "0", "ZOTPLUS_S3__PORT": "0"}).http.port == 0  # two free ones
