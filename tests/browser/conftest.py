"""The app in a server of its own, and a Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.data.store import open_dataset
from core.files import CHECKOUT
from tests.conftest import save_some

FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker("browser")


def wait_for(what: str, found: Any, seconds: float = 60.0, every: float = 0.2) -> Any:
    """Ask `found()` until it gives something true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"not seen within {seconds:g} s: {what}")
        time.sleep(every)
    return answer


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The app's address while a server of its own runs with this MOLLENS_HOME."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "MOLLENS_HOME": str(home)}
    log = home.parent / f"server-{port}.log"
    with open(log, "wb") as output:
        server = subprocess.Popen(
            [*command, "--server.fileWatcherType", "none"], cwd=CHECKOUT, env=environment, stdout=output, stderr=output
        )
        try:
            wait_for(f"the server's answer; its log: {log}", lambda: server.poll() is None and _answers(address))
            yield address
        finally:
            server.terminate()
            server.wait(timeout=20)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MOLLENS_HOME with the dataset `small`: 150 molecules of demo."""
    folder = tmp_path_factory.mktemp("browser") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder))
        save_some(open_dataset("demo"), "small", 150)
    return folder


@pytest.fixture(scope="session")
def app(small_home: Path) -> Iterator[str]:
    """Address of the app, with the home of `small_home`."""
    with served(small_home) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A function that starts the installed Chromium with more flags; skipped where there is none.

    With MOLLENS_REQUIRE_BROWSER set, as .ci/run does, a missing browser is a failure.
    """
    required = bool(os.environ.get("MOLLENS_REQUIRE_BROWSER"))
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        (pytest.fail if required else pytest.skip)(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        yield lambda *more: playwright.chromium.launch(executable_path=path, args=[*FLAGS, *more])


@pytest.fixture(scope="session")
def browser(chromium: Any) -> Iterator[Any]:
    """One browser for all tests."""
    opened = chromium()
    yield opened
    opened.close()


class Visitor:
    """A page in a browser that notes every complaint of its console."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: Any) -> None:
        # On a deep link the frontend looks for its server under the page's path first; that answers 404.
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            self.complaints.append(message.text)

    def goes_to(self, address: str) -> None:
        """Open an address and wait until the page has said all it has to say."""
        self.page.goto(address)
        self.page.wait_for_selector("h1", timeout=60_000)
        self.is_done()

    def is_done(self) -> None:
        """Wait until no script runs."""
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)

    def is_content(self) -> None:
        """Neither the console nor the page may tell of a fault."""
        assert self.page.locator('[data-testid="stException"], [role="dialog"]').count() == 0
        assert "Traceback" not in self.page.inner_text("body")
        assert self.complaints == []


@pytest.fixture
def visitor(browser: Any) -> Iterator[Visitor]:
    """A fresh visitor with a window of 1440 x 1200."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    yield Visitor(context.new_page())
    context.close()
