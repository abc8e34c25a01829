"""The built wheel, and clean environments with the dependencies of this project but not with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.distributions import (
    ROOT,
    Environment,
    build_wheel,
    copy_sources,
    link_dependencies,
    make_environment,
)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the distribution is made of, so that a build leaves nothing in the project."""
    return copy_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built as a release would be."""
    return build_wheel(sources, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed here, without what makes this project visible."""
    return link_dependencies(tmp_path_factory.mktemp("dependencies"))


@pytest.fixture
def environment(tmp_path: Path, dependencies: Path) -> Environment:
    """An environment with nothing of ours."""
    return make_environment(tmp_path / "environment", dependencies)


@pytest.fixture(scope="session")
def with_wheel(
    wheel: Path, dependencies: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment with our wheel, for tests that only look."""
    made = make_environment(tmp_path_factory.mktemp("with-wheel"), dependencies)
    made.pip_install("--no-deps", "--no-index", wheel)
    return made


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A flow in a folder of its own, far from the project."""
    folder = tmp_path / "flow"
    folder.mkdir()
    return Path(shutil.copy2(ROOT / "examples" / "branch_flow.py", folder))
