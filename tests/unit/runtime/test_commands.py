"""The command lines given to Metaflow, and the variables that carry parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

from metaflow.util import compress_list, decompress_list

from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.flow.graph import Next, Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.steps.commands import (
    Attempt,
    RunContext,
    init,
    parameter_variables,
    step,
    top_level,
)

MAX_ARG_STRLEN = 131072
"""Linux: the longest argument of a command."""


@dataclass
class NamedTask:
    name: str
    retries: int = 0
    timeout_seconds: float | None = None


PROGRAM = Program(
    flow="F", source="f.py", sha256="0" * 64, metadata="local", datastore="s3",
    options=("--branch=b",), location="out.py",
)  # fmt: skip
RUN = RunContext(
    program=PROGRAM, python="python", flow_file="f.py", run_id="prefect-1",
    datastore_root="s3://bucket/x", tags=("a", "b"),
)  # fmt: skip
LAUNCH = Launch(TaskPlace("work", (Frame(3, 5),)), ("prefect-1/start/t",), split_index=3)


def attempt(number: int, *, retries: int = 0, error_retries: int = 0) -> Attempt:
    work = Step(NamedTask("work", retries), Next("join"), error_retries=error_retries)
    return Attempt(launch=LAUNCH, step=work, number=number, input_paths="prefect-1/start/t")


def test_every_command_carries_the_top_level_options_of_the_program():
    for words in (init(RUN), step(RUN, attempt(0))):
        assert words[: len(top_level(RUN))] == top_level(RUN)
        assert {"--metadata=local", "--datastore=s3", "--branch=b"} <= set(words)


def test_tags_go_on_the_run_and_on_every_task():
    assert [word for word in init(RUN) if word.startswith("--tag")] == ["--tag=a", "--tag=b"]
    assert [word for word in step(RUN, attempt(0)) if word.startswith("--tag")] == [
        "--tag=a",
        "--tag=b",
    ]


def test_a_task_keeps_its_id_over_its_attempts():
    ids = {word for n in range(3) for word in step(RUN, attempt(n)) if word.startswith("--task-id")}

    assert ids == {"--task-id=t-3"}


def test_the_retries_of_catch_are_not_retries_of_user_code():
    words = step(RUN, attempt(0, retries=5, error_retries=3))

    assert "--max-user-code-retries=2" in words


def test_only_a_foreach_task_has_a_split_index():
    plain = replace(attempt(0), launch=Launch(TaskPlace("work"), ("prefect-1/start/t",)))

    assert "--split-index=3" in step(RUN, attempt(0))
    assert not any(word.startswith("--split-index") for word in step(RUN, plain))


def test_parameters_travel_in_metaflows_own_variables():
    values = {"alpha": 0.5, "my-name": "x y", "is_on": True, "data": {"a": [1]}, "nothing": None}

    assert parameter_variables(values) == {
        "METAFLOW_INIT_ALPHA": "0.5",
        "METAFLOW_INIT_MY_NAME": "x y",
        "METAFLOW_INIT_IS_ON": "true",
        "METAFLOW_INIT_DATA": '{"a": [1]}',
    }


def test_the_inputs_of_a_huge_join_fit_into_one_argument():
    frames = [(Frame(7, 9), Frame(index, 100_000)) for index in range(100_000)]
    paths = [f"{RUN.run_id}-{'0' * 36}/work/{TaskPlace('work', one).task_id}" for one in frames]

    words = step(RUN, replace(attempt(0), input_paths=compress_list(paths)))

    (given,) = (word for word in words if word.startswith("--input-paths="))
    assert len(given) < MAX_ARG_STRLEN
    assert decompress_list(given.removeprefix("--input-paths=")) == paths
