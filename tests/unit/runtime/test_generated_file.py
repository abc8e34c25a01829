"""A generated file is loaded by its path, and its program is found from its Prefect flow."""

from __future__ import annotations

from pathlib import Path

from metaflow_prefect.runtime.flow import generated_file

GOLDEN = Path(__file__).parents[2] / "golden/foreach/flow.py"


def test_the_program_of_a_flow_is_that_of_its_file():
    module = generated_file.load(GOLDEN)
    program = generated_file.program_of(module.foreach_flow)
    assert program is module.PROGRAM
    assert (program.flow, program.is_standalone) == ("ForeachFlow", False)
