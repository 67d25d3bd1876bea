"""A person at a terminal, with a browser that does what it is told."""

import json
import threading
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner

from tests.issuers.login import serving
from zotplus.cli.commands import cli
from zotplus.cli.remote.profiles import profiles_path, tokens_path
from zotplus.cli.signin import sign_in
from zotplus.cli.signin.tokens import read_tokens, write_tokens


class Browser:
    """Opens an address in a thread and keeps what was shown; ``first`` runs before."""

    def __init__(self):
        self.first = None
        self.opened = []
        self.pages = []
        self._threads = []

    def open(self, address):
        self.opened.append(address)
        thread = threading.Thread(target=self._visit, args=(address,))
        self._threads.append(thread)
        thread.start()

    def _visit(self, address):
        if self.first is not None:
            self.first(address)
        self.pages.append(fetch(address))

    def done(self):
        for thread in self._threads:
            thread.join(10)


def fetch(address):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, dict(refusal.headers), refusal.read().decode()


class Person:
    def __init__(self, issuer, server, run, folder):
        self.issuer, self.server, self.in_loop = issuer, server, run
        self.browser = Browser()
        self.environment = {"XDG_CONFIG_HOME": str(folder)}
        self.profiles = profiles_path(self.environment)
        self.path = tokens_path(self.profiles, "default")

    def run(self, *words, stdin=None, **environment):
        result = CliRunner().invoke(
            cli,
            [str(word) for word in words],
            input=stdin,
            env={**self.environment, **environment},
            prog_name="zotplus",
        )
        assert "Traceback" not in result.output
        return result

    def login(self, *words):
        result = self.run("login", self.server.url, "--oidc", *words)
        self.browser.done()
        return result

    def logged_in(self):
        assert self.login().exit_code == 0
        return self.tokens

    @property
    def tokens(self):
        return read_tokens(self.path)

    @tokens.setter
    def tokens(self, value):
        write_tokens(self.path, value)

    def json(self, *words, **environment):
        result = self.run(*words, **environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def person(tmp_path, monkeypatch):
    for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "PROFILE", "CA"):
        monkeypatch.delenv(f"ZOTPLUS_{name}", raising=False)
    with serving() as (issuer, server, run):
        made = Person(issuer, server, run, tmp_path / "config")
        monkeypatch.setattr(sign_in, "open_browser", made.browser.open)
        yield made
