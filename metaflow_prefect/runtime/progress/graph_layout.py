"""Where each step of a flow is drawn: rows from the first step down to the last; pure.

The method is Sugiyama's: rows by the longest way from the start, a position reserved in every row that an
edge crosses, and an order within the rows that keeps edges short.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from metaflow_prefect.runtime.flow.graph import Foreach, Step, Switch, targets

Node = tuple[str, int]
"""A step, or an edge that crosses a row, and the row."""

_SWEEPS = 4
_STEP_WIDTH = 1.0
_EDGE_WIDTH = 0.3


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between two steps; `label` says when it is taken, or over what it fans out."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in units of a box: across from 0, down by rows. `ways` are the points of each edge."""

    places: Mapping[str, tuple[float, int]]
    ways: Mapping[Edge, tuple[tuple[float, int], ...]]
    width: float
    rows: int


def edges(steps: Iterable[Step]) -> tuple[Edge, ...]:
    """Return the edges of the graph, those from a step to itself included."""
    return tuple(
        Edge(step.name, target, _label(step, target))
        for step in steps
        for target in targets(step.then)
    )


def _label(step: Step, target: str) -> str:
    if isinstance(step.then, Foreach):
        return f"each of {step.then.over}" if step.then.over else "foreach"
    if isinstance(step.then, Switch):
        return ", ".join(str(case) for case, to in step.then.cases.items() if to == target)
    return ""


def layout(steps: tuple[Step, ...]) -> Layout:
    """Return the layout of a graph whose only cycles are steps that lead to themselves."""
    forward = [edge for edge in edges(steps) if edge.source != edge.target]
    rows = _rows(steps, forward)
    ways = {edge: _way(edge, rows) for edge in forward}
    by_row: list[list[Node]] = [[] for _ in range(max(rows.values()) + 1)]
    for step in steps:
        by_row[rows[step.name]].append((step.name, rows[step.name]))
    above: defaultdict[tuple[str, Node], list[Node]] = defaultdict(list)
    held = {
        # Edges with the same steps share their positions.
        node: None
        for way in ways.values()
        for node in way[1:-1]
    }
    for node in held:
        by_row[node[1]].append(node)
    for way in ways.values():
        for upper, lower in itertools.pairwise(way):
            above["up", lower].append(upper)
            above["down", upper].append(lower)
    across = _ordered(by_row, above, rows)
    width = max(across.values()) + 1 if across else 1
    return Layout(
        places={step.name: (across[step.name, rows[step.name]], rows[step.name]) for step in steps},
        ways={edge: tuple((across[node], node[1]) for node in way) for edge, way in ways.items()},
        width=width,
        rows=len(by_row),
    )


def _rows(steps: tuple[Step, ...], forward: list[Edge]) -> dict[str, int]:
    rows = {step.name: 0 for step in steps}
    # Steps come in any order; as many passes as there are steps settle the longest way.
    for _ in steps:
        for edge in forward:
            rows[edge.target] = max(rows[edge.target], min(rows[edge.source] + 1, len(steps) - 1))
    return rows


def _way(edge: Edge, rows: Mapping[str, int]) -> tuple[Node, ...]:
    first, last = rows[edge.source], rows[edge.target]
    between = tuple((f"{edge.source}>{edge.target}", row) for row in range(first + 1, last))
    return ((edge.source, first), *between, (edge.target, last))


def _ordered(
    by_row: list[list[Node]],
    near: Mapping[tuple[str, Node], list[Node]],
    rows: Mapping[str, int],
) -> dict[Node, float]:
    """Return how far across each node is, after some sweeps down and up."""
    across: dict[Node, float] = {}
    for row in by_row:
        across.update(_spread(row, rows))
    for sweep in range(_SWEEPS):
        side = "up" if sweep % 2 == 0 else "down"
        for row in by_row if side == "up" else reversed(by_row):
            wanted = {node: _mean(near.get((side, node), []), across, node) for node in row}
            row.sort(key=lambda node: wanted[node])
            across.update(_spread(row, rows))
    left = min(across.values(), default=0.0)
    return {node: x - left for node, x in across.items()}


def _mean(neighbors: list[Node], across: Mapping[Node, float], node: Node) -> float:
    if not neighbors:
        return across[node]
    return sum(across[other] for other in neighbors) / len(neighbors)


def _spread(row: list[Node], rows: Mapping[str, int]) -> dict[Node, float]:
    """Center a row; positions of edges take less room than steps."""
    widths = [_STEP_WIDTH if node[0] in rows else _EDGE_WIDTH for node in row]
    x = -sum(widths) / 2
    placed: dict[Node, float] = {}
    for node, width in zip(row, widths, strict=True):
        placed[node] = x + width / 2
        x += width
    return placed
