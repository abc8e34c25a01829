"""A flow behaves as a deployment as it behaves under Metaflow's own `run`, wherever worker and source are.

`make differential` runs every flow as a deployment, `make test` those below in which it can matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.behaviour.cases import Case, cases
from tests.behaviour.comparing import DeployedRuns, run_deployed
from tests.behaviour.deploying import stage
from tests.behaviour.running import Form

FORMS = {
    "process": Form.PROCESS,
    "nf": Form.NORTHFLANK,
    "steps": Form.STEPS,
    "slices": Form.SLICES,
}

BOTH = (Form.PROCESS, Form.NORTHFLANK)

MATTER = {
    "card": BOTH,
    "config_file_given": (Form.PROCESS,),
    "exit_hook_from_config": (Form.PROCESS,),
    "exit_hook_with_module": BOTH,
    "file_beside_the_flow": BOTH,
    "include_file": (Form.PROCESS,),
    "killed_at_three_moments": (Form.STEPS,),
    "module_in_a_subprocess": (Form.PROCESS,),
    "place_of_the_code": BOTH,
    "reached_by_a_link": (Form.PROCESS,),
}
"""What depends on where a step works, and where its code and its files are, or who decides about its attempts."""

_OF_RUN_ONLY = (
    "METAFLOW_RUN_<PARAMETER> is for `run`; a deployed run gets its values from what starts it"
)

_OF_ONE_FOLDER = (
    "a step reads a file that another has written beside itself; their containers share no folder"
)

_NO_LOCK = "the flows have no uv project with a lock; tests/stack/worker/test_uv_project.py has one"

NOT_COMPARED = {
    (
        "sibling_fails",
        Form.SLICES,
    ): "its siblings wait for each other; tasks of a slice run one after the other",
    ("parameters_by_environment", Form.PROCESS): _OF_RUN_ONLY,
    ("parameters_by_environment", Form.NORTHFLANK): _OF_RUN_ONLY,
    ("parameters_by_environment", Form.STEPS): _OF_RUN_ONLY,
    ("parameters_by_environment", Form.SLICES): _OF_RUN_ONLY,
    ("place_of_the_code", Form.STEPS): _OF_ONE_FOLDER,
    ("place_of_the_code", Form.SLICES): _OF_ONE_FOLDER,
    ("environment_uv", Form.PROCESS): _NO_LOCK,
    ("environment_uv", Form.NORTHFLANK): _NO_LOCK,
    ("environment_uv", Form.STEPS): _NO_LOCK,
    ("environment_uv", Form.SLICES): _NO_LOCK,
}
"""Deployments that are refused, or mean something else, by design, and why."""


AT_ONCE = 4
"""Cases that are run at the same time: most of one is waiting."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "deployed" in metafunc.fixturenames:
        forms = _wanted(metafunc.config)
        wanted = [(case, forms[case.name]) for case in cases() if forms.get(case.name)]
        metafunc.parametrize(
            ("deployed", "forms"), [pytest.param(*each, id=each[0].name) for each in wanted]
        )


def _wanted(config: pytest.Config) -> dict[str, tuple[Form, ...]]:
    """Return the forms of each flow that this session runs."""
    names = config.getoption("--as")
    chosen = tuple(form for name, form in FORMS.items() if name in names)
    forms = {case.name: chosen for case in cases()} if names else MATTER
    return {
        name: tuple(form for form in of_flow if (name, form) not in NOT_COMPARED)
        for name, of_flow in forms.items()
    }


@pytest.fixture(scope="module")
def runs(request, prefect_server, tmp_path_factory) -> Iterator[Mapping[str, Future[DeployedRuns]]]:
    """All cases of this session, run a few at a time on one server and one emulator, by one worker for each pool."""
    wanted = {
        item.callspec.params["deployed"]: item.callspec.params["forms"]
        for item in request.session.items
        if item.path == request.path and "deployed" in item.fixturenames
    }
    forms = {form for of_case in wanted.values() for form in of_case}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with stage(prefect_server, elsewhere, forms) as running, ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            case.name: pool.submit(
                run_deployed, case, of_case, tmp_path_factory.mktemp(case.name), running
            )
            for case, of_case in wanted.items()
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.slow
def test_a_deployed_flow_does_what_the_flow_does(deployed: Case, forms, runs):
    ended = runs[deployed.name].result()

    assert set(ended.ours) == set(forms)
    if found := ended.differences():
        pytest.fail("\n".join(found), pytrace=False)
