"""An index with tiny wheels, and flows whose steps ask for them."""

from __future__ import annotations

import os

import pytest

from metaflow_prefect import ir
from tests.support.package_index import Wheel, serving

WHEELS = (
    *(Wheel("tinypkg", version) for version in ("1.0", "2.0")),
    Wheel("needs_old", "1.0", requires=("tinypkg==1.0",)),
    Wheel("windows_only", "1.0", tag="py3-none-win_amd64"),
    Wheel("later_python", "1.0", tag="cp313-cp313-manylinux_2_28_x86_64"),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("index"), *WHEELS) as found:
        yield found


@pytest.fixture
def variables(index, tmp_path):
    """The environment of uv: this index and no other, and a cache of this test's own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    return {
        **kept,
        "UV_DEFAULT_INDEX": index.url(),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_SYSTEM_PYTHON": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


@pytest.fixture(scope="session")
def flow():
    """Make a flow of which each step asks for the requirements that are given under its name."""

    def make(**steps: tuple[str, ...]) -> ir.Flow:
        return ir.Flow(
            name="F", start="start", end="end",
            steps=tuple(
                ir.Step(
                    name=name, transition=ir.Transition.END,
                    packages=ir.Packages(requirements=asked) if asked else None,
                )
                for name, asked in steps.items()
            ),
            source=ir.Source(file="flow.py", sha256="0" * 64),
            backends=ir.Backends(metadata="local", datastore="local", environment="pypi", installer="uv"),
        )  # fmt: skip

    return make
