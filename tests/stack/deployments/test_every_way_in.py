"""A parameter of every type, given in every way: the steps see the value, or there is no run."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow

DEFAULTS = ["007", 1, 0.5, True, "2026-11-27", "a", {"a": [None, 1]}, "by default", ["x", "y"], None, "by default"]  # fmt: skip
GIVEN = ["1e3", -7, 1e-7, False, "2027-01-01", "b", ["m", {"n": None}], "a word", ["m", "n"], "now", "given"]  # fmt: skip
"""What `seen` of the flow is, with its defaults and with the values that every way gives it."""

TEXTS = {
    "text": "1e3", "my-count": "-7", "rate": "1e-7", "is-on": "false", "day": "2027-01-01", "kind": "b",
    "data": '["m", {"n": null}]', "word": '"a word"', "words": "m,n", "nothing": "now",
}  # fmt: skip
"""The same as they are typed."""

VALUES = {**TEXTS, "my-count": -7, "rate": 1e-7, "is-on": False, "data": ["m", {"n": None}], "words": ["m", "n"]}  # fmt: skip
"""The same as values of Python or JSON."""

MISFITS: tuple[dict[str, Any], ...] = (
    {"text": {"a": 1}}, {"my-count": "0.5"}, {"rate": "much"}, {"is-on": "perhaps"}, {"kind": "c"}, {"data": "much"},
    {"data": "{'a': 1}"}, {"word": "word"}, {"words": ["m,n"]}, {"words": {"m": 1}},
)  # fmt: skip


def _done(place, *words, **variables):
    answer = place.command(*words, **variables)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def _typed(texts):
    return [word for name, text in texts.items() for word in (f"--{name}", text)]


def _as_keys(values):
    return {name.replace("-", "_"): value for name, value in values.items()}


@pytest.fixture(scope="module")
def deployment(place, worker):
    _done(place, "typed_flow.py", "prefect", "deploy", "--work-pool", "pool")
    yield "TypedFlow/default"
    _done(place, "typed_flow.py", "prefect", "delete")


@pytest.fixture
def deployed(deployment, environment):
    from metaflow import DeployedFlow

    return DeployedFlow.from_prefect(deployment)


def _run_of_the_api(place, deployed, parameters):
    api = place.environment["PREFECT_API_URL"]
    found = httpx.get(f"{api}/deployments/name/{deployed.name}").json()["id"]
    body = {"parameters": parameters}
    return httpx.post(f"{api}/deployments/{found}/create_flow_run", json=body, timeout=60)


def test_the_steps_see_the_value_whichever_way_it_comes(place, deployed, tmp_path):
    from metaflow_prefect import Event

    file = tmp_path / "given.txt"
    file.write_text("given")
    for misfit in MISFITS:
        Event("every.type").publish({**VALUES, **misfit})
    runs = {"a deployment's defaults": deployed.trigger()}
    runs["Deployer"] = deployed.trigger(**_as_keys(VALUES), file=str(file))
    # `words` of the form are the text that their separator separates.
    form = {**_as_keys(VALUES), "words": "m,n", "file": str(file)}
    answer = _run_of_the_api(place, deployed, form)
    assert answer.status_code == 201, answer.text
    runs["form"] = type(deployed).get_triggered_run(deployed.name, f"prefect-{answer.json()['id']}")
    texts = {**TEXTS, "file": str(file)}
    text = texts.pop("text")
    typed = _done(
        place, "typed_flow.py", "prefect", "trigger", "--json", *_typed(texts),
        METAFLOW_PREFECT_TRIGGER_TEXT=text,
    )  # fmt: skip
    runs["command line"] = type(deployed).get_triggered_run(
        deployed.name, json.loads(typed)["run"].partition("/")[2]
    )
    before = {run.pathspec for run in deployed.list_runs()}
    Event("every.type").publish({**VALUES, "file": str(file)})
    Event("every.type").publish({**TEXTS, "file": str(file)})
    for _ in range(60):
        by_events = [run for run in deployed.list_runs() if run.pathspec not in before]
        if len(by_events) >= 2:
            break
        time.sleep(1)
    runs |= {f"event {number}": run for number, run in enumerate(by_events)}

    for run in runs.values():
        run.wait_for_completion(check_interval=1, timeout=300)

    seen = {way: run.run.data.seen for way, run in runs.items()}
    assert seen == {way: DEFAULTS if "default" in way else GIVEN for way in runs}
    assert len(by_events) == 2
    assert len(list(deployed.list_runs())) == len(runs)


@pytest.mark.parametrize("misfit", MISFITS, ids=str)
def test_a_value_that_does_not_fit_starts_no_run(place, deployed, misfit):
    from metaflow_prefect.errors import ParameterRefused

    runs = len(list(deployed.list_runs()))

    answer = _run_of_the_api(place, deployed, _as_keys(misfit))

    assert answer.status_code == 409, answer.text
    with pytest.raises(ParameterRefused):
        deployed.trigger(**_as_keys(misfit))
    assert len(list(deployed.list_runs())) == runs


def test_a_prefect_yaml_has_the_values_that_it_was_written_with(place, worker, environment):
    from metaflow import DeployedFlow

    (place.folder / "yaml").mkdir()
    (place.folder / "given.txt").write_text("given")
    texts = {**TEXTS, "file": "given.txt"}
    defaults = [word for item in texts.items() for word in ("--param-default", "=".join(item))]
    _done(
        place, "typed_flow.py", "prefect", "deploy", "--work-pool", "pool", "--name", "yaml",
        *defaults, "--prefect-yaml", "yaml/prefect.yaml",
    )  # fmt: skip
    place.command("-m", "prefect", "--no-prompt", "deploy", "--all", below="yaml")

    deployed = DeployedFlow.from_prefect("TypedFlow/yaml")
    run = deployed.trigger()
    run.wait_for_completion(check_interval=1, timeout=300)

    assert run.run.data.seen == GIVEN
    deployed.delete()
