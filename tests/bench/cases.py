"""What is measured: cases, and who competes in each; data only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

_WORKERS = ("--max-workers", "16")
_BRANCHES, _LENGTH = 10, 100

LONG_FLOW = "long.py"
"""Written when the bench begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command, in a folder with the flows and what they compile to.

    `without_server`: no server is configured; then it is run once before it is measured, which starts the local
    server, and a launcher where there is one.
    """

    name: str
    words: tuple[str, ...]
    without_server: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Contenders on the same work; the first is what the others are compared with.

    `only_by_name`: it takes minutes, and is left out unless somebody names it.
    """

    name: str
    contenders: tuple[Contender, ...]
    most_rounds: int = 100
    only_by_name: bool = False


def _running(name: str, flow: str, *words: str, most_rounds: int = 100, wide: bool = False) -> Case:
    splits = ("--max-num-splits", "5000") if wide else ()
    theirs = (f"{flow}.py", "--no-pylint", "run", *splits, *_WORKERS, *words)
    executors = ("auto",) if wide else ("auto", "fresh")
    return Case(
        name=name,
        most_rounds=most_rounds,
        contenders=(
            Contender(name="python flow.py run", words=theirs),
            *(
                Contender(
                    name=executor,
                    words=(f"{flow}_prefect.py", *_WORKERS, "--step-executor", executor, *words),
                )
                for executor in executors
            ),
        ),
    )


def _far(name: str, flow: str, *words: str) -> Case:
    """Return what Metaflow's own run would take the better part of an hour for."""
    command = (f"{flow}.py", "--no-pylint", "prefect", "run", *_WORKERS, *words)
    ours = Contender(name="prefect run", words=command)
    return Case(name=name, contenders=(ours,), most_rounds=1, only_by_name=True)


def _without_server(name: str, flow: str) -> Case:
    command = (f"{flow}.py", "--no-pylint")
    return Case(
        name=f"{name}, no server configured",
        contenders=(
            Contender(name="python flow.py run", words=(*command, "run")),
            Contender(
                name="prefect run, second time",
                words=(*command, "prefect", "run"),
                without_server=True,
            ),
        ),
    )


def _compiling(name: str, file: str) -> Case:
    flow = (file, "--no-pylint")
    return Case(
        name=name,
        contenders=(
            Contender(name="python flow.py show", words=(*flow, "show")),
            Contender(name="prefect create", words=(*flow, "prefect", "create", "created.py")),
        ),
    )


CASES = (
    _running("linear, 3 steps", "linear"),
    _without_server("linear, 3 steps", "linear"),
    _running("branch, 8 wide", "branch"),
    _without_server("branch, 8 wide", "branch"),
    _running("foreach, 20 tasks", "foreach", "--width", "20"),
    _running("foreach, 100 tasks", "foreach", "--width", "100"),
    _running("foreach, 1,000 tasks", "foreach", "--width", "1000", most_rounds=1, wide=True),
    _running("foreach in foreach, 10 x 10", "nested"),
    _running("foreach, 8 tasks that compute", "busy"),
    _compiling("compiling 3 steps", "linear.py"),
    _compiling("compiling 1,000 steps", LONG_FLOW),
    _far("far: foreach, 5,000 tasks", "foreach", "--width", "5000"),
    _far("far: recursive switch, 2,000 turns", "recursive"),
    _far("far: recursive switch in a foreach, 5,000 turns", "recursive_in_foreach"),
)


def long_flow() -> str:
    """Return the text of a flow with a thousand steps: ten branches, for Metaflow recurses along each."""
    branches = [[f"b{row}_{number}" for number in range(_LENGTH)] for row in range(_BRANCHES)]
    steps = {"start": [branch[0] for branch in branches], "join": ["end"], "end": []}
    for branch in branches:
        steps |= {name: [after] for name, after in itertools.pairwise([*branch, "join"])}
    text = "\n".join(
        f"    @step\n    def {name}(self{', inputs' * (name == 'join')}):\n        {_next(after)}\n"
        for name, after in steps.items()
    )
    head = "from metaflow import FlowSpec, step\n\n\nclass BenchLong(FlowSpec):\n"
    return f'{head}{text}\n\nif __name__ == "__main__":\n    BenchLong()\n'


def _next(names: list[str]) -> str:
    return f"self.next({', '.join(f'self.{name}' for name in names)})" if names else "pass"
