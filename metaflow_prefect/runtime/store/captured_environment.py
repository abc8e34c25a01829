"""What @environment took from the deploying environment: kept in a Prefect Secret block, read when a run begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

BLOCK_TYPE = "secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Variables of the deploying environment, and the values of @environment that were made from them, by step."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    steps: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)


NOTHING = Kept()


def block_name(deployment_id: object) -> str:
    """Return the name of a deployment's block: by its id, since names may have what a block's may not."""
    return f"metaflow-environment-{deployment_id}"


def read(deployment_id: object) -> Kept:
    """Return what was kept for the runs of a deployment."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            block = client.read_block_document_by_name(block_name(deployment_id), BLOCK_TYPE)
        except ObjectNotFound:
            return NOTHING
    found = json.loads(block.data["value"])
    return Kept(variables=found["variables"], steps=found["steps"])
