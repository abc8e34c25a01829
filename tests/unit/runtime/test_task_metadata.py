"""A task that was killed while it registered what it had made is completed, however far it came."""

from __future__ import annotations

import json

import pytest
from metaflow.plugins.datastores.local_storage import LocalStorage

from metaflow_prefect.runtime.flow.dispatcher import TaskPlace
from metaflow_prefect.runtime.store.task_metadata import TaskMetadata

ARTIFACTS = {name: (f"hash-of-{name}", "pickle-v4") for name in ("a", "b", "c")}


@pytest.mark.parametrize("registered", [(), ("a",), ("a", "b"), ("a", "b", "c")])
def test_what_a_kill_left_out_is_registered(registered, tmp_path, monkeypatch):
    monkeypatch.setattr(LocalStorage, "datastore_root", str(tmp_path))
    task = tmp_path / "OneFlow" / "prefect-1" / "start" / "t" / "_meta"
    task.mkdir(parents=True)
    run = tmp_path / "OneFlow" / "prefect-1" / "_meta"
    run.mkdir()
    (run / "_self.json").write_text(json.dumps({"tags": [], "system_tags": []}))
    for name in registered:
        entry = {"name": name, "sha": ARTIFACTS[name][0]}
        (task / f"0_artifact_{name}.json").write_text(json.dumps(entry))

    metadata = TaskMetadata("OneFlow", "prefect-1", "local")
    metadata.complete(TaskPlace("start"), 0, ARTIFACTS, ("local", str(tmp_path)))

    found = [json.loads(file.read_text()) for file in sorted(task.glob("0_artifact_*.json"))]
    assert {entry["name"]: entry["sha"] for entry in found} == {
        name: digest for name, (digest, _) in ARTIFACTS.items()
    }
