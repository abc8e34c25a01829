"""Random flows are valid, the same for the same seed, and of every shape there is."""

from __future__ import annotations

import inspect
import linecache
from collections import Counter

from metaflow.graph import FlowGraph
from metaflow.lint import linter

from tests.fuzz.shapes import Kind, Merge, Trouble, flow
from tests.fuzz.source import source

SEEDS = range(1, 61)


def _graph(seed: int) -> FlowGraph:
    """Parse the flow without running it; its source must be where `inspect` looks for it."""
    name, text = f"<flow {seed}>", source(seed).replace("if __name__", "if False and __name__")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace = {"__name__": f"fuzz_{seed}", "__file__": name}
    exec(compile(text, name, "exec"), namespace)  # noqa: S102  our own source
    flow_class = namespace[f"Fuzz{seed}Flow"]
    assert inspect.isclass(flow_class)
    return FlowGraph(flow_class)


def test_a_seed_always_makes_the_same_flow():
    assert source(7) == source(7)
    assert source(7) != source(8)


def test_every_flow_passes_metaflows_linter():
    for seed in SEEDS:
        linter.run_checks(_graph(seed))


def test_all_shapes_and_troubles_occur():
    steps = [step for seed in SEEDS for step in flow(seed)]
    assert set(Counter(step.kind for step in steps)) == set(Kind)
    assert set(Counter(step.trouble for step in steps)) == set(Trouble)
    assert set(Counter(step.merge for step in steps)) == set(Merge)
    depths = [len(node.split_parents) for seed in range(1, 51) for node in _graph(seed)]
    assert max(depths) >= 3


def test_flows_stay_small():
    assert max(len(flow(seed)) for seed in SEEDS) <= 60
