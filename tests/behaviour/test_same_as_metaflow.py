"""Every flow of the test-bed behaves through us as it behaves under Metaflow."""

from __future__ import annotations

import pytest

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.steps import step_settings
from tests.behaviour.cases import ENDINGS, FLOWS, Case, cases
from tests.behaviour.comparing import Way, compare
from tests.behaviour.running import Form

# `prefect run` shares all but its first lines with the compiled file: a handful that is affected by them.
DIRECT = {
    "config_value_given",
    "exit_hook",
    "foreach_split_foreach",
    "include_file",
    "parameters_by_environment",
    "parameters_given",
    "recursive_in_foreach",
    "retry_exhausted",
    "tags",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_flow_does_through_us_what_it_does_under_metaflow(
    case: Case, tmp_path, prefect_server, request
):
    """One run of Metaflow's is compared with all of ours: compiled, and in the ways that could differ."""
    ours = prefect_server.environment
    chosen = request.config.getoption("--step-executor") or step_settings.DEFAULT_EXECUTOR.value
    ways = [
        Way(
            name="compiled",
            form=Form.FILE,
            environment={**ours, variables.STEP_EXECUTOR: chosen},
        )
    ]
    if case.name in ENDINGS:
        fresh = {**ours, variables.STEP_EXECUTOR: step_settings.ExecutorKind.FRESH.value}
        ways.append(Way(name="fresh", form=Form.FILE, environment=fresh))
    if case.name in DIRECT:
        ways.append(Way(name="direct", form=Form.DIRECT, environment=ours))

    assert not compare(case, tmp_path, *ways)


@pytest.mark.parametrize("names", [DIRECT, ENDINGS], ids=["DIRECT", "ENDINGS"])
def test_what_is_run_in_several_ways_are_flows(names):
    assert names <= {case.name for case in cases()}


def test_there_are_at_least_sixty_flows():
    assert len(cases()) >= 60


def test_each_flow_is_small_and_named_after_its_feature():
    for case in cases():
        text = case.file.read_text()
        lines = [line for line in text.splitlines() if line.strip() not in ("", "@step")]
        assert f"class {case.flow}(" in text, f"{case.file.name} should define {case.flow}"
        assert text.startswith('"""'), f"{case.file.name} should say what it shows"
        assert len(lines) <= 30, f"{case.file.name} has {len(lines)} lines: one feature per flow"


def test_every_file_of_the_test_bed_is_a_flow():
    assert {path.name for path in FLOWS.iterdir()} <= {case.file.name for case in cases()} | {
        "support",
        "__pycache__",
        ".metaflow",
    }
