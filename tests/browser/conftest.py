"""A real browser on a real Prefect server: what people find on the pages, and pictures of them.

The browser is a Chromium of this machine (Debian: `apt-get install chromium`; elsewhere name it with
CHROMIUM); nothing is downloaded. Without one the tests are skipped, and say so.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.prefect_server import Server, running_server
from tests.support import prefect_tables, quick_start
from tests.support.chromium import running_chromium

ROOT = Path(__file__).parent.parent.parent
SCREENSHOTS = ROOT / "docs" / "screenshots"
PATIENCE_MS = 90_000


@dataclass(frozen=True)
class Site:
    """A server with its page, and what was run on it: ids of flow runs and of a deployment."""

    server: Server
    page: str
    completed: str
    shapes: str
    failed: str
    contained: str
    deployment: str

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """POST to the API."""
        answer = httpx.post(f"{self.server.url}{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def edges(self, flow_run: str) -> set[tuple[str, str]]:
        """Return the edges between the task runs of a flow run, as Prefect's page gets them."""
        answer = httpx.get(f"{self.server.url}/flow_runs/{flow_run}/graph-v2", timeout=60)
        nodes = {node["id"]: node for _, node in answer.raise_for_status().json()["nodes"]}
        return {
            (nodes[parent["id"]]["label"], node["label"])
            for node in nodes.values()
            for parent in node["parents"]
        }

    def artifact(self, key: str) -> str:
        """Return the id of the completed run's artifact *key*."""
        wanted = {
            "artifacts": {"key": {"any_": [key]}},
            "flow_runs": {"id": {"any_": [self.completed]}},
        }
        return str(self.ask("/artifacts/filter", wanted)[0]["id"])


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Site]:
    """The digits flow: run once, once with a setting that fails, and deployed; and a flow of every shape."""
    home = tmp_path_factory.mktemp("page")
    prefect_tables.place(tables, home)
    with running_server(home, with_page=True) as server:
        flow = ROOT / "examples" / "digits_flow.py"
        environment = {
            **os.environ,
            **quick_start.ENVIRONMENT,
            **server.environment,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(home),
        }

        def prefect(*words: str, of: Path = flow, expect: int = 0) -> str:
            done = subprocess.run(
                [sys.executable, of, "--no-pylint", "prefect", *words],
                cwd=home, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == expect, done.stdout + done.stderr
            return done.stdout

        def run(*words: str, of: Path = flow, expect: int = 0) -> str:
            prefect("run", "--run-id-file", str(home / "id"), *words, of=of, expect=expect)
            return (home / "id").read_text().removeprefix("prefect-")

        completed = run()
        shapes = run(of=Path(__file__).with_name("shapes_flow.py"))
        failed = run("--grid", '[{"C": -1}]', expect=1)
        pool = {"name": "browser", "type": "process"}
        httpx.post(f"{server.url}/work_pools/", json=pool, timeout=60).raise_for_status()
        deployed = json.loads(prefect("deploy", "--work-pool", "browser", "--json"))
        contained_flow = ROOT / "examples" / "sweep_flow.py"
        prefect("deploy", "--work-pool", "browser", of=contained_flow)
        with _process_worker(environment, home):
            words = ("trigger", "--wait", "--run-id-file", str(home / "id"))
            prefect(*words, of=contained_flow)
        contained = (home / "id").read_text().removeprefix("prefect-")
        page = server.url.removesuffix("/api") + "/v2"
        yield Site(server, page, completed, shapes, failed, contained, deployed["id"])


@contextmanager
def _process_worker(environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Run a worker of the pool `browser`."""
    command = [shutil.which("prefect", path=str(Path(sys.executable).parent)) or "prefect"]
    command += ["worker", "start", "--pool", "browser", "--type", "process"]
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "PREFECT_WORKER_QUERY_SECONDS": "2"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        # Its run is over. It would ignore SIGTERM where SIGINT was ignored when it started.
        worker.kill()
        worker.wait(60)


@pytest.fixture(
    scope="module"
)  # it leaves an event loop running, which would be in the way of others
def browser() -> Iterator[Any]:
    """A Chromium without a window."""
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """An empty tab."""
    context = browser.new_context(viewport={"width": 1200, "height": 820}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


_WITHOUT_OUR_PATHS = """paths => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (const [ours, shown] of Object.entries(paths))
      node.textContent = node.textContent.replaceAll(ours, shown);
}"""


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """Take a picture of a page for the documents, where `--screenshots` asks for it."""

    def take(page: Any, name: str) -> None:
        if not request.config.getoption("--screenshots"):
            return
        from PIL import Image

        page.evaluate(_WITHOUT_OUR_PATHS, {sys.prefix: "/opt/venv", str(ROOT): "/home/you"})

        # A palette of 128 colours is a third of the size, and these pages have no more.
        shot = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
        shot.convert("RGB").quantize(128).save(SCREENSHOTS / f"{name}.png", optimize=True)

    return take
