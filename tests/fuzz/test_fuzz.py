"""A dozen random flows behave through us as they behave under Metaflow; `make fuzz` tries more."""

from __future__ import annotations

import pytest

from tests.fuzz.comparing import compare_seed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 13))
def test_a_random_flow_does_what_it_does_under_metaflow(seed, tmp_path, prefect_server):
    assert not compare_seed(seed, tmp_path, prefect_server.environment)
