"""Edges of Prefect's graph: from each parent, or from the container that executed it, once."""

from __future__ import annotations

from uuid import UUID

from metaflow_prefect.runtime.run.scheduler import edge_starts
from metaflow_prefect.runtime.step_containers.node import ContainerNode


def containers(count):
    return [ContainerNode(UUID(int=number)) for number in range(count)]


def test_parents_that_shared_a_container_are_one_start_of_an_edge():
    nodes = containers(3)
    of_a_hundred_tasks_each = [node for node in nodes for _ in range(100)]

    assert edge_starts(of_a_hundred_tasks_each) == nodes


def test_a_parent_that_was_taken_over_from_another_run_has_no_edge():
    (node,) = containers(1)

    assert edge_starts([None, node, None]) == [node]


def test_behind_a_wide_join_not_all_edges_are_drawn():
    assert edge_starts(containers(1000)) == containers(50)


def test_an_edge_from_a_container_is_a_completed_state_with_data_that_names_its_flow_run():
    (node,) = containers(1)

    assert node.edge.is_completed()
    assert node.edge.data is True
    assert node.edge.state_details.task_run_id == node.task_run_id
