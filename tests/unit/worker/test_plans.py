"""Which plan a container gets for what it asks for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from northflank_emulator.fields.catalog import PLANS
from prefect_northflank.api.plans import (
    COMPUTE_PLANS,
    PUBLISHED,
    Needs,
    Plan,
    cheapest,
    published,
    with_more_memory,
)
from prefect_northflank.errors import ConfigurationError
from prefect_northflank.job.variables import NorthflankVariables

plans = st.builds(
    Plan,
    id=st.from_regex(r"nf-(compute-\d{1,3}|gpu-(l4-24|h100-80)-[1248]g)", fullmatch=True),
    cpu=st.floats(0.1, 32),
    memory=st.integers(256, 65536),
    dollars_per_hour=st.floats(0.001, 50),
)
needs = st.one_of(
    st.builds(Needs, cpu=st.floats(0, 32), memory=st.integers(0, 65536)),
    st.builds(
        Needs,
        cpu=st.floats(0, 32),
        memory=st.integers(0, 65536),
        gpus=st.integers(1, 8),
        gpu_type=st.sampled_from(["l4-24", "h100-80"]),
    ),
)


def has(plan, wanted):
    return (
        plan.cpu >= wanted.cpu
        and plan.memory >= wanted.memory
        and plan.gpus >= wanted.gpus
        and plan.gpu_type == wanted.gpu_type
    )


@given(needs, st.lists(plans, min_size=1))
def test_the_chosen_plan_has_what_is_needed_and_none_that_has_it_is_cheaper(wanted, offered):
    sufficient = [plan for plan in offered if has(plan, wanted)]
    try:
        chosen = cheapest(wanted, offered)
    except (ConfigurationError, ValueError):
        assert not sufficient
        return

    assert chosen in sufficient
    assert chosen.dollars_per_hour == min(plan.dollars_per_hour for plan in sufficient)


@pytest.mark.parametrize(
    ("cpu", "memory", "plan"),
    [
        (0, 1, "nf-compute-10"),
        (1, 4096, "nf-compute-100-4"),
        (2, 8000, "nf-compute-200-8"),
        (4, 16000, "nf-compute-400-16"),
        (1, 20000, "nf-compute-800-24"),
        (8, 32000, "nf-compute-800-32"),
        (16, 30000, "nf-compute-1600-32"),
        (20, 40960, "nf-compute-2000-40"),
    ],
)
def test_what_resources_ask_for_and_the_published_plan_for_it(cpu, memory, plan):
    assert cheapest(Needs(cpu=cpu, memory=memory), PUBLISHED).id == plan


@pytest.mark.parametrize("plan", COMPUTE_PLANS, ids=lambda plan: plan.id)
def test_a_container_that_ran_out_of_memory_gets_a_clearly_larger_plan_if_it_asks_as_told(plan):
    larger = with_more_memory(plan, PUBLISHED)
    if larger is None:
        assert plan.memory * 1.25 > max(it.memory for it in COMPUTE_PLANS)
        return

    assert larger.memory >= 1.25 * plan.memory
    assert cheapest(Needs(memory=larger.memory), PUBLISHED).memory >= larger.memory


def test_only_a_plan_of_a_known_size_has_a_larger_one():
    assert with_more_memory(published("our-own-plan"), PUBLISHED) is None
    assert with_more_memory(published("nf-gpu-l4-24-1g"), PUBLISHED) is None


@pytest.mark.parametrize(("cpu", "memory"), [(4, 62000), (32, 1024)])
def test_more_than_the_largest_plan_is_refused_by_its_name(cpu, memory):
    with pytest.raises(ConfigurationError, match=re.escape("nf-compute-2000-40 (20 vCPU, 40 GB)")):
        cheapest(Needs(cpu=cpu, memory=memory), PUBLISHED)


@pytest.mark.parametrize(
    ("wanted", "plan"),
    [
        (Needs(gpus=1, gpu_type="h100-80"), "nf-gpu-h100-80-1g"),
        (Needs(gpus=3, gpu_type="h100-80"), "nf-gpu-h100-80-4g"),
        (Needs(gpus=1, gpu_type="h200-141"), "nf-gpu-h200-141-8g"),
    ],
)
def test_a_number_of_gpus_that_no_plan_has_is_rounded_up(wanted, plan):
    assert cheapest(wanted, PUBLISHED).id == plan


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Needs(gpus=1), "set the job variable gpu_type to one of a100-40, a100-80"),
        (Needs(gpus=1, gpu_type="v100"), "Northflank has no plan with this GPU"),
        (Needs(gpus=9, gpu_type="h100-80"), "the largest is nf-gpu-h100-80-8g"),
    ],
)
def test_gpus_that_no_plan_has_are_refused(wanted, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        cheapest(wanted, PUBLISHED)


@pytest.mark.parametrize(
    ("variables", "plan"),
    [
        ({}, "nf-compute-20"),
        ({"cpu": 4, "memory": 16000}, "nf-compute-400-16"),
        ({"memory": 600}, "nf-compute-50"),
        ({"cpu": 4, "billing_deployment_plan": "nf-compute-50"}, "nf-compute-50"),
        ({"cpu": 4, "deployment_plan": "our-own-plan"}, "our-own-plan"),
        ({"gpu": 3, "gpu_type": "l4-24"}, "nf-gpu-l4-24-4g"),
        ({"gpu": 1, "billing_gpu_type": "l4-24"}, "nf-gpu-l4-24-1g"),
        ({"cpu": 1, "gpu_enabled": True, "billing_gpu_type": "l4-24"}, "nf-gpu-l4-24-1g"),
    ],
)
def test_a_plan_that_is_named_wins_over_what_is_asked_for(variables, plan):
    chosen = NorthflankVariables(**variables)
    chosen.take_plan(PUBLISHED)

    assert chosen.billing_deployment_plan == plan


def test_a_plan_with_gpus_is_asked_for_together_with_its_gpus():
    chosen = NorthflankVariables(gpu=3, gpu_type="l4-24")
    chosen.take_plan(PUBLISHED)

    assert chosen.billing_gpu_enabled
    assert (chosen.billing_gpu_type, chosen.billing_gpu_count) == ("l4-24", 4)


@pytest.mark.parametrize(("kind", "count"), [("our-own", 1), ("h100-80", 3), ("h200-141", 1)])
def test_gpus_that_only_the_billing_variables_ask_for_stay_as_they_are(kind, count):
    """Pools were set up so before a plan was chosen; another number would be another lasting job, too."""
    chosen = NorthflankVariables(
        billing_gpu_enabled=True, billing_gpu_type=kind, billing_gpu_count=count
    )
    chosen.take_plan(PUBLISHED)

    assert chosen.billing_deployment_plan == "nf-compute-20"
    assert (chosen.billing_gpu_type, chosen.billing_gpu_count) == (kind, count)


def test_disk_and_shared_memory_are_never_less_than_northflank_gives():
    small = NorthflankVariables(disk=1, shared_memory=1)
    large = NorthflankVariables(disk=5000, shared_memory=512)
    own = NorthflankVariables(disk=5000, deployment_storage_ephemeral_storage_size=2048)

    assert small.deployment_storage_ephemeral_storage_size == 1024
    assert small.deployment_storage_shm_size == 64
    assert large.deployment_storage_ephemeral_storage_size == 5000
    assert large.deployment_storage_shm_size == 512
    assert own.deployment_storage_ephemeral_storage_size == 2048


def test_the_published_prices_are_those_of_their_cpus_and_memory():
    prices = {plan.id: plan.dollars_per_hour for plan in COMPUTE_PLANS}

    assert prices["nf-compute-20"] == 0.0075
    assert prices["nf-compute-400-16"] == 0.2


def test_worker_and_emulator_know_the_same_plans_and_prices():
    """Neither imports the other, so each has its own table."""
    published = {
        plan.id: (plan.cpu, plan.memory, plan.dollars_per_hour)
        for plan in PUBLISHED
        if not plan.gpus
    }
    emulated = {
        name: (document["cpuResource"], document["ramResource"], document["amountPerHour"])
        for name, document in ((name, plan.document()) for name, plan in PLANS.items())
        if "gpu" not in name
    }

    assert published == emulated
    assert {plan.id for plan in PUBLISHED} == set(PLANS)
