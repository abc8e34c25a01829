"""Steps have the packages that @pypi asks for, on every kind of pool, as under Metaflow's own run.

Metaflow makes its interpreters with a stand-in for the program micromamba (`micromamba.py`), we make ours with uv. Both
take the package from an index of the test's own, and what Metaflow needs from the machine's.
"""

from __future__ import annotations

import pytest

from tests.behaviour import deploying, micromamba
from tests.behaviour.cases import FLOWS, Case
from tests.behaviour.comparing import differing, run_deployed
from tests.behaviour.running import Form, start
from tests.support.package_index import Wheel, serving

CASE = Case(name="pypi_packages", folder=FLOWS / "support", options=("--environment=pypi",))
WHEELS = [Wheel("tinypkg", version) for version in ("1.0", "2.0", "2.1")]


@pytest.fixture
def with_packages(tmp_path, monkeypatch):
    """An environment in which Metaflow and uv find the packages."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name, value in micromamba.install(packages).items():
        monkeypatch.setenv(name, value)
    with serving(packages, *WHEELS) as index:
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", index.url())
        # What the stock Prefect image sets.
        monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
        yield index


@pytest.mark.slow
def test_two_steps_have_two_versions_of_a_package_wherever_they_run(
    tmp_path, prefect_server, with_packages
):
    root = tmp_path / "root"
    root.mkdir()

    with deploying.stage(prefect_server, tmp_path, deploying.POOLS) as stage:
        runs = run_deployed(CASE, deploying.POOLS, root, stage)
    local = start(runs.case, Form.FILE, root, prefect_server.environment).wait()

    assert not runs.differences()
    assert not differing(runs.case, root, local, runs.theirs)
