"""What a step asks for becomes a job and a plan, and what cannot be had is refused in the words of the decorator."""

from __future__ import annotations

import pytest
from metaflow_northflank.broker.run_identity import RunIdentity
from metaflow_northflank.broker.step_jobs import StepJobs, step_job
from metaflow_northflank.broker.wording import problems
from prefect_northflank.api.plans import PUBLISHED
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import ConfigurationError

ME = RunIdentity(flow="TrainFlow", run_id="17", user="ann", nonce="n")


def needs(**changes):
    usual = {
        "amounts": {"cpu": "1", "memory": "4096"},
        "plan": None,
        "gpu_type": None,
        "image": "python:3.11",
        "job_variables": {},
        "max_containers": None,
        "deadline": 600,
    }
    return {**usual, **changes}


def job(**changes):
    return step_job("train", needs(**changes), ME, PUBLISHED)


def jobs(**steps):
    return StepJobs(
        identity=ME,
        project=Project(id="demo"),
        steps={name: step_job(name, it, ME, PUBLISHED) for name, it in steps.items()},
    )


def refusal(**changes):
    with pytest.raises(ConfigurationError) as raised:
        job(**changes)
    return problems(raised.value)


@pytest.mark.parametrize(
    ("changes", "plan"),
    [
        ({}, "nf-compute-100-4"),
        ({"amounts": {"cpu": "2", "memory": "8000.0"}}, "nf-compute-200-8"),
        ({"plan": "nf-compute-20", "amounts": {}}, "nf-compute-20"),
        ({"amounts": {"gpu": "3"}, "gpu_type": "l4-24"}, "nf-gpu-l4-24-4g"),
        ({"job_variables": {"billing_deployment_plan": "nf-compute-50"}}, "nf-compute-50"),
        ({"job_variables": '{"deployment_plan": "nf-compute-50"}'}, "nf-compute-50"),
    ],
)
def test_the_plan_is_the_cheapest_that_has_what_is_asked_for(changes, plan):
    assert job(**changes).plan.id == plan


def test_a_plan_is_shown_with_its_size_and_price():
    assert job().line == "plan nf-compute-100-4 (1 vCPU, 4 GB, $0.05 an hour)"


def test_steps_share_one_job_that_is_put_once_whatever_their_plan_and_image():
    run = jobs(
        small=needs(),
        large=needs(amounts={"cpu": "8", "memory": "32000"}, image="mine:1"),
    )
    first = run.request("small", "run 1", {"A": "1"})
    second = run.request("large", "run 2", {"A": "2"})

    assert second.name == first.name
    assert second.body == first.body
    assert second.overrides["billing"] == {"deploymentPlan": "nf-compute-800-32"}
    assert second.overrides["deployment"]["external"] == {"imagePath": "mine:1"}
    assert second.overrides["deployment"]["docker"]["customCommand"] == "run 2"
    assert second.overrides["runtimeEnvironment"] == {"A": "2"}


@pytest.mark.parametrize(
    "other", [{"deadline": 700}, {"amounts": {"gpu": "1"}, "gpu_type": "l4-24"}]
)
def test_what_a_run_cannot_override_takes_another_job(other):
    run = jobs(one=needs(), two=needs(**other))

    assert run.request("one", "c", {}).name != run.request("two", "c", {}).name


def test_runs_of_the_same_id_have_jobs_of_their_own():
    def name(nonce):
        me = RunIdentity(flow="F", run_id="1", user="ann", nonce=nonce)
        run = StepJobs(
            identity=me,
            project=Project(id="demo"),
            steps={"s": step_job("s", needs(), me, PUBLISHED)},
        )
        return run.request("s", "c", {}).name

    assert name("a") != name("b")


def test_the_environment_of_job_variables_is_in_the_container_s():
    run = jobs(one=needs(job_variables={"env": {"B": 2}}))

    assert run.request("one", "c", {"A": "1"}).overrides["runtimeEnvironment"] == {
        "A": "1",
        "B": "2",
    }


def test_everything_that_cannot_be_had_is_refused_with_what_to_do():
    assert refusal(amounts={"cpu": "32"}) == [
        (
            "cpu=32: no plan of Northflank is large enough; the largest is nf-compute-2000-40 (20 vCPU, 40 GB). "
            "Fix: ask for less, or name a plan of your own account with plan=… in @northflank."
        )
    ]
    assert "METAFLOW_NORTHFLANK_GPU_TYPE" in refusal(amounts={"gpu": "1"})[0]
    assert refusal(max_containers=0) == [
        (
            "@northflank(max_containers=0) of step train: it is not a whole number above 0. "
            "Fix: write one, or leave max_containers out."
        )
    ]
    assert len(refusal(job_variables={"command": "x", "nonsense": 1})) == 2
    assert len(refusal(amounts={"cpu": "much", "memory": "-1"})) == 2
    assert len(refusal(job_variables="[1]")) == 1
