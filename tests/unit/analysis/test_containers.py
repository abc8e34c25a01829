"""What @northflank asks for: merged with @resources as Metaflow's compute decorators do, or refused by the step's name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from metaflow import FlowSpec, batch, northflank, resources, step
from metaflow.decorators import _attach_decorators

from metaflow_prefect import ir
from metaflow_prefect.analysis import containers

FLOW = Path(__file__).parents[2] / "flows" / "foreach.py"


class SizedFlow(FlowSpec):
    @step
    def start(self) -> None:
        self.items = [1, 2]
        self.next(self.train, foreach="items")

    @northflank(cpu=0.5, memory=900, gpu_type="h100-80", tasks_per_container=4, at_once=2)
    @resources(cpu=2, memory=800, gpu=1)
    @step
    def train(self) -> None:
        self.next(self.after)

    @northflank(
        plan="nf-compute-50", image="x:1", max_containers="7", pool="p", job_variables={"b": [1]}
    )
    @step
    def after(self) -> None:
        self.next(self.join)

    @northflank(shared_memory=128)
    @resources(disk=5000)
    @step
    def join(self, inputs: Any) -> None:
        self.next(self.end)

    @resources(cpu=2)
    @step
    def end(self) -> None:
        pass


class RefusedFlow(FlowSpec):
    @northflank(tasks_per_container=3, at_once=2, cpu="many", max_containers=0.5, job_variables=[1])
    @step
    def start(self) -> None:
        self.items = [1, 2]
        self.next(self.train, foreach="items")

    @northflank(tasks_per_container=3)
    @resources(memory="8G")
    @batch
    @step
    def train(self) -> None:
        self.next(self.after)

    @northflank(tasks_per_container=1, at_once=1, memory=-5)
    @step
    def after(self) -> None:
        self.next(self.join)

    @northflank(at_once=2)
    @step
    def join(self, inputs: Any) -> None:
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


class BareFlow(FlowSpec):
    @step
    def start(self) -> None:
        self.items = [1, 2]
        self.next(self.train, foreach="items")

    @step
    def train(self) -> None:
        self.next(self.join)

    @northflank(memory=700)
    @step
    def join(self, inputs: Any) -> None:
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


def graph(flow: Any, *with_: str) -> Any:
    """Return the graph of *flow* with these decorators attached to all its steps."""
    made = flow(use_cli=False)
    if with_:
        _attach_decorators(made, with_)
        flow._init_graph()  # noqa: SLF001  as Metaflow's command line does
    return flow._graph  # noqa: SLF001  as above


def asked(found: ir.Container | None) -> dict[str, str]:
    assert found is not None
    return {resource.name: resource.value for resource in found.resources}


def test_the_larger_of_northflank_and_resources_wins_for_each_kind():
    train = containers.container(graph(SizedFlow)["train"].decorators)

    assert asked(train) == {"cpu": "2.0", "memory": "900.0", "gpu": "1"}
    assert train == ir.Container(
        resources=train.resources, gpu_type="h100-80", tasks=4, at_once=2
    )  # fmt: skip


@pytest.mark.parametrize("name", ["train", "after", "join"])
def test_requests_are_merged_as_batch_merges_them(name):
    from metaflow.plugins.aws.aws_utils import compute_resource_attributes
    from metaflow.plugins.aws.batch.batch_decorator import BatchDecorator

    decorators = graph(SizedFlow)[name].decorators
    ours = next(item for item in decorators if item.name == "northflank")
    known = {key: value for key, value in ours.attributes.items() if key in BatchDecorator.defaults}
    alike = BatchDecorator(attributes={**BatchDecorator.defaults, **known})
    merged = compute_resource_attributes(decorators, alike, BatchDecorator.resource_defaults)

    found = asked(containers.container(decorators))
    for key in ("cpu", "memory", "gpu"):
        assert found.get(key, "0") == merged[key], key


def test_a_step_that_asks_for_nothing_gets_what_batch_would_give_it():
    after = containers.container(graph(SizedFlow)["after"].decorators)

    assert asked(after) == {"cpu": "1", "memory": "4096"}
    assert after == ir.Container(
        resources=after.resources,
        plan="nf-compute-50",
        image="x:1",
        pool="p",
        limit=7,
        job_variables=json.dumps({"b": [1]}),
    )


def test_requests_that_only_resources_makes_count_too():
    join = containers.container(graph(SizedFlow)["join"].decorators)

    assert asked(join) == {"cpu": "1", "memory": "4096", "disk": "5000", "shared_memory": "128"}


def test_a_step_without_northflank_has_no_container_of_its_own():
    assert containers.container(graph(SizedFlow)["end"].decorators) is None
    assert containers.findings(graph(SizedFlow)) == ()


def test_everything_that_is_wrong_is_refused_at_once_by_its_step():
    found = containers.findings(graph(RefusedFlow))

    assert [str(finding) for finding in found] == [
        "start: @northflank(max_containers=0.5) — it is not a whole number above 0\n"
        "  Fix: write a whole number above 0, or leave max_containers out",
        "start: @northflank(cpu='many') — it is not a number of at least 0\n"
        "  Fix: write a number of at least 0, or leave cpu out",
        "start: @northflank(job_variables=[1]) — it is not a dictionary of job variables\n"
        "  Fix: write a dictionary of job variables, or leave job_variables out",
        "start: @northflank(tasks_per_container=3) — only tasks of a step right after a foreach share a container\n"
        "  Fix: leave tasks_per_container out",
        "start: @northflank(at_once=2) — only tasks of a step right after a foreach share a container\n"
        "  Fix: leave at_once out",
        "train: @resources(memory='8G') — it is not a number of at least 0, from which @northflank could size the container\n"
        "  Fix: write a number of at least 0, or leave memory out",
        "train: @northflank beside @batch — a step runs in one place\n"
        "  Fix: take @batch or @northflank out",
        "after: @northflank(memory=-5) — it is not a number of at least 0\n"
        "  Fix: write a number of at least 0, or leave memory out",
        "join: @northflank(at_once=2) — only tasks of a step right after a foreach share a container\n"
        "  Fix: leave at_once out",
    ]


@pytest.mark.parametrize("name", ["start", "train", "after"])
def test_a_container_that_is_refused_has_no_values(name):
    assert containers.container(graph(RefusedFlow)[name].decorators) is None


def test_with_northflank_gives_every_step_a_container_and_leaves_those_that_have_one():
    nodes = graph(BareFlow, "northflank:cpu=4,tasks_per_container=10")

    found = {node.name: containers.container(node.decorators) for node in nodes}

    assert {name: asked(container) for name, container in found.items()} == {
        **dict.fromkeys(("start", "train", "end"), {"cpu": "4", "memory": "4096"}),
        "join": {"cpu": "1", "memory": "700"},
    }
    # `--with` is meant for the steps where it makes sense.
    assert containers.findings(nodes) == ()


def test_create_with_northflank_writes_the_containers_into_the_file(tmp_path):
    out = tmp_path / "out.py"
    done = subprocess.run(
        [sys.executable, str(FLOW), "--quiet", "--no-pylint", "prefect", "create", str(out),
         "--with", 'northflank:cpu=4,tasks_per_container=2,job_variables={"a": 1}'],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    read = "import runpy, sys; print([s.container for s in runpy.run_path(sys.argv[1])['STEPS']])"
    found = subprocess.run(
        [sys.executable, "-c", read, str(out)], capture_output=True, text=True, check=True
    )
    container = "Container(tasks=2, at_once=1, limit=100)"
    assert found.stdout.strip() == f"[{', '.join([container] * 4)}]"
