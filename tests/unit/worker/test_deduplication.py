"""Which lines of a container the flow run's log has already."""

from __future__ import annotations

from prefect_northflank.logs.deduplication import NewLineFilter

OUTPUT = """\
Installing collected packages: metaflow
12:00:00.001 | INFO    | prefect.flow_runs.runner - Opening process...
12:00:01.002 | INFO    | Flow run 'amber-bat' - Beginning flow run
printed
12:00:02.003 | INFO    | Task run 'train-0' - hello
12:00:03.004 | ERROR   | Flow run 'amber-bat' - Encountered exception during execution: ValueError('no')
Traceback (most recent call last):
  File "flow.py", line 3, in go
    raise ValueError("no")
ValueError: no
printed after

Segmentation fault""".splitlines()


def test_what_was_printed_is_new_and_what_prefect_logged_is_not():
    lines = NewLineFilter()

    assert [line for line in OUTPUT if lines.is_new(line)] == [
        "Installing collected packages: metaflow",
        "12:00:00.001 | INFO    | prefect.flow_runs.runner - Opening process...",
        "printed",
        "printed after",
        "Segmentation fault",
    ]
