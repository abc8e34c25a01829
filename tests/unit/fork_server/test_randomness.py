"""Tasks draw the random numbers they would draw in fresh processes: others, or, where seeded, the same."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow

DRAW = "import json, random; print(json.dumps({}))"


def test_tasks_of_an_unseeded_flow_draw_different_numbers(probe):
    flow = probe(
        DRAW.format("[random.random(), np.random.random(), rng.random(), state.random_sample()]"),
        module="""
        import random
        import numpy as np
        random.random()
        np.random.random()
        rng = np.random.default_rng()
        state = np.random.RandomState()
        """,
    )
    server = flow.server()
    assert server.unfit() is None
    first, second = (flow.start(server, task=task).value for task in ("t1", "t2"))

    assert [a == b for a, b in zip(first, second, strict=True)] == [False] * 4


def test_tasks_of_a_seeded_flow_draw_the_numbers_of_its_seed(probe):
    flow = probe(
        DRAW.format("[random.random(), np.random.random(), rng.random(), state.random_sample()]"),
        module="""
        import random
        import numpy as np
        random.seed(1)
        np.random.seed(2)
        rng = np.random.default_rng(3)
        state = np.random.RandomState(4)
        state.random_sample()
        """,
    )

    assert flow.forked() == flow.fresh()


def test_a_module_beside_the_flow_counts_as_the_flow(probe, tmp_path):
    (tmp_path / "beside.py").write_text("import numpy\nrng = numpy.random.default_rng()\n")
    flow = probe(DRAW.format("beside.rng.random()"), module="import beside")
    server = flow.server()

    assert flow.start(server, task="t1").value != flow.start(server, task="t2").value


def test_the_seed_of_a_hash_is_that_of_the_environment(probe, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    flow = probe("print(hash('text'))")

    assert json.loads(flow.forked().out) == json.loads(flow.fresh().out)
