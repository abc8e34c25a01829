"""Stands for a notebook: executes one cell with `NBRunner` in an IPython shell, as a kernel does."""

from __future__ import annotations

import sys

from IPython.core.interactiveshell import InteractiveShell

CELL = """
from metaflow import FlowSpec, NBRunner, step

class CellFlow(FlowSpec):
    @step
    def start(self):
        import os
        self.here = os.getcwd()
        self.next(self.end)

    @step
    def end(self):
        pass

run = NBRunner(CellFlow, show_output=False, datastore="s3").nbrun(decospecs=["northflank:cpu=0.5"])
where = [name for step in run for name in step.task.metadata_dict if name == "northflank-run"]
import os
print("RAN", run.successful, len(where), run["start"].task.data.here != os.getcwd())
"""

shell = InteractiveShell.instance()
result = shell.run_cell(CELL, store_history=True)
sys.exit(not result.success)
