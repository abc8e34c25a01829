"""The pull step that gives a run its code, from the deployment itself or from the datastore; pure."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PAYLOAD_LIMIT = 1_000_000
"""The largest pull step, in bytes, that fits into Prefect's events (the limit is 1.5 MB for a whole event)."""

_CHUNK = 100_000
"""Less than the 128 KiB that Linux allows for one environment variable (MAX_ARG_STRLEN)."""

_FETCH = """\
import gzip, os, sys
from metaflow.datastore import FlowDataStore
from metaflow.plugins import DATASTORES
kind = os.environ["METAFLOW_DEFAULT_DATASTORE"]
storage = next(storage for storage in DATASTORES if storage.TYPE == kind)
root = storage.get_datastore_root_from_config(lambda *_, **__: None)
flow = FlowDataStore(os.environ["METAFLOW_PREFECT_FLOW"], storage_impl=storage, ds_root=root)
((_, packed),) = flow.load_data([os.environ["METAFLOW_PREFECT_CODE"]])
sys.stdout.buffer.write(gzip.decompress(packed))
"""
"""Needs Metaflow and the datastore's client, as the run does, but not this package, which is not there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDelivery:
    """How the generated file reaches a run: `step` is the pull step that writes it.

    `stored`, unless it is None, must be in the flow's datastore first, under Metaflow's own key
    for it, which `step` knows. `size` is in bytes, packed.
    """

    step: Mapping[str, Any]
    size: int
    stored: bytes | None = field(default=None, repr=False)


def code_delivery(file_name: str, generated: str, flow: str, python: str) -> CodeDelivery:
    """Decide how *generated* reaches a run of *flow*, which writes it to *file_name*.

    *python* is the interpreter with Metaflow in the run's environment.
    """
    packed = gzip.compress(generated.encode(), mtime=0)
    text = base64.b64encode(packed).decode()
    if len(text) <= _PAYLOAD_LIMIT:
        return CodeDelivery(step=_unpack(file_name, text), size=len(text))
    return CodeDelivery(
        step=_fetch(file_name, packed, flow, python), size=len(packed), stored=packed
    )


def key(content: bytes) -> str:
    """Return the key of *content* in Metaflow's datastore (`metaflow.datastore.content_addressed_store`)."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _unpack(file_name: str, text: str) -> dict[str, Any]:
    """Return the step that needs only Prefect and a shell.

    The content is base64: Prefect expands `{{ … }}` in the arguments of steps.
    """
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    variables = {f"METAFLOW_PREFECT_{number}": chunk for number, chunk in enumerate(chunks)}
    words = " ".join(f'"${name}"' for name in variables)
    return _shell(f"printf %s {words} | base64 -d | gzip -d > {file_name}", variables)


def _fetch(file_name: str, packed: bytes, flow: str, python: str) -> dict[str, Any]:
    variables = {
        "METAFLOW_PREFECT_FLOW": flow,
        "METAFLOW_PREFECT_CODE": key(packed),
        "METAFLOW_PREFECT_PYTHON": python,
        "METAFLOW_PREFECT_FETCH": _FETCH,
    }
    command = '"$METAFLOW_PREFECT_PYTHON" -c "$METAFLOW_PREFECT_FETCH"'
    return _shell(f"{command} > {file_name}", variables)


def _shell(script: str, variables: Mapping[str, str]) -> dict[str, Any]:
    arguments = {"script": script, "shell": True, "env": dict(variables)}
    return {"prefect.deployments.steps.run_shell_script": arguments}
