"""What each entry into the product loads: every module more is paid for at every start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FLOW = Path(__file__).parents[1] / "flows" / "linear.py"

SHOW = "for name in list(sys.modules): print('import time: |', name, file=sys.stderr)"
"""What a module-level `__getattr__` loads is not in Python's own list."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Return the modules that a command loads."""
    folder = tmp_path_factory.mktemp("imports")

    def loaded_(*words: str) -> set[str]:
        ended = subprocess.run(
            [sys.executable, "-X", "importtime", *words],
            cwd=folder, text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
        lines = ended.stderr.splitlines()
        return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time")}

    return loaded_


def of(modules: set[str], *packages: str) -> set[str]:
    return {
        name for name in modules for package in packages if f"{name}.".startswith(f"{package}.")
    }


def test_metaflow_s_own_commands_load_nothing_of_ours_but_the_descriptors(loaded):
    modules = loaded(str(FLOW), "--no-pylint", "show")

    assert not of(modules, "prefect", "jinja2", "rich", "httpx", "metaflow_prefect.runtime")
    assert not of(modules, "metaflow_prefect.cli", "metaflow_prefect.analysis")
    assert of(modules, "metaflow_northflank") <= {
        "metaflow_northflank", "metaflow_northflank.cli", "metaflow_northflank.cli.group"
    }  # fmt: skip


def test_the_process_of_a_task_of_run_with_northflank_loads_no_http_client(loaded):
    modules = loaded(
        "-c",
        "import metaflow_northflank.task.trampoline, metaflow_northflank.run.session, "
        f"metaflow_northflank.cli.group, metaflow_northflank.container.__main__, sys\n{SHOW}",
    )

    assert of(modules, "metaflow_northflank")
    assert not of(modules, "prefect", "prefect_northflank", "httpx", "pydantic")


def test_the_broker_of_a_run_loads_neither_metaflow_nor_prefect(loaded):
    modules = loaded("-c", f"import metaflow_northflank.broker.__main__, sys\n{SHOW}")

    assert of(modules, "httpx")
    assert not of(modules, "prefect", "metaflow", "metaflow_prefect", "boto3")


def test_compiling_loads_neither_prefect_nor_the_engine(loaded):
    modules = loaded(str(FLOW), "--no-pylint", "prefect", "create", "out.py")

    assert of(modules, "metaflow_prefect.render")
    assert not of(modules, "prefect", "rich", "httpx")
    assert not of(
        modules, "metaflow_prefect.runtime.run.engine", "metaflow_prefect.runtime.run.session"
    )


def test_a_generated_file_loads_no_part_of_the_compiler(loaded):
    loaded(str(FLOW), "--no-pylint", "prefect", "create", "out.py")
    modules = loaded("-c", f"import out, sys\n{SHOW}")

    assert of(modules, "metaflow_prefect.runtime.run.engine")
    assert not of(
        modules, "metaflow_prefect.analysis", "metaflow_prefect.render", "metaflow_prefect.deploy"
    )
    assert not of(modules, "jinja2", "metaflow", "metaflow_prefect.cli")
