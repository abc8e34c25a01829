"""The record of a stack is read whichever version has written it, or refused with the command that helps."""

from __future__ import annotations

import json

import pytest

from metaflow_prefect.headless.errors import RecordUnreadable
from metaflow_prefect.headless.files.layout import Layout, prepare
from metaflow_prefect.headless.files.stack_record import StackRecord, load_record

RECORD = StackRecord(
    version="1.2.0", supervisor_pid=1, started_at="2026-01-01", services=("server", "worker"), api_url="a", local_url="l",
    ui_url="u", ui_api_url="ua", storage="s", storage_kind="sqlite", pool="p", pool_type="process", authenticated=False,
    health_urls={"server": "h"}, emulator_url=None, findings=("f",),
)  # fmt: skip


@pytest.fixture
def layout(tmp_path) -> Layout:
    found = Layout(home=tmp_path / "home")
    prepare(found)
    return found


def write(layout: Layout, **changed: object) -> None:
    """Write the record as another version would: None leaves a field out."""
    RECORD.save(layout)
    fields = {**json.loads(layout.record.read_text()), **changed}
    kept = {name: value for name, value in fields.items() if value is not None}
    layout.record.write_text(json.dumps(kept))


def test_a_record_is_read_as_it_was_written(layout):
    assert load_record(layout) is None
    RECORD.save(layout)
    assert load_record(layout) == RECORD


def test_what_a_later_version_has_added_is_left_out(layout):
    write(layout, emulator_url="e", new={"a": 1})

    assert load_record(layout).services == ("server", "worker")


def test_a_record_that_lacks_what_is_needed_names_the_commands_that_help(layout):
    write(layout, emulator_url="e", storage_kind=None, pool=None)

    with pytest.raises(RecordUnreadable) as refused:
        load_record(layout)
    assert str(refused.value) == (
        f"The stack at {layout.home} was started by version 1.2.0; {layout.record} lacks pool, storage_kind.\n"
        "Fix: `prefect-headless down` ends it, `prefect-headless up -d` starts it with this version"
    )
