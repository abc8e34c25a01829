"""Executed by each Python that finds this folder on PYTHONPATH, before its program.

It lets the program collect garbage less often: an eighth of the time that `import prefect` takes is spent looking for
garbage among what it has just made. If tests run a fork server, and the program is one that imports Prefect, the program
is executed in a fork of that server, and this process only waits for its end (`forked_command`). The tasks of a run of
Metaflow's own may be forked as well (`forked_tasks`).
"""

from __future__ import annotations

import gc
import os

gc.set_threshold(100_000, 20, 20)

if os.environ.get("PYTHON_FORK_SERVER_OF_TESTS"):
    import forked_command

    forked_command.begin()

if os.environ.get("PYTHON_FORKED_TASKS_OF_TESTS"):
    import forked_tasks

    forked_tasks.begin()
