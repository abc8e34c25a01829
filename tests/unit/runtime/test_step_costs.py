"""What the page of a run says about the containers of its steps: each one's price, time and cost, and their sum."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.progress.cost import Cost, Rate
from metaflow_prefect.runtime.run.step_costs import StepCosts

RUN = SimpleNamespace(id="1", name="grey-owl")
OWN = Cost(rate=Rate(plan="nf-compute-20", dollars_per_hour=0.01), seconds=3600)
WITH_CONTAINERS = {variables.STEP_CONTAINERS: '{"train": {"deployment": "F.steps/default"}}'}


def child(tasks, seconds, price=0.2):
    environment = Rate(plan="nf-compute-400-16", dollars_per_hour=price).environment()
    return SimpleNamespace(
        name=f"grey-owl {tasks}",
        job_variables={"env": environment},
        estimated_run_time=timedelta(seconds=seconds),
    )


class Server:
    """The children that it knows, and how often it was asked."""

    def __init__(self, *children):
        self.children = children
        self.asked = 0

    def __call__(self, _flow_run_id):
        self.asked += 1
        if self.children is None:
            raise ConnectionError
        return iter(self.children)


def costs(server, environment=WITH_CONTAINERS):
    return StepCosts.of(RUN, environment, children=server)


def test_each_container_has_its_price_and_run_time_and_the_sum_has_the_flows_own():
    server = Server(child("train[1]", 900), child("train[0]", 1800), child("join", 0))

    assert costs(server).table(OWN, is_over=True) == (
        "| container of | run time | price an hour | cost |\n"
        "|---|---|---|---|\n"
        "| `train[0]` | 30m 00s | $0.2 (nf-compute-400-16) | about $0.10 |\n"
        "| `train[1]` | 15m 00s | $0.2 (nf-compute-400-16) | about $0.05 |\n\n"
        "Containers: about $0.15 for 2 containers of steps, about $0.16 in all\n\n"
    )


def test_a_run_whose_steps_have_no_containers_asks_for_none():
    server = Server(child("train[0]", 1800))

    assert costs(server, {}).table(OWN, is_over=True) == ""
    assert server.asked == 0


def test_the_server_is_asked_seldom_and_once_more_when_the_run_is_over():
    server = Server(child("train[0]", 1800))
    of_run = costs(server)

    tables = {of_run.table(OWN, is_over=False) for _ in range(10)}

    assert (len(tables), server.asked) == (1, 1)
    server.children = (child("train[0]", 3600),)
    assert "about $0.20 for 1 container of steps" in of_run.table(OWN, is_over=True)
    assert server.asked == 2


def test_a_server_that_does_not_answer_leaves_what_was_known_before():
    server = Server(child("train[0]", 1800))
    of_run = costs(server)
    before = of_run.table(OWN, is_over=False)
    server.children = None

    assert of_run.table(OWN, is_over=True) == before


def test_of_many_containers_the_page_names_some_and_sums_up_all():
    server = Server(*(child(f"train[{number:02}]", 180) for number in range(60)))

    shown = costs(server).table(None, is_over=True)

    assert shown.count("| `train[") == 50
    assert "and 10 more" in shown
    assert shown.endswith("Containers: about $0.60 for 60 containers of steps\n\n")
