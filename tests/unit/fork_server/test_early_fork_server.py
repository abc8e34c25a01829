"""A fork server that starts before the run has an id does the same as one that has the id from the start."""

from __future__ import annotations

import os

import pytest

from metaflow_prefect.names import RUN_ID_VARIABLE
from metaflow_prefect.runtime.in_flow import run_id_watch
from metaflow_prefect.runtime.steps.executor_choice import ForkingExecutor, executor
from metaflow_prefect.runtime.steps.fork_server_client import ForkServer
from metaflow_prefect.runtime.steps.step_settings import ExecutorKind

SAYS = (
    "import json, os; print(json.dumps([AT_IMPORT, os.environ['METAFLOW_RUN_ID'], os.getppid()]))"
)


@pytest.fixture
def chosen():
    """The executor of a flow for which a server was started early, and that server."""
    started: list[ForkServer | ForkingExecutor] = []

    def make(flow, *, environment=None):
        key = flow.key if environment is None else flow.key.in_environment(environment)
        early = ForkServer(key.without_run_id(), "auto")
        made = executor(ExecutorKind.AUTO, flow.key, None, pytest.fail, early)
        assert isinstance(made, ForkingExecutor)
        started.extend((made, early))
        return made, early

    yield make
    for one in started:
        one.stop()


@pytest.mark.slow
def test_its_tasks_know_the_run(probe, chosen):
    flow = probe(SAYS, module="AT_IMPORT = None")
    made, early = chosen(flow)
    assert flow.start(made).value == [None, flow.run_id, early.pid]


@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    [
        "os.environ['METAFLOW_RUN_ID']",
        "os.environ.get('METAFLOW_RUN_ID')",
        "os.getenv('METAFLOW_RUN_ID', '')",
        "'METAFLOW_RUN_ID' in os.environ and os.environ['METAFLOW_RUN_ID']",
    ],
)
def test_a_flow_that_asks_for_the_run_while_it_is_imported_is_imported_again_and_told(
    probe, chosen, question
):
    flow = probe(SAYS, module=f"import os\nAT_IMPORT = {question}")
    made, early = chosen(flow)
    at_import, in_the_step, server = flow.start(made).value
    assert (at_import, in_the_step) == (flow.run_id, flow.run_id)
    assert server not in (early.pid, os.getpid())


@pytest.mark.slow
def test_one_with_another_environment_is_not_used(probe, chosen):
    flow = probe(SAYS, module="AT_IMPORT = None")
    made, early = chosen(flow, environment={**flow.environment, "PLACE": "elsewhere"})
    assert flow.start(made).value[2] != early.pid


def test_only_a_missing_run_is_watched_for_and_only_until_the_end(monkeypatch):
    monkeypatch.setenv(RUN_ID_VARIABLE, "7")
    known = run_id_watch.RunIdWatch()
    assert os.environ[RUN_ID_VARIABLE] == "7"
    known.end()
    assert not known.was_asked_for

    monkeypatch.delenv(RUN_ID_VARIABLE)
    before = type(os.environ)
    unknown = run_id_watch.RunIdWatch()
    assert os.environ.get("PATH") == os.environ["PATH"]
    assert not unknown.was_asked_for
    assert RUN_ID_VARIABLE not in os.environ
    assert unknown.was_asked_for
    unknown.end()
    assert type(os.environ) is before
