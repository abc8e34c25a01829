# Compiled by metaflow-prefect-northflank 0.1.0 from digits_flow.py (sha256 cb936ade79cb).
# Do not edit: change the flow and compile it again.
"""DigitsFlow: Train a support vector machine per setting on scikit-learn's digits; keep the best one."""

from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
    Json,
    Next,
    Parameter,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="DigitsFlow",
    source="digits_flow.py",
    sha256="cb936ade79cb691cfc0a7a5fa185429b4da66fd5748def4fdefac41182926f7f",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "grid",
        Json,
        default=[{"C": 1.0, "gamma": 0.0001}, {"C": 1.0, "gamma": 0.001}, {"C": 10.0, "gamma": 0.001}, {"C": 10.0, "gamma": 0.01}],
        help="list of settings of sklearn.svm.SVC to try",
    ),
    Parameter(
        "seed",
        int,
        default=7,
        help="decides which images are kept back",
    ),
    Parameter(
        "test_size",
        float,
        default=0.25,
        help="share of the images kept back for testing",
    ),
)


@task(name="start")
def start(label: str) -> None:
    """Load the 1797 images, keep some back for testing, and list what to try."""
    run_step(label)


@task(
    name="train",
    retries=2,
    timeout_seconds=300,
    tags=["memory=1024"],
)
def train(label: str) -> None:
    """Train one model; runs once per setting, all at the same time."""
    run_step(label)


@task(name="choose")
def choose(label: str) -> None:
    """Keep the best model, and of the others only how they did."""
    run_step(label)


@task(name="evaluate")
def evaluate(label: str) -> None:
    """Draw which digits the best model takes for which."""
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    """Say who won."""
    run_step(label)


STEPS = (
    Step(start, Foreach("train", over="candidates")),
    Step(train, Next("choose")),
    Step(choose, Next("evaluate"), joins="start"),
    Step(evaluate, Next("end")),
    Step(end, End()),
)


@flow(
    name="DigitsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def digits_flow(
    grid: Any = [{"C": 1.0, "gamma": 0.0001}, {"C": 1.0, "gamma": 0.001}, {"C": 10.0, "gamma": 0.001}, {"C": 10.0, "gamma": 0.01}],
    seed: int = 7,
    test_size: float = 0.25,
) -> None:
    """DigitsFlow: Train a support vector machine per setting on scikit-learn's digits; keep the best one.

    Args:
        grid: list of settings of sklearn.svm.SVC to try
        seed: decides which images are kept back
        test_size: share of the images kept back for testing
    """
    execute(PROGRAM, STEPS, {"grid": grid, "seed": seed, "test_size": test_size})


if __name__ == "__main__":
    main(digits_flow, PARAMETERS)
