"""Which work pool is deployed to where none is named."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from metaflow_prefect.deploy.server.gather_context import work_pool
from metaflow_prefect.errors import DeploymentRefused


class Server:
    """Prefect's client, as far as it is asked for pools."""

    def __init__(self, *pools: str) -> None:
        self.pools = pools

    def read_work_pools(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(name=name, type="process", base_job_template={}, concurrency_limit=None)
            for name in self.pools
        ]


def test_the_only_pool_is_taken():
    assert work_pool(Server("mine"), None, None).name == "mine"


def test_where_there_is_no_pool_the_refusal_says_how_to_make_one():
    with pytest.raises(DeploymentRefused) as refused:
        work_pool(Server(), None, None)

    assert refused.value.fix == (
        "name one with --work-pool, after prefect work-pool create --type northflank POOL"
        "    (or --type process, to run on workers' machines)"
    )


def test_of_several_pools_one_has_to_be_named():
    with pytest.raises(DeploymentRefused) as refused:
        work_pool(Server("one", "two"), None, None)

    assert "pools on this server: one, two" in refused.value.problem
    assert refused.value.fix == "name one with --work-pool"
