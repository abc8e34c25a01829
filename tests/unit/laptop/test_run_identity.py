"""A job's description names its run, whatever characters flow and user have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metaflow_northflank.broker.run_identity import RunIdentity, described_run
from prefect_northflank.job import names


@pytest.mark.parametrize("user", ["ann", "zoë@example.com", "ben of accounting"])
@pytest.mark.parametrize("run_id", ["17", "argo-x_y.z", "1795828482851393"])
def test_a_job_is_found_by_flow_run_and_user(user, run_id):
    mine = RunIdentity(flow="TrainFlow", run_id=run_id, user=user, nonce="n")

    run = described_run(mine.description)

    assert run.run_id == run_id
    assert run.is_of(flow="TrainFlow", user=user)
    assert run.is_of(flow="TrainFlow", user=None)
    assert not run.is_of(flow="OtherFlow", user=user)
    assert not run.is_of(flow="TrainFlow", user="another")


@pytest.mark.parametrize("text", ["", "Prefect flow run x", "Metaflow run TrainFlow"])
def test_a_description_without_a_run_is_that_of_no_run(text):
    assert described_run(text) is None


def test_a_job_of_another_run_with_the_same_id_is_told_apart_by_its_name():
    mine = RunIdentity(flow="TrainFlow", run_id="17", user="ann", nonce="a")
    name = names.lasting_job("TrainFlow", pool=mine.pool, served=mine.served, settings="{}")

    assert mine.has(name)
    assert not replace(mine, nonce="b").has(name)
    assert not replace(mine, run_id="18").has(name)
