"""Under --environment=uv, steps have the interpreter that runs the flow."""

import sys

from metaflow import FlowSpec, step


class EnvironmentUvFlow(FlowSpec):
    @step
    def start(self):
        self.interpreter = sys.executable
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EnvironmentUvFlow()
