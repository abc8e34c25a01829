"""How each flow of tests/flows is run, and which are meant to fail: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FLOWS = Path(__file__).parent.parent / "flows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One flow and the command line it is given.

    `options` stand before the command, `arguments` (parameters) after it. `decospecs` are attached
    with `--with`. `variables` are in its environment. `deploying` are options of `deploy` that stand for
    arguments of `run`.
    """

    name: str
    folder: Path = FLOWS
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    decospecs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    deploying: tuple[str, ...] = ()
    fails: bool = False
    starts: bool = True

    @property
    def file(self) -> Path:
        """The flow's file."""
        return self.folder / f"{self.name}.py"

    @property
    def flow(self) -> str:
        """The name of the flow's class."""
        return "".join(word.capitalize() for word in self.name.split("_")) + "Flow"


ENDINGS = {
    "environment",
    "exit_code_202_is_not_retried",
    "exit_zero_is_a_failure",
    "foreach",
    "killed_step_is_retried",
    "logs_of_a_child",
    "module_beside_the_flow",
    "parallel",
    "retry_in_foreach",
    "timeout_caught",
    "timeout_not_caught",
    "working_directory",
}
"""Flows that show what a process of its own could do differently: its beginning and its end, what it prints, what it inherits.

We fork steps by default, and tests those of Metaflow's own runs; these flows are run with fresh processes as well (ours)
or only (Metaflow's). `make differential EXECUTOR=fresh` runs all flows that way.
"""

_ARGUMENTS = {
    "parameters_given": (
        "--text", "two words, 'quoted' ünd -dashed", "--count", "7", "--rate", "1e-3",
        "--is-on", "False", "--data", '{"a": [1, null, "ü"]}', "--listed", "x|y|z",
    ),
    "parameters_by_environment": ("--text", "typed"),
    "namespace_given": ("--namespace", "user:somebody"),
}  # fmt: skip

_OPTIONS = {
    "config_value_given": ("--config-value", "cfg", '{"n": 7, "deep": {"z": [1, 2]}}'),
    "config_file_given": ("--config", "cfg", str(FLOWS / "support" / "config.json")),
    "environment_uv": ("--environment=uv",),
    "file_beside_the_flow": ("--package-suffixes", ".json"),
    "project_production": ("--branch", "mine", "--production"),
}

_DEPLOYING = {"namespace_given": ("--namespace", "user:somebody")}

_DECOSPECS = {"with_retry": ("retry:times=1,minutes_between_retries=0",)}

_TAGS = {"tags": ("mine", "my tag: ü")}

_VARIABLES = {
    "parameters_by_environment": {
        "METAFLOW_RUN_TEXT": "not taken",
        "METAFLOW_RUN_MY_COUNT": "7",
        "METAFLOW_RUN_DATA": '{"given": true}',
        "METAFLOW_RUN_LISTED": "x,y,z",
        "METAFLOW_RUN_NEEDED": "",
        "METAFLOW_RUN_TAGS": "one two",
    },
    # Metaflow's own `run` does not wait; nor would a test, for ten minutes.
    "retry_after_a_pause": {"METAFLOW_PREFECT_RETRY_DELAY": "0.5"},
}

_FAILS = {
    "artifact_cannot_be_pickled": "storing the artifact fails",
    "exit_code_202_is_not_retried": "the step asks not to be retried",
    "exit_hook_on_error": "the step fails, and so the hook runs",
    "exit_nonzero": "the step exits",
    "exit_zero_is_a_failure": "the step exits",
    "foreach_empty": "Metaflow refuses a foreach over nothing",
    "merge_artifacts_conflict": "the branches disagree",
    "no_next_call": "the step does not say what is next",
    "parameter_missing": "the run does not begin",
    "parameter_read_only": "a parameter cannot be set",
    "retry_exhausted": "every attempt fails",
    "sibling_fails": "one item fails",
    "switch_unknown_case": "no case has the value",
    "timeout_not_caught": "the step is too slow",
}

_DO_NOT_START = {"parameter_missing"}


def cases() -> tuple[Case, ...]:
    """Every flow of tests/flows."""
    return tuple(
        Case(
            name=name,
            options=_OPTIONS.get(name, ()),
            arguments=_ARGUMENTS.get(name, ()),
            decospecs=_DECOSPECS.get(name, ()),
            tags=_TAGS.get(name, ()),
            variables=_VARIABLES.get(name, {}),
            deploying=_DEPLOYING.get(name, ()),
            fails=name in _FAILS,
            starts=name not in _DO_NOT_START,
        )
        for name in sorted(path.stem for path in FLOWS.glob("*.py"))
    )
