"""The work pool of a deployment, its images, and the facts of the machine it is deployed from; plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metaflow_prefect.errors import Finding
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)

_LOCAL_TYPES = frozenset({"process"})
"""Types of work pools whose runs see the files of the machine they are deployed from."""


_IMAGE_VARIABLES: Mapping[str, str] = {"northflank": "deployment_external_image_path"}
"""The job variable for the image, for types of work pools that do not call it `image` as Prefect's own types do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPool:
    """A work pool on the server; `template` is its base job template.

    `concurrency_limit` is how many flow runs it executes at the same time, None without a limit.
    """

    name: str
    type: str
    template: Mapping[str, Any] = field(default_factory=dict)
    concurrency_limit: int | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"

    @property
    def is_local(self) -> bool:
        """Whether runs share this machine's files and Python: a process pool, as its workers do."""
        return self.type in _LOCAL_TYPES

    @property
    def image_variable(self) -> str:
        """The job variable for the image of its containers."""
        # Where the pool has a default for the short name, that wins over the long one.
        return "image" if self.defaults.get("image") else _IMAGE_VARIABLES.get(self.type, "image")

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The values that its template gives to job variables."""
        properties = (self.template.get("variables") or {}).get("properties") or {}
        return {
            name: schema["default"]
            for name, schema in properties.items()
            if isinstance(schema, Mapping) and schema.get("default") is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """The image to use where one has to be chosen, the reason in words, and why none can be.

    `python` is the one of the container, as `3.12`, as far as it is known.
    """

    image: str | None = None
    python: str | None = None
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployContext:
    """What a deployment needs to know of its work pool, its owner and this machine.

    `owner` is the person who deploys, `token` the production token. `metaflow_environment` holds the
    `METAFLOW_*` variables by which a run finds the datastore and the metadata service;
    `requirements` is what a stock image must install first. `python` is this machine's interpreter.
    `captured` are the values of @environment that come from this machine's environment. `image` is
    what was chosen for the flow, and `step_images` for steps with @northflank, by their names. `step_pools` are the
    work pools that steps name in @northflank.
    """

    owner: str
    token: str | None
    pool: WorkPool
    metaflow_environment: Mapping[str, str]
    requirements: tuple[str, ...]
    python: str = "python"
    captured: CapturedEnvironment = NOTHING_CAPTURED
    step_pools: Mapping[str, WorkPool] = field(default_factory=dict)
    image: ImageChoice = ImageChoice()
    step_images: Mapping[str, ImageChoice] = field(default_factory=dict)
