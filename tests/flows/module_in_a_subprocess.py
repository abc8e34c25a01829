"""A step starts a process that imports a module beside the flow."""

import subprocess
import sys

from metaflow import FlowSpec, step


class ModuleInASubprocessFlow(FlowSpec):
    @step
    def start(self):
        code = "from support import greeting; print(greeting.hello('you'))"
        self.text = subprocess.check_output([sys.executable, "-c", code], text=True)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ModuleInASubprocessFlow()
