"""What is registered of a task travels to its container, and gives way to anything newer on the way home."""

from __future__ import annotations

import json

import pytest
from metaflow.metadata_provider.util import copy_tree
from metaflow_northflank.container import local_metadata


@pytest.fixture
def here(tmp_path):
    for folder in ("Flow/1", "Flow/1/start", "Flow/1/start/2"):
        meta = tmp_path / "here" / folder / "_meta"
        meta.mkdir(parents=True)
        (meta / "_self.json").write_text(json.dumps({"is": folder}))
    return tmp_path / "here"


def test_run_step_and_task_are_in_the_container_and_home_again_unchanged(here, tmp_path):
    objects = local_metadata.read(str(here), "Flow", "1", "start", "2")
    there = tmp_path / "there"
    local_metadata.write(str(there), objects)
    changed = here / "Flow" / "1" / "_meta" / "_self.json"
    changed.write_text('{"is": "tagged meanwhile"}')

    assert local_metadata.read(str(there), "Flow", "1", "start", "2") == objects
    assert objects.keys() == {"Flow/1", "Flow/1/start", "Flow/1/start/2"}

    copy_tree(str(there), str(here), update=True)

    assert json.loads(changed.read_text()) == {"is": "tagged meanwhile"}
