"""What a child process writes is the step's output too."""

import subprocess
import sys

from metaflow import FlowSpec, step


class LogsOfAChildFlow(FlowSpec):
    @step
    def start(self):
        subprocess.run([sys.executable, "-c", "print('from the child')"], check=True)
        subprocess.run("echo to stderr >&2", shell=True, check=True)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LogsOfAChildFlow()
