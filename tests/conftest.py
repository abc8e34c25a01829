"""Fixtures shared by all tests: a clean environment, expected files, and one Prefect server a session."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_server import Server, running_server
from tests.support import prefect_tables, quick_start, scheduling

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
_FOREIGN = ("METAFLOW_", "PREFECT_", "NORTHFLANK_", "NF_", "AWS_", "PYTHONDONTWRITEBYTECODE")


_LONGEST_FAST_TEST_SECONDS = 180
"""A test that starts no server and takes longer waits for something that cannot come."""


def pytest_configure() -> None:
    """Let each process of pytest look for garbage less often while it imports the tests, and not among what it has imported."""
    gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests share what they have started; the groups begin in the order of the items."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return scheduling.group(nodeid)

    config.option.loadscopereorder = False
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin first. Tests that start no server are given up early, and warnings of deprecation fail only them.

    The others have the time of pyproject.toml, and run programs of several versions.
    """
    items.sort(key=lambda item: scheduling.rank(item.nodeid))
    for item in items:
        if any(item.iter_markers("slow")):
            for category in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"default::{category}"))
        elif not any(item.iter_markers("timeout")):
            item.add_marker(pytest.mark.timeout(_LONGEST_FAST_TEST_SECONDS))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected files")
    parser.addoption(
        "--screenshots", action="store_true", help="take the pictures of docs/screenshots anew"
    )
    parser.addoption(
        "--as",
        action="append",
        default=[],
        choices=("local", "process", "nf", "steps", "slices", "laptop"),
        help="compare every flow of tests/flows in this form only: local, deployed to such a work pool, or `run --with northflank` (laptop)",
    )
    parser.addoption(
        "--cold",
        action="store_true",
        help="let each command of Prefect import what it needs, instead of forking it (tests/support/quick_start.py)",
    )
    parser.addoption(
        "--step-executor", help="how our side executes the flows of tests/behaviour (default: auto)"
    )


@pytest.fixture(autouse=True, scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Hide the settings of whoever runs the tests; give them a home and a user of their own."""
    home = tmp_path_factory.mktemp("home")
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(_FOREIGN):
            del os.environ[name]
    os.environ.update(
        HOME=str(home),
        USERNAME="tester",
        PREFECT_HOME=str(home / ".prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        METAFLOW_HOME=str(home / ".metaflowconfig"),
        # Most tests have one run on a local server, for which a launcher would be started in vain.
        METAFLOW_PREFECT_LAUNCHER="off",
        METAFLOW_DATASTORE_SYSROOT_LOCAL=str(home),
        # A console of its own width would fold what tests read.
        COLUMNS="200",
    )
    yield home
    from metaflow_prefect.runtime.servers import local_server

    local_server.stop(Path(os.environ["PREFECT_HOME"]), even_if_used=True)
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(autouse=True, scope="session")
def fork_server(request: pytest.FixtureRequest, clean_environment: Path) -> Iterator[None]:
    """Fork commands of Prefect for slow tests, in environments that have `quick_start.ENVIRONMENT`."""
    is_wanted = any(any(item.iter_markers("slow")) for item in request.session.items)
    if not is_wanted or request.config.getoption("--cold"):
        yield
        return
    with quick_start.fork_server():
        yield


@pytest.fixture(scope="session")
def tables(clean_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with Prefect's tables, which one of pytest's processes makes for all."""
    folder = tmp_path_factory.getbasetemp()
    is_one_of_many = "PYTEST_XDIST_WORKER" in os.environ
    return prefect_tables.make((folder.parent if is_one_of_many else folder) / "prefect-tables")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Server]:
    """One real Prefect server for all tests of a session."""
    home = tmp_path_factory.mktemp("server")
    prefect_tables.place(tables, home)
    with running_server(home) as server:
        yield server


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str | Path, str], None]:
    """Compare a text with an expected file: below tests/golden, or an absolute path.

    A missing file fails; `--update-golden` writes it.
    """

    def compare(path: str | Path, text: str) -> None:
        expected = GOLDEN / path
        if request.config.getoption("--update-golden"):
            expected.parent.mkdir(parents=True, exist_ok=True)
            expected.write_text(text, encoding="utf-8")
            return
        if not expected.exists():
            pytest.fail(f"{expected.relative_to(ROOT)} is missing: make golden writes it")
        assert text == expected.read_text(encoding="utf-8")

    return compare
