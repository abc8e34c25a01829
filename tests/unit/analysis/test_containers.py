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
        self.merge_artifacts(inputs)
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
        self.merge_artifacts(inputs)
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
        self.merge_artifacts(inputs)
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


@pytest.mark.golden
def test_everything_that_is_wrong_is_refused_at_once_by_its_step(golden):
    found = containers.findings(graph(RefusedFlow))

    listed = "".join(f"{finding}\n" for finding in found)
    golden(Path(__file__).with_name("containers_refused.txt"), listed)


@pytest.mark.parametrize("name", ["start", "train", "after"])
def test_a_container_that_is_refused_has_no_values(name):
    assert containers.container(graph(RefusedFlow)[name].decorators) is None


def test_with_northflank_gives_every_step_a_container_and_leaves_those_that_have_one():
    nodes = graph(BareFlow, "northflank:cpu=4,tasks_per_container=10")

    found = {node.name: containers.container(node.decorators) for node in nodes}

    assert {name: asked(container) for name, container in found.items()} == {
        **{name: {"cpu": "4", "memory": "4096"} for name in ("start", "train", "end")},
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
