"""Metaflow's Deployer API over a real server and a real worker, from a folder without the flow."""

from __future__ import annotations

import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def _done(place, *words):
    answer = place.command(*words)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _waited_for(found, count):
    """Wait until as many runs as that have ended, and return them."""

    def over():
        ended = [run for run in found() if not run.is_running]
        return len(ended) >= count and ended

    return wait_until(over, f"{count} runs have ended", seconds=300, every=1)


@pytest.fixture(scope="module")
def timely(place, worker):
    """A flow that is due every minute: deployed first and looked at last, because a minute is long."""
    _done(place, "timely_flow.py", "prefect", "deploy", "--work-pool", "pool")


def test_a_run_takes_every_type_of_value_and_its_end_starts_the_flow_waiting_for_it(
    place, worker, timely, environment, monkeypatch, tmp_path
):
    from metaflow import DeployedFlow, Deployer

    from metaflow_prefect import Event
    from metaflow_prefect.errors import ParameterRefused

    after = Deployer(str(place.folder / "after_flow.py"), show_output=False, cwd=str(place.folder))
    after = after.prefect(work_pool="pool").create()
    source = str(place.folder / "waiting_flow.py")
    Deployer(source, show_output=False, cwd=str(place.folder)).prefect().create(work_pool="pool")
    monkeypatch.chdir(tmp_path)
    deployed = DeployedFlow.from_prefect("WaitingFlow/default")
    assert deployed.production_token.startswith("waitingflow-")
    assert "AfterFlow/default" in [item.name for item in DeployedFlow.list_prefect()]

    run = deployed.trigger(alpha=0.25, config={"b": [1]}, words=["p", "q"], my_int=7)
    with pytest.raises(ParameterRefused, match="nope"):
        deployed.trigger(nope=1)
    with pytest.raises(ParameterRefused, match="alpha"):
        deployed.trigger(alpha="much")
    run.wait_for_completion(check_interval=2, timeout=300)

    assert run.status == "SUCCEEDED", run.logs()
    data = run.run.data
    assert (data.alpha, data.config, data.words, data.my_int) == (0.25, {"b": [1]}, ["p", "q"], 7)
    assert "Finished in state" in run.logs("start")
    (follower,) = _waited_for(after.list_runs, 1)
    assert follower.status == "SUCCEEDED", follower.logs()
    assert follower.run.data.upstream == run.pathspec

    event_id = Event("fresh").publish({"a": "0.75", "label": 5})
    latest, _ = _waited_for(deployed.list_runs, 2)
    ((name, told_id, kind, moment),) = latest.run.data.told
    assert (name, told_id, kind) == ("fresh", event_id, "event")
    assert abs(moment.timestamp() - time.time()) < 600
    assert run.run.data.told is None
    assert (latest.run.data.alpha, latest.run.data.label) == (0.75, "5")

    assert deployed.delete()
    assert after.delete()
    assert not [item for item in DeployedFlow.list_prefect() if item.flow_name == "AfterFlow"]


def test_a_run_yet_to_begin_has_no_metaflow_run_and_a_missing_parameter_is_named(
    place, environment, tmp_path
):
    from metaflow import DeployedFlow

    from metaflow_prefect.errors import ParameterRefused

    here = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path)}
    deploying = place.command("needy_flow.py", "prefect", "deploy", "--work-pool", "idle", **here)
    assert deploying.returncode == 0, deploying.stderr
    shutil.rmtree(tmp_path / ".metaflow", ignore_errors=True)
    deployed = DeployedFlow.from_prefect("NeedyFlow/default")
    with pytest.raises(ParameterRefused) as missing:
        deployed.trigger()
    with pytest.raises(ParameterRefused) as unfit:
        deployed.trigger(req_p="much", name="x")
    run = deployed.trigger(req_p=3, name="x")
    found = run.run
    on_the_command_line = place.command("needy_flow.py", "prefect", "trigger", "--name", "x")
    deployed.delete()

    assert found is None
    assert "trigger --name VALUE --req-p VALUE --wait" in deploying.stdout
    assert missing.value.problem == (
        "NeedyFlow/default needs a value for name, req-p; nothing was started."
    )
    assert "--req-p VALUE" in missing.value.fix
    assert "trigger(name=VALUE, req_p=VALUE)" in missing.value.fix
    assert "'req-p'" in unfit.value.problem
    assert on_the_command_line.returncode == 1
    assert "needs a value for req-p; nothing was started." in on_the_command_line.stderr


def test_a_scheduled_run_knows_the_minute_in_which_it_was_due(timely, environment):
    from metaflow import DeployedFlow

    deployed = DeployedFlow.from_prefect("TimelyFlow/default")
    first = _waited_for(deployed.list_runs, 1)[-1]
    deployed.pause_schedule()
    due = datetime.fromisoformat(first.run.data.due)
    deployed.delete()

    assert first.status == "SUCCEEDED"
    assert (due.second, due.microsecond) == (0, 0)
    assert due.utcoffset() == timedelta(0)
    assert (
        timedelta(0) <= first.run["start"].task.created_at.astimezone() - due < timedelta(hours=1)
    )


def test_the_flow_of_a_notebooks_cell_is_deployed(place):
    notebook = Path(__file__).with_name("notebook.py")

    assert "DEPLOYED CellFlow/default PENDING" in _done(place, str(notebook), "idle")
