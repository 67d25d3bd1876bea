"""A real browser without a screen, driven from a thread of its own: its driver brings an event loop along."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.peers.keycloak import PASSWORD
from tests.peers.programs import need

PAGE_MILLISECONDS = 60_000
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")


class Chromium:
    """Visits pages; every visit has a fresh profile, as of a person who never was there."""

    def __init__(self, program: str) -> None:
        self._program = program

    def visit(self, script, *given):
        """What ``script(page, *given)`` returns, run to its end beside the test."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._visit, script, given).result()

    @contextmanager
    def visiting(self, script, *given):
        """The same while the test goes on; what the script raises is raised at the end."""
        with ThreadPoolExecutor(1) as thread:
            visit = thread.submit(self._visit, script, given)
            yield visit
            visit.result()

    def _visit(self, script, given):
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only who has a browser needs its driver

        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=self._program, args=OPTIONS)
            try:
                page = browser.new_page()
                page.set_default_timeout(PAGE_MILLISECONDS)
                return script(page, *given)
            finally:
                browser.close()


@pytest.fixture
def chromium():
    """The browser; skips the test where it, or its driver, cannot be had."""
    program = need("chromium")
    pytest.importorskip("playwright", reason="playwright, which drives Chromium, is not installed")
    return Chromium(program)


def log_in(page, address, user):
    """Fill Keycloak's form at ``address``; what the page says that comes at last."""
    page.goto(address)
    page.fill("#username", user)
    page.fill("#password", PASSWORD)
    page.click("#kc-login")
    page.wait_for_load_state()
    return page.inner_text("body")


def approve(page, address, user):
    """Log in at the address of a waiting device, and let it in."""
    log_in(page, address, user)
    page.click("[name=accept]")
    page.wait_for_load_state()
    return page.inner_text("body")


def deny(page, address, user):
    """Log in at the address of a waiting device, and keep it out."""
    log_in(page, address, user)
    page.click("[name=cancel]")
    page.wait_for_load_state()
    return page.inner_text("body")
