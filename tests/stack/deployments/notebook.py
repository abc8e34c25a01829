"""Stands for a notebook: executes one cell in an IPython shell, as a kernel does. Run as `python notebook.py POOL`."""

import sys

from IPython.core.interactiveshell import InteractiveShell

CELL = """
from metaflow import FlowSpec, NBDeployer, step

class CellFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

deployer = NBDeployer(CellFlow, show_output=False)
deployed = deployer.prefect(work_pool={pool!r}).create()
run = deployed.trigger()
print("DEPLOYED", deployed.name, run.status)
deployed.delete()
deployer.cleanup()
"""

shell = InteractiveShell.instance()
result = shell.run_cell(CELL.format(pool=sys.argv[1]), store_history=True)
sys.exit(not result.success)
