"""A generated file is loaded by its path, its program is found from its Prefect flow, and one that is out of date says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_prefect.errors import StaleGeneratedFile
from metaflow_prefect.runtime.flow import generated_file
from metaflow_prefect.version import VERSION

GOLDEN = Path(__file__).parents[2] / "golden/foreach/flow.py"


def test_the_program_of_a_flow_is_that_of_its_file():
    module = generated_file.load(GOLDEN)
    program = generated_file.program_of(module.foreach_flow)
    assert program is module.PROGRAM
    assert (program.flow, program.is_standalone) == ("ForeachFlow", False)


FLOW = Path(__file__).parents[2] / "flows/foreach.py"
OTHER_RUNTIME = f"""\
out.py was compiled by version 0.0.9 for runtime API 0; metaflow-prefect-northflank {VERSION}, which is installed, has runtime API 1.
Fix: compile it again: python foreach.py prefect create out.py"""


@pytest.fixture
def out(tmp_path) -> Path:
    """A generated file beside its flow, in a folder of its own."""
    shutil.copy(FLOW, tmp_path)
    return Path(shutil.copy(GOLDEN, tmp_path / "out.py"))


def compile_with_an_earlier_version(out: Path) -> None:
    text = out.read_text().replace("check_api(1)", "check_api(0)")
    out.write_text(text.replace(f"metaflow-prefect-northflank {VERSION} ", "metaflow-prefect-northflank 0.0.9 ", 1))  # fmt: skip


def refusal(out: Path) -> str:
    """Execute a generated file that refuses to run; return all that it prints."""
    environment = {**os.environ, "PREFECT_HOME": str(out.parent / "prefect")}
    ended = subprocess.run(
        [sys.executable, out.name], cwd=out.parent, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def test_a_file_for_another_runtime_ends_with_its_message_alone(out):
    compile_with_an_earlier_version(out)

    assert refusal(out) == f"Generated file is out of date: {OTHER_RUNTIME}\n"


def test_a_file_for_another_runtime_is_refused_where_it_is_imported(out):
    compile_with_an_earlier_version(out)

    with pytest.raises(StaleGeneratedFile) as refused:
        generated_file.load(out)
    assert str(refused.value) == OTHER_RUNTIME


def test_a_changed_flow_is_refused_in_one_message_before_there_is_a_run(out):
    with (out.parent / "foreach.py").open("a") as flow:
        flow.write("# changed\n")

    assert refusal(out) == (
        "Generated file is out of date: foreach.py has changed since out.py was compiled from it.\n"
        "Fix: compile it again: python foreach.py prefect create out.py\n"
    )
