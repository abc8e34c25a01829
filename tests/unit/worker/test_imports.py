"""What importing the package loads: Prefect finds the worker and the block, and a job runs without Prefect."""

from __future__ import annotations

import subprocess
import sys

import prefect_northflank
import pytest

WITHOUT_PREFECT = (
    "api.client",
    "job.definition",
    "job.environment",
    "job.settings",
    "logs.deduplication",
    "logs.excerpt",
    "logs.stream",
    "start.secret_groups",
    "start.plan_list",
    "start.start_once",
    "watch.exit_cause",
    "watch.exit_reason",
    "watch.poll_schedule",
)


def in_a_fresh_process(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_runs_a_northflank_job_imports_no_prefect():
    modules = ", ".join(f"prefect_northflank.{module}" for module in WITHOUT_PREFECT)

    assert in_a_fresh_process(f"import sys, {modules}; print('prefect' in sys.modules)") == "False"


def test_prefect_finds_the_worker_and_the_block_of_an_installed_package():
    found = in_a_fresh_process(
        "from prefect.blocks.core import Block\n"
        "from prefect.utilities.dispatch import lookup_type\n"
        "from prefect.workers.base import BaseWorker\n"
        "print(BaseWorker.get_worker_class_from_type('northflank').__name__)\n"
        "print(lookup_type(Block, 'northflank').__name__)\n"
    )

    assert found.splitlines() == ["NorthflankWorker", "Northflank"]


def test_prefect_can_register_the_blocks_of_the_package():
    """`prefect block register -m prefect_northflank` asks the module what it has."""
    found = in_a_fresh_process(
        "import inspect, prefect_northflank\n"
        "from prefect.blocks.core import Block\n"
        "members = dict(inspect.getmembers(prefect_northflank))\n"
        "print(*sorted(name for name, it in members.items() if Block.is_block_class(it)))"
    )

    assert found == "Northflank NorthflankCredentials"


def test_a_name_that_the_package_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Worker'"):
        _ = prefect_northflank.Worker
