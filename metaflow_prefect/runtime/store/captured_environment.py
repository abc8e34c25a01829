"""What @environment captured from the deploying environment: stored in a Prefect Secret block, read when a run begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

BLOCK_TYPE = "secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedEnvironment:
    """What has to be kept secret for the runs of a deployment: only `names` may ever be shown.

    `variables` are those of the deploying environment, `steps` the values of @environment that were made from
    them, by step.
    """

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    steps: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables of the deploying environment."""
        return tuple(sorted(self.variables))

    def to_json(self) -> str:
        """Return the text that the Secret block holds."""
        steps = {step: dict(values) for step, values in self.steps.items()}
        return json.dumps({"variables": dict(self.variables), "steps": steps})

    @classmethod
    def from_json(cls, text: str) -> CapturedEnvironment:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        return cls(variables=found["variables"], steps=found["steps"])


NOTHING_CAPTURED = CapturedEnvironment()


def block_name(deployment_id: object) -> str:
    """Return the name of a deployment's block; made from its id, because a block's name allows fewer characters."""
    return f"metaflow-environment-{deployment_id}"


def read(deployment_id: object) -> CapturedEnvironment:
    """Return what was captured for the runs of a deployment."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            block = client.read_block_document_by_name(block_name(deployment_id), BLOCK_TYPE)
        except ObjectNotFound:
            return NOTHING_CAPTURED
    return CapturedEnvironment.from_json(block.data["value"])
