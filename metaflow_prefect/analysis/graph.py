"""Metaflow's graph as transitions: the only module that knows `metaflow.graph.DAGNode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metaflow_prefect.ir import Case, Transition


def nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of *graph*: the start step first, the others as the source has them."""
    yield graph[graph.start_step]
    for node in sorted(graph, key=lambda node: node.func_lineno):
        if node.name != graph.start_step:
            yield node


def transition(node: Any) -> Transition:
    """Return the transition of *node*.

    Raises:
        ValueError: Metaflow has a type of node that this version does not know.
    """
    match node.type:
        case "start" | "linear" | "join":
            return Transition.LINEAR
        case "split":
            return Transition.SPLIT
        case "foreach":
            return Transition.PARALLEL if node.parallel_foreach else Transition.FOREACH
        case "split-switch":
            return Transition.SWITCH
        case "end":
            return Transition.END
        case unknown:
            message = f"step {node.name} has an unknown type {unknown!r}"
            raise ValueError(message)


def joined_split(node: Any) -> str | None:
    """Return the step whose split *node* joins, as Metaflow's own runtime finds it."""
    if node.type != "join":
        return None
    return str(node.split_parents[-1])


def cases(node: Any) -> tuple[Case, ...]:
    """Return the cases of a switch in the order of the source."""
    return tuple(Case(value=value, step=step) for value, step in node.switch_cases.items())
