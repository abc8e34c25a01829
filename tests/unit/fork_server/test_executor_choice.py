"""Each command goes to a fork where that is the same thing, and to a fresh process elsewhere, with the reason."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.in_flow.flow_command import Part, with_parts
from metaflow_prefect.runtime.in_flow.print_environment import COMMAND, parse
from metaflow_prefect.runtime.steps import commands, step_settings
from metaflow_prefect.runtime.steps.executor_choice import ForkingExecutor, executor, why_never
from metaflow_prefect.runtime.steps.executor_protocol import Command
from metaflow_prefect.runtime.steps.fresh_process import FreshProcess
from metaflow_prefect.runtime.steps.step_settings import ExecutorKind

PARENT = "import os; print(os.getppid())"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, step_settings.DEFAULT_EXECUTOR), ({variables.STEP_EXECUTOR: ""}, step_settings.DEFAULT_EXECUTOR), ({variables.STEP_EXECUTOR: "fork"}, ExecutorKind.FORK)],
)  # fmt: skip
def test_the_environment_chooses(environment, expected):
    assert ExecutorKind.of(environment) is expected


def test_an_unknown_choice_is_refused_with_the_known_ones():
    with pytest.raises(SettingRefused, match="one of auto, fork, fresh"):
        ExecutorKind.of({variables.STEP_EXECUTOR: "warm"})


def test_nothing_is_forked_where_it_cannot_be_the_same():
    assert why_never("linux", None) is None
    assert why_never("darwin", None) == "forking is only safe on Linux"
    assert why_never("linux", "pypi") == "--environment=pypi gives each step its own interpreter"


def test_where_nothing_can_be_forked_the_reason_is_said_once(probe):
    said: list[str] = []
    chosen = executor(ExecutorKind.AUTO, probe().key, "conda", said.append)

    assert isinstance(chosen, FreshProcess)
    assert said == [
        "every step: fresh process, because --environment=conda gives each step its own interpreter"
    ]


def test_whoever_asks_for_fresh_processes_gets_no_reasons(probe):
    said: list[str] = []

    assert isinstance(executor(ExecutorKind.FRESH, probe().key, None, said.append), FreshProcess)
    assert said == []


def test_python_means_the_interpreter_of_the_run():
    """Metaflow starts workers of @parallel by that name."""
    made = commands.environment({"PATH": "/usr/bin"}, python="/venv/bin/python", run_id="1")

    assert made["PATH"] == "/venv/bin:/usr/bin"
    assert commands.environment(made, python="/venv/bin/python", run_id="1") == made


@pytest.fixture
def forking():
    """Executors as the session makes them, with what they said; stopped at the end."""
    made: list[ForkingExecutor] = []

    def make(flow, mode: ExecutorKind = ExecutorKind.AUTO) -> tuple[ForkingExecutor, list[str]]:
        said: list[str] = []
        made.append(ForkingExecutor(mode, flow.key, said.append))
        return made[-1], said

    yield make
    for one in made:
        one.stop()


@pytest.mark.slow
def test_steps_are_forked_without_a_message(probe, forking):
    flow = probe(PARENT)
    chosen, said = forking(flow)
    first, second = (flow.start(chosen, task=task).value for task in ("t1", "t2"))

    assert first == second
    assert said == []


@pytest.mark.slow
def test_an_import_that_forks_must_not_share_is_said_once_for_every_step(probe, forking):
    flow = probe(
        PARENT,
        module="import threading; threading.Timer(60, print).start() if 'init' not in __import__('sys').argv else 0",
    )
    path = flow.folder / "probe_flow.py"
    path.write_text(
        path.read_text().replace(
            "Timer(60, print).start()",
            "Thread(target=__import__('time').sleep, args=(60,), name='timer', daemon=True).start()",
        )
    )
    chosen, said = forking(flow)
    parents = {flow.start(chosen, task=task).value for task in ("t1", "t2")}

    assert parents == {__import__("os").getpid()}
    assert said == [
        "every step: fresh process, because importing probe_flow.py started 1 thread (timer)"
    ]


@pytest.mark.slow
def test_a_flow_that_cannot_be_imported_shows_its_own_error(probe, forking):
    flow = probe(module="import no_such_module")
    chosen, said = forking(flow)
    result = flow.do(chosen, flow.init())

    assert result == flow.do(FreshProcess(), flow.init())
    assert result.err.endswith("ModuleNotFoundError: No module named 'no_such_module'\n")
    assert len(said) == 1


@pytest.mark.slow
def test_variables_of_a_step_are_there_when_the_flow_is_imported(probe, forking):
    """The first task with an environment gets a fresh process, further ones a server of that environment."""
    flow = probe(
        "import json, os; print(json.dumps([AT_IMPORT, os.environ.get('PLACE'), os.getppid()]))",
        module="import os; AT_IMPORT = os.environ.get('PLACE')",
    )
    chosen, said = forking(flow)
    flow.start(chosen)
    values = [
        flow.do(chosen, flow.step("start", task=f"t{n}", PLACE="here")).value for n in range(3)
    ]

    assert [value[:2] for value in values] == [["here", "here"]] * 3
    assert values[0][2] == __import__("os").getpid()
    assert values[1][2] == values[2][2] != values[0][2]
    assert said == [
        "start: fresh process, because its @environment must be there when the flow is imported"
    ]


@pytest.mark.slow
def test_the_choice_of_forks_gives_each_environment_a_server_at_once(probe, forking):
    flow = probe(PARENT)
    chosen, said = forking(flow, ExecutorKind.FORK)
    flow.start(chosen)
    parents = {
        flow.do(chosen, flow.step("start", task=f"t{n}", PLACE="here")).value for n in range(2)
    }

    assert len(parents) == 1
    assert said == []


@pytest.mark.slow
def test_the_values_of_environment_come_from_the_same_server(probe, forking):
    flow = probe(PARENT, more="from metaflow import environment")
    path = flow.folder / "probe_flow.py"
    path.write_text(
        path.read_text().replace(
            "    @step\n    def start", "    @environment(vars={'A': 1})\n    @step\n    def start"
        )
    )
    chosen, said = forking(flow)
    flows = [flow.key.python, flow.flow_file, *flow.options]
    words = [*with_parts([Part.ENVIRONMENT], flows), COMMAND]
    command = Command(words=words, environment=flow.environment)

    assert flow.key.request(command) is not None
    forked, fresh = flow.do(chosen, command), flow.do(FreshProcess(), command)
    assert parse(forked.out) == parse(fresh.out) == {"start": {"A": "1"}, "end": {}}
    assert said == []


@pytest.mark.slow
def test_a_command_that_is_not_of_the_flow_gets_a_fresh_process(probe, forking):
    flow = probe()
    chosen, _ = forking(flow)
    other = replace(flow.command(), words=[flow.key.python, "-c", "print('other')"], name="other")

    assert flow.do(chosen, other).out == "other\n"


@pytest.mark.slow
def test_when_the_server_is_lost_the_next_steps_get_fresh_processes(probe, forking):
    flow = probe(
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL) if os.environ.get('ONCE') != os.environ['HOME'] and not os.path.exists('/nowhere') and not os.path.exists(__file__ + '.once') and not open(__file__ + '.once', 'w').close() else print('done')"
    )
    chosen, said = forking(flow)

    assert flow.start(chosen, task="t1").code == -signal.SIGKILL
    assert flow.start(chosen, task="t2").out == "done\n"
    assert len(said) == 1
    assert said[0].startswith("start: fresh process, because the fork server is gone")
