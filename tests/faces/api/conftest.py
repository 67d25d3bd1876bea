"""The command line against a running gateway."""

import json

import pytest
from click.testing import CliRunner

from zotplus.cli.commands import cli


class Terminal:
    """Runs commands as somebody; ``ok`` gives what was printed, ``fails`` the exit code and the words."""

    def __init__(self, environment):
        self.environment = environment

    def run(self, *args, stdin=None, **changes):
        words = [str(arg) for arg in args]
        return CliRunner().invoke(cli, words, input=stdin, env={**self.environment, **changes}, prog_name="zotplus")

    def ok(self, *args, **more):
        result = self.run(*args, **more)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def json(self, *args, **more):
        return json.loads(self.ok(*args, "--json", **more))

    def fails(self, *args, **more):
        result = self.run(*args, **more)
        assert "Traceback" not in result.output
        return result.exit_code, result.stderr

    def as_key(self, key):
        return Terminal({**self.environment, "ZOTPLUS_ACCESS_KEY": key[0], "ZOTPLUS_SECRET_KEY": key[1]})


@pytest.fixture
def terminal(gateway, tmp_path, monkeypatch):
    for name in ("PROFILE", "CA", "CONFIG"):
        monkeypatch.delenv(f"ZOTPLUS_{name}", raising=False)
    return Terminal(
        {
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "ZOTPLUS_ENDPOINT": gateway.url,
            "ZOTPLUS_ACCESS_KEY": gateway.access_key,
            "ZOTPLUS_SECRET_KEY": gateway.secret,
        }
    )


@pytest.fixture
def bucket(terminal, request):
    name = f"b-{abs(hash(request.node.nodeid)) % 10**12}"
    terminal.ok("buckets", "create", name)
    return name
