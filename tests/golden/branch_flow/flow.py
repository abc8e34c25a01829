# Compiled by metaflow-prefect-northflank 0.1.0 from branch_flow.py (sha256 40373a85bb1c).
# Do not edit: change the flow and compile it again.
"""BranchFlow: Count the words, the letters and the repetitions of a text, side by side."""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Parameter,
    Program,
    Split,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="BranchFlow",
    source="branch_flow.py",
    sha256="40373a85bb1cf4b05fc9605e321f4ae24c4ea50ff6f9503ed82aa182520a5d2d",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "text",
        str,
        default="a rose is a rose is a rose",
        help="the text to look at",
    ),
)


@task(name="start")
def start(label: str) -> None:
    """Cut the text into words; all three branches begin with them."""
    run_step(label)


@task(name="count_words")
def count_words(label: str) -> None:
    """First branch."""
    run_step(label)


@task(name="count_letters")
def count_letters(label: str) -> None:
    """Second branch."""
    run_step(label)


@task(name="find_favourite")
def find_favourite(label: str) -> None:
    """Third branch: the word used most often, the first of them if there are several."""
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    """Read each branch by the name of its last step."""
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    """Say what was found."""
    run_step(label)


STEPS = (
    Step(start, Split("count_words", "count_letters", "find_favourite")),
    Step(count_words, Next("join")),
    Step(count_letters, Next("join")),
    Step(find_favourite, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="BranchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def branch_flow(
    text: str = "a rose is a rose is a rose",
) -> None:
    """BranchFlow: Count the words, the letters and the repetitions of a text, side by side.

    Args:
        text: the text to look at
    """
    execute(PROGRAM, STEPS, {"text": text})


if __name__ == "__main__":
    main(branch_flow, PARAMETERS)
