"""The deployments that give steps with @northflank their containers, as values; and what is refused of them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect.utilities.templating import find_placeholders
from prefect_northflank import NorthflankWorker
from prefect_northflank.job.settings import JobSettings

from metaflow_prefect import ir
from metaflow_prefect.deploy import prefect_yaml
from metaflow_prefect.deploy.plan import step_containers
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import plan
from metaflow_prefect.deploy.plan.summary import summary, text
from metaflow_prefect.deploy.server.gather_context import step_pools
from metaflow_prefect.errors import DeploymentRefused, Refusals, SeveralRefusals, UnsupportedFlow
from metaflow_prefect.runtime.step_containers import child_runs

FEW = {"cpu": "0.5", "memory": "900"}
NAMED = DeployOptions(name="prod", tags=("mine",))


def container(asked=None, **more):
    resources = (ir.Resource(name=name, value=value) for name, value in (asked or FEW).items())
    return ir.Container(resources=tuple(resources), **more)


def flow(train=None, join=None, datastore="s3", **more):
    """A foreach whose steps have these containers."""
    steps = (
        ir.Step(name="start", transition=ir.Transition.FOREACH, next=("train",), foreach="items"),
        ir.Step(name="train", transition=ir.Transition.LINEAR, next=("join",), container=train),
        ir.Step(
            name="join",
            transition=ir.Transition.LINEAR,
            next=("end",),
            joins="start",
            container=join,
        ),
        ir.Step(name="end", transition=ir.Transition.END),
    )
    return ir.Flow(
        name="F", steps=steps, start="start", end="end",
        source=ir.Source(file="flow.py", sha256="0" * 64),
        backends=ir.Backends(metadata="local", datastore=datastore, environment="local"),
        **more,
    )  # fmt: skip


def northflank(name="nf", limit=None, **defaults):
    template = NorthflankWorker.get_default_base_job_template()
    for variable, default in defaults.items():
        template["variables"]["properties"][variable]["default"] = default
    return WorkPool(name=name, type="northflank", template=template, concurrency_limit=limit)


PROCESS = WorkPool(name="here", type="process")


def context(pool=None, *others):
    return DeployContext(
        owner="me", token="f-0-abcd", pool=pool or northflank(), requirements=("metaflow==1",),
        metaflow_environment={}, step_pools={other.name: other for other in others},
    )  # fmt: skip


def planned(of_flow, options=NAMED, of_context=None):
    return plan(of_flow, "code", options, of_context or context())


def sources(of_plan):
    """Return what the flow's own deployment knows of its steps' containers."""
    return child_runs.sources(of_plan.job_variables["env"])


def refused(of_flow, options=NAMED, pool=None, *others):
    refusals = Refusals()
    own = pool or northflank()
    pools = {other.name: other for other in others}
    step_containers.check(of_flow, own, pools, options, refusals)
    return refusals


def findings(*about):
    with pytest.raises(UnsupportedFlow) as error:
        refused(*about).raise_all()
    return [str(finding) for finding in error.value.findings]


def test_a_flow_without_northflank_has_one_deployment_and_no_variable_for_others():
    alone = planned(flow())

    assert (alone.steps, alone.step_lines) == ((), ())
    assert sources(alone) == {}
    assert "step_containers" not in summary(alone)


def test_all_steps_on_the_deployments_pool_share_one_deployment_beside_it():
    first = planned(flow(container(), container({"memory": "700"})))

    (steps,) = first.steps
    assert (steps.full_name, steps.entrypoint) == ("F.steps/prod", "f.py:f_steps")
    assert (steps.work_pool, steps.work_queue, steps.code) == ("nf", first.work_queue, first.code)
    assert steps.tags[0] == "metaflow-steps"
    assert "steps-of:F/prod" in steps.tags
    assert "mine" in steps.tags
    assert "metaflow" not in steps.tags


def test_the_steps_deployment_has_no_schedule_no_trigger_and_no_limit():
    of_flow = flow(
        container(),
        schedule=ir.Schedule(cron="0 3 * * *", timezone="UTC"),
        triggers=ir.Triggers(events=(ir.Trigger(event="e"),)),
    )
    options = DeployOptions(concurrency_limit=1, parameter_defaults={}, schedules=())

    first = planned(of_flow, options)
    (steps,) = first.steps

    assert (bool(first.schedules), first.triggers is None, first.concurrency is None) == (
        True, False, False,
    )  # fmt: skip
    assert (steps.schedules, steps.triggers, steps.concurrency) == ((), None, None)
    assert (steps.notifications, steps.flow_parameters, steps.parameters) == ((), (), {})
    assert steps.parameter_schema["required"] == ["tasks"]


def test_what_differs_between_the_steps_is_known_to_the_flows_own_deployment():
    first = planned(
        flow(container(plan="nf-compute-50"), container({"memory": "700"}, image="x:1"))
    )

    known = sources(first)
    assert {name: source.deployment for name, source in known.items()} == dict.fromkeys(
        ("train", "join"), "F.steps/prod"
    )
    variables = {name: dict(source.job_variables) for name, source in known.items()}
    environments = {name: given.pop("env") for name, given in variables.items()}
    assert variables == {
        "train": {"billing_deployment_plan": "nf-compute-50"},
        "join": {"memory": 700, "deployment_external_image_path": "x:1"},
    }
    assert environments["train"]["METAFLOW_PREFECT_CONTAINER_PLAN"] == "nf-compute-50"
    assert environments["join"]["METAFLOW_PREFECT_CONTAINER_MEMORY"] == "1024"


def test_job_variables_of_the_decorator_win_over_all_others():
    own = json.dumps(
        {"memory": 9000, "env": {"A": "b"}, "billing_deployment_plan": "nf-compute-50"}
    )
    first = planned(flow(container(plan="nf-compute-100-4", job_variables=own)))

    found = sources(first)["train"].job_variables
    assert (found["billing_deployment_plan"], found["memory"]) == ("nf-compute-50", 9000)
    assert found["env"]["A"] == "b"


def test_a_container_has_what_the_tasks_that_run_together_in_it_ask_for():
    asked = {"cpu": "1", "memory": "4000"}

    def size(train, of=None):
        (found, *_) = step_containers.step_containers(
            of or flow(train), northflank(), {}, NAMED, {}
        )
        return {name: value for name, value in found.job_variables.items() if name != "env"}

    assert size(container(asked)) == {"cpu": 1, "memory": 4000}
    assert size(container(asked, at_once=4)) == {"cpu": 4, "memory": 16000}
    assert size(container(asked, at_once=4, tasks=2)) == {"cpu": 2, "memory": 8000}
    # No foreach leads to the join, so one task runs in its container.
    alone = flow(None, container(asked, at_once=4))
    assert size(None, alone) == {"cpu": 1, "memory": 4000}


def test_the_flows_own_container_is_as_large_as_the_steps_that_stay_in_it_ask_for():
    of_flow = flow(container({"cpu": "16", "memory": "30000"}))
    resources = (ir.Resource(name="memory", value="30000"),)
    train = replace(of_flow.steps[1], resources=resources)
    of_flow = replace(of_flow, steps=(of_flow.steps[0], train, *of_flow.steps[2:]))

    assert planned(of_flow).container == ()


def test_job_variables_that_size_the_flows_container_do_not_size_those_of_steps():
    options = DeployOptions(
        job_variables={
            "billing_deployment_plan": "nf-compute-800-32", "memory": 32000, "project_id": "demo",
            "env": {"A": "b"},
        }
    )  # fmt: skip

    first = planned(flow(container()), options)
    (steps,) = first.steps

    assert first.job_variables["billing_deployment_plan"] == "nf-compute-800-32"
    assert steps.job_variables["project_id"] == "demo"
    assert steps.job_variables["env"]["A"] == "b"
    assert steps.job_variables.keys().isdisjoint({"billing_deployment_plan", "memory"})
    assert sources(first)["train"].job_variables["memory"] == 900


def test_the_containers_of_steps_share_one_lasting_job_and_know_no_size_of_their_own():
    (steps,) = planned(flow(container())).steps

    assert steps.job_variables["cleanup_job"] is False
    assert not [name for name in steps.job_variables["env"] if "CONTAINER" in name]


def test_a_step_on_another_pool_has_a_deployment_there_without_the_options_variables():
    elsewhere = WorkPool(
        name="k8s", type="kubernetes",
        template={"variables": {"properties": {"memory_request": {}, "image": {}}}},
    )  # fmt: skip
    options = DeployOptions(
        name="prod", image="own:1", job_variables={"project_id": "demo", "env": {"A": "b"}}
    )
    train = container(pool="k8s", image="gpu:1")

    first = planned(flow(train, container()), options, context(northflank(), elsewhere))

    assert [(steps.full_name, steps.work_pool) for steps in first.steps] == [
        ("F.steps/prod.k8s", "k8s"), ("F.steps/prod", "nf"),
    ]  # fmt: skip
    assert first.steps[0].work_queue is None
    variables = first.steps[0].job_variables
    assert variables.keys() == {"env"}
    assert variables["env"]["A"] == "b"
    found = sources(first)["train"]
    assert found.deployment == "F.steps/prod.k8s"
    assert {key: value for key, value in found.job_variables.items() if key != "env"} == {
        "memory_request": "900Mi", "image": "gpu:1",
    }  # fmt: skip


def test_a_secret_that_a_step_refers_to_is_resolved_only_for_its_own_container():
    """Prefect would write it into the variable of the flow's container, and the run into the child's job variables."""
    reference = "{{ prefect.blocks.secret.token }}"
    own = json.dumps({"env": {"TOKEN": reference}})

    first = planned(flow(container(job_variables=own)))

    assert sources(first)["train"].job_variables["env"]["TOKEN"] == reference
    told = first.job_variables["env"]["METAFLOW_PREFECT_STEP_CONTAINERS"]
    assert find_placeholders(told) == set()


def test_a_process_pool_limits_nothing_and_has_no_image():
    train = container(pool="here", image="x:1", plan="nf-compute-50", gpu_type="h100-80")

    first = planned(flow(train), NAMED, context(northflank(), PROCESS))

    assert dict(sources(first)["train"].job_variables) == {}
    assert first.step_lines == (("train", "as the work pool has it; on work pool here (process)"),)


def test_the_summary_says_which_step_runs_where_with_what_plan_and_price():
    first = planned(flow(container(), container({"memory": "700"}, plan="nf-compute-50")))

    assert summary(first)["step_containers"] == {
        "train": "plan nf-compute-50 (0.5 vCPU, 1 GB, $0.0167 an hour): cpu=0.5, memory=900",
        "join": "plan nf-compute-50, which is named; memory=700",
    }
    (deployment,) = summary(first)["step_deployments"]
    assert (deployment["deployment"], deployment["work_pool"]) == ("F.steps/prod", "nf")
    rows = [line.split("  ")[-1].strip() for line in text(first).splitlines() if "of train" in line]
    assert rows == ["plan nf-compute-50 (0.5 vCPU, 1 GB, $0.0167 an hour): cpu=0.5, memory=900"]


def test_a_prefect_yaml_has_the_steps_deployment_before_the_flows_own():
    written = prefect_yaml.document(planned(flow(container())))

    assert [(item["name"], item["entrypoint"]) for item in written["deployments"]] == [
        ("prod", "f.py:f_steps"), ("prod", "f.py:f"),
    ]  # fmt: skip
    assert written["deployments"][0]["tags"][0] == "metaflow-steps"


@pytest.mark.golden
def test_everything_that_the_containers_cannot_have_is_refused_in_one_message(golden):
    of_flow = flow(
        container({"memory": "16000"}, at_once=4), container({"gpu": "1"}), datastore="local"
    )

    with pytest.raises(SeveralRefusals) as error:
        refused(of_flow, NAMED, northflank(limit=1)).raise_all()

    golden(Path(__file__).with_name("step_containers_refused.txt"), f"{error.value}\n")


@pytest.mark.parametrize(
    ("train", "options", "pool"),
    [
        (container({"gpu": "1"}, gpu_type="h100-80"), NAMED, northflank()),
        (container({"gpu": "1"}), NAMED, northflank(gpu_type="h100-80")),
        (container({"gpu": "1"}), DeployOptions(job_variables={"gpu_type": "l4-24"}), northflank()),
        (container({"gpu": "1"}, job_variables='{"gpu_type": "l4-24"}'), NAMED, northflank()),
        (container({"gpu": "1"}, plan="nf-gpu-h100-80-2g"), NAMED, northflank()),
        (container({"gpu": "1"}, plan="my-own-plan"), NAMED, northflank()),
        (container({"gpu": "1"}), NAMED, PROCESS),
    ],
    ids=["decorator", "pool", "option", "job_variables", "plan", "own plan", "process pool"],
)
def test_a_gpu_whose_type_is_known_or_does_not_matter_is_not_refused(train, options, pool):
    refused(flow(train), options, pool).raise_all()


def test_the_type_of_gpu_that_an_option_names_does_not_count_on_another_pool():
    options = DeployOptions(job_variables={"gpu_type": "l4-24"})
    train = container({"gpu": "1"}, pool="other")

    (found,) = findings(flow(train), options, northflank(), northflank("other"))

    assert found.startswith("train: @northflank with gpu=1 — Northflank needs to know which GPU")


@pytest.mark.parametrize(
    ("options", "pool"),
    [
        (DeployOptions(job_variables={"image": "of-the-option:1"}), northflank()),
        (DeployOptions(image="of-the-option:1"), northflank(image="of-the-pool:1")),
        (DeployOptions(image="of-the-option:1"), northflank()),
    ],
    ids=["short name in an option", "short name in the pool", "long name"],
)
def test_the_image_of_the_decorator_wins_under_both_names_of_the_variable(options, pool):
    first = planned(flow(container(image="of-the-step:1")), options, context(pool))
    (steps,) = first.steps

    def image(*given):
        merged = {name: value for of in (pool.defaults, *given) for name, value in of.items()}
        known = {name: merged[name] for name in JobSettings.model_fields.keys() & merged}
        return JobSettings(**known).deployment_external_image_path

    assert image(first.job_variables) == "of-the-option:1"
    assert image(steps.job_variables, sources(first)["train"].job_variables) == "of-the-step:1"


def test_a_plan_without_the_gpus_that_the_tasks_ask_for_is_refused():
    (found,) = findings(flow(container({"gpu": "2"}, plan="nf-compute-800-32", gpu_type="l4-24")))

    assert found == (
        "train: @northflank with plan=nf-compute-800-32, gpu=2 — this plan has no GPUs\n"
        "  Fix: leave the plan out and write @northflank(gpu_type=…), or name a plan with GPUs"
    )


def test_job_variables_of_the_decorator_are_checked_against_the_schema_of_their_pool():
    own = json.dumps({"menory": 9000, "cpu": "many"})

    assert findings(flow(container(job_variables=own))) == [
        "train, job variable menory: its name — the work pool has no such variable, and would ignore it\n  Fix: did you mean memory?",
        "train, job variable cpu: 'many' — it is not of type 'number'\n  Fix: correct it",
    ]


@pytest.mark.parametrize("mounted", [True, False])
def test_a_local_datastore_is_refused_only_where_a_container_does_not_see_it(mounted):
    environment = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": "/mount"} if mounted else {}
    options = DeployOptions(job_variables={"env": environment})
    of_flow = flow(container(), container(pool="here"), datastore="local")

    if mounted:
        refused(of_flow, options, northflank(), PROCESS).raise_all()
    else:
        (found,) = findings(of_flow, options, northflank(), PROCESS)
        assert found.startswith("train: @northflank with --datastore=local")


@pytest.mark.parametrize(
    ("limit", "runs", "is_refused"),
    [(None, None, False), (1, None, True), (5, None, True), (5, 5, True), (5, 4, False)],
)
def test_a_pool_is_refused_whose_places_the_runs_could_take_all(limit, runs, is_refused):
    options = DeployOptions(concurrency_limit=runs)
    refusals = refused(flow(container()), options, northflank(limit=limit))

    with pytest.raises(DeploymentRefused) if is_refused else nullcontext():
        refusals.raise_all()


def test_the_limit_of_the_flows_pool_does_not_matter_to_steps_on_another():
    train = container(pool="other")

    refused(flow(train), NAMED, northflank(limit=1), northflank("other")).raise_all()


def test_pools_that_do_not_exist_are_refused_together_by_name():
    pools = [
        SimpleNamespace(name="nf", type="northflank", base_job_template={}, concurrency_limit=4)
    ]
    client = SimpleNamespace(read_work_pools=lambda: pools)
    refusals = Refusals()

    found = step_pools(client, ("nf", "one", "two"), refusals)

    assert {name: pool.concurrency_limit for name, pool in found.items()} == {"nf": 4}
    with pytest.raises(SeveralRefusals) as error:
        refusals.raise_all()
    assert [refusal.problem for refusal in error.value.errors] == [
        f"@northflank(pool={name!r}): there is no such work pool; nothing was created."
        for name in ("one", "two")
    ]


def test_a_flow_that_names_no_pool_asks_the_server_for_none():
    assert step_pools(None, (), Refusals()) == {}
