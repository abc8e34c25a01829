"""Which job variables a deployment gets for what its steps ask for with @resources, on each type of work pool."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect_northflank import NorthflankWorker
from prefect_northflank.api.plans import PUBLISHED, Needs, cheapest

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.container_size import FLOOR_MB, container_size
from metaflow_prefect.deploy.plan.deploy_context import WorkPool


def flow(**steps):
    """A flow whose steps ask for these resources; the names of ir.Step do not matter here."""
    return ir.Flow(
        name="F", start="start", end="start",
        steps=tuple(
            ir.Step(
                name=name,
                transition=ir.Transition.END,
                resources=tuple(ir.Resource(name=key, value=text) for key, text in asked.items()),
            )
            for name, asked in steps.items()
        ),
        source=ir.Source(file="flow.py", sha256="0" * 64),
        backends=ir.Backends(metadata="local", datastore="s3", environment="local"),
    )  # fmt: skip


def northflank(**defaults):
    template = NorthflankWorker.get_default_base_job_template()
    for name, default in defaults.items():
        template["variables"]["properties"][name]["default"] = default
    return WorkPool(name="nf", type="northflank", template=template)


def pool(kind, *names):
    return WorkPool(
        name="p", type=kind, template={"variables": {"properties": {name: {} for name in names}}}
    )


def test_the_container_gets_the_largest_request_of_each_kind():
    size = container_size(
        flow(load={"memory": "16000"}, train={"cpu": "4", "memory": "8000"}), {}, northflank()
    )

    assert size.variables == {"cpu": 4, "memory": 16000}
    (line,) = size.lines
    assert line == (
        "plan nf-compute-400-16 (4 vCPU, 16 GB, $0.2 an hour): "
        "train asks for cpu=4; load asks for memory=16000"
    )


def test_a_flow_without_resources_asks_for_nothing():
    size = container_size(flow(start={}), {}, northflank())

    assert (size.variables, size.lines, size.findings) == ({}, (), ())


@pytest.mark.parametrize("name", ["deployment_plan", "billing_deployment_plan"])
def test_a_plan_that_an_option_names_wins_over_resources(name):
    size = container_size(
        flow(train={"cpu": "4", "disk": "5000"}), {name: "nf-compute-50"}, northflank()
    )

    assert size.variables == {"disk": 5000}
    assert size.lines == ("plan nf-compute-50, which is named; train asks for cpu=4, disk=5000",)


def test_a_plan_that_the_pools_template_names_wins_over_resources():
    size = container_size(
        flow(train={"cpu": "4"}), {}, northflank(billing_deployment_plan="nf-compute-50")
    )

    assert size.variables == {}


def test_a_job_variable_that_an_option_sets_wins_over_the_same_request():
    size = container_size(
        flow(train={"cpu": "4", "memory": "16000"}), {"memory": 30000}, northflank()
    )

    assert size.variables == {"cpu": 4}
    assert size.lines[0].startswith("plan nf-compute-800-32 ")


@pytest.mark.parametrize(
    ("asked", "why", "remedy"),
    [
        (
            {"memory": "62000"},
            "no plan of Northflank is large enough; the largest is nf-compute-2000-40 (20 vCPU, 40 GB)",
            "ask for less",
        ),
        ({"gpu": "1"}, "Northflank needs to know which GPU", "set the job variable gpu_type"),
        ({"memory": "8G"}, "it is not a number", "write a number of MB"),
        ({"cpu": "nan"}, "it is not a number", "write a number"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_by_its_step(asked, why, remedy):
    (finding,) = container_size(flow(start={}, train=asked), {}, northflank()).findings

    ((name, text),) = asked.items()
    assert (finding.where, finding.feature) == (
        "step train",
        f"@resources({name}={text.removesuffix('.0')})",
    )
    assert (finding.reason, finding.remedy[: len(remedy)]) == (why, remedy)


def test_a_number_of_gpus_that_no_plan_has_is_rounded_up_and_said():
    size = container_size(flow(train={"gpu": "3"}), {"gpu_type": "h100-80"}, northflank())

    assert size.variables == {"gpu": 3}
    assert size.lines == (
        "plan nf-gpu-h100-80-4g (4 h100-80): train asks for gpu=3; no plan has fewer than its 4 GPUs",
    )


@pytest.mark.parametrize(
    ("of", "variables"),
    [
        (pool("ecs", "cpu", "memory"), {"cpu": 2048, "memory": 8000}),
        (pool("docker", "mem_limit"), {"mem_limit": "8000m"}),
        (pool("cloud-run-v2", "cpu", "memory"), {"cpu": "2", "memory": "8000Mi"}),
        (pool("azure-container-instance", "cpu", "memory"), {"cpu": 2.0, "memory": 7.82}),
        (
            pool("kubernetes", "cpu_request", "memory_limit"),
            {"cpu_request": "2", "memory_limit": "8000Mi"},
        ),
        (pool("process"), {}),
    ],
    ids=lambda value: value.type if isinstance(value, WorkPool) else "",
)
def test_other_types_of_pools_get_the_request_in_their_own_words(of, variables):
    size = container_size(flow(train={"cpu": "2", "memory": "8000"}), {}, of)

    assert size.variables == variables


@pytest.mark.parametrize("of", [northflank(), pool("ecs", "cpu", "memory")], ids=lambda of: of.type)
def test_a_pool_whose_only_job_variable_for_it_is_set_is_not_said_to_have_none(of):
    size = container_size(flow(train={"memory": "12000"}), {"memory": 30000}, of)

    assert size.variables == {}
    assert "has no job variable" not in size.lines[0]


def test_a_pool_without_job_variables_for_it_is_named_once():
    size = container_size(flow(train={"cpu": "2"}), {}, pool("kubernetes", "image"))

    assert size.variables == {}
    assert size.lines == (
        "as in work pool p (kubernetes), which has no job variable for it: train asks for cpu=2",
    )


@pytest.mark.parametrize(
    ("asked", "chosen", "of", "size"),
    [
        ({"memory": "12000"}, {}, northflank(), (2, 16384)),
        ({"memory": "12000"}, {"memory": 30000}, northflank(), (8, 32768)),
        ({"memory": "12000"}, {"deployment_plan": "nf-compute-50"}, northflank(), (0.5, 1024)),
        ({"memory": "12000"}, {"deployment_plan": "of-my-account"}, northflank(), (None, None)),
        ({"gpu": "1"}, {"gpu_type": "l4-24"}, northflank(), (None, None)),
        ({"disk": "5000"}, {}, northflank(), (None, None)),
        ({"cpu": "2", "memory": "12000"}, {}, pool("ecs", "cpu", "memory"), (2, 12000)),
        ({"cpu": "2", "memory": "12000"}, {}, pool("docker", "mem_limit"), (None, 12000)),
        ({"memory": "12000"}, {"memory": 30000}, pool("ecs", "cpu", "memory"), (None, None)),
        ({"memory": "12000"}, {}, pool("process"), (None, None)),
    ],
)
def test_what_the_container_has_is_known_where_the_deployment_decides_it(asked, chosen, of, size):
    found = container_size(flow(train=asked), chosen, of)

    assert (found.cpu, found.memory) == size


@pytest.mark.parametrize(
    ("asked", "chosen", "of", "plan"),
    [
        ({"memory": "12000"}, {}, northflank(), "nf-compute-200-16"),
        ({"memory": "12000"}, {"deployment_plan": "nf-compute-50"}, northflank(), "nf-compute-50"),
        ({"memory": "12000"}, {"deployment_plan": "of-my-account"}, northflank(), None),
        ({"disk": "5000"}, {}, northflank(), "nf-compute-20"),
        ({}, {}, northflank(), "nf-compute-20"),
        ({}, {}, northflank(billing_deployment_plan="nf-compute-50"), "nf-compute-50"),
        ({}, {"memory": 12000}, northflank(), "nf-compute-200-16"),
        ({}, {"memory": 99000}, northflank(), None),
        ({}, {"memory": "much"}, northflank(), None),
        ({"gpu": "1"}, {"gpu_type": "l4-24"}, northflank(), None),
        (
            {},
            {"deployment_plan": "nf-compute-50", "gpu": 1, "gpu_type": "l4-24"},
            northflank(),
            None,
        ),
        (
            {},
            {"billing_gpu_enabled": True, "billing_gpu_count": 1, "billing_gpu_type": "l4-24"},
            northflank(),
            None,
        ),
        ({}, {}, pool("ecs"), None),
        ({}, {}, pool("process"), None),
    ],
)
def test_a_container_has_a_price_where_northflank_publishes_its_plans(asked, chosen, of, plan):
    rate = container_size(flow(train=asked), chosen, of).rate

    assert (rate and rate.plan) == plan


@pytest.mark.parametrize("name", ["cpu", "memory", "gpu"])
def test_a_reference_is_left_to_prefect_which_resolves_it_when_a_run_begins(name):
    size = container_size(
        flow(train={"cpu": "4", "memory": "8000"}),
        {name: "{{ prefect.variables.size }}"},
        northflank(),
    )

    assert name not in size.variables
    assert size.lines == ("train asks for cpu=4, memory=8000",)
    assert size.findings == ()


@pytest.mark.parametrize("name", ["gpu_enabled", "billing_gpu_enabled"])
def test_gpus_that_the_billing_variables_ask_for_are_part_of_the_plan(name):
    size = container_size(
        flow(train={"cpu": "30"}), {name: True, "billing_gpu_type": "h100-80"}, northflank()
    )

    assert size.lines == ("plan nf-gpu-h100-80-1g (1 h100-80): train asks for cpu=30",)
    assert size.findings == ()


def test_a_container_of_azure_has_no_less_memory_than_a_step_asks_for():
    size = container_size(
        flow(train={"memory": "410.5"}), {}, pool("azure-container-instance", "memory")
    )

    assert size.variables == {"memory": 0.41}


NORTHFLANK = northflank()


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["cpu", "memory"]), st.floats(0.01, 20).map(str), min_size=1, max_size=2
    )
)
def test_no_request_gets_less_memory_than_a_run_itself_needs(asked):
    size = container_size(flow(start=asked), {}, NORTHFLANK)
    needs = Needs(cpu=size.variables.get("cpu", 0), memory=size.variables.get("memory", 0))

    assert cheapest(needs, PUBLISHED).memory >= FLOOR_MB
    assert size.memory >= FLOOR_MB


def test_a_request_below_what_a_run_needs_is_raised_and_said():
    size = container_size(flow(start={"memory": "100"}), {}, northflank())
    of_docker = container_size(flow(start={"memory": "100"}), {}, pool("docker", "mem_limit"))
    of_cpu = container_size(flow(start={"cpu": "0.1"}), {}, northflank())

    assert size.variables == {"memory": FLOOR_MB}
    (line,) = size.lines
    assert line == (
        "plan nf-compute-20 (0.2 vCPU, 512 MB, $0.0075 an hour): "
        "start asks for memory=100 (a run itself needs 400)"
    )
    assert size.asked == "memory=100"
    assert of_docker.variables == {"mem_limit": "400m"}
    assert of_cpu.variables == {"cpu": 0.1, "memory": FLOOR_MB}


def test_a_plan_too_small_for_any_run_is_taken_if_it_is_named_but_not_without_a_word():
    named = {"billing_deployment_plan": "nf-compute-10"}

    for steps in ({"start": {}}, {"start": {"memory": "100"}}):
        size = container_size(flow(**steps), named, northflank())

        assert size.variables == {}
        assert size.lines[-1] == (
            "plan nf-compute-10 has 256 MB of memory; a run itself needs 400 MB, so that it may be killed"
        )
    chosen = container_size(flow(start={"cpu": "0.1"}), {"memory": 200}, northflank())
    assert chosen.variables == {"cpu": 0.1}
