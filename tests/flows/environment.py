"""@environment is there in the step, at import too, and nowhere else."""

import os

from metaflow import FlowSpec, environment, step


AT_IMPORT = os.environ.get("COLOUR")


class EnvironmentFlow(FlowSpec):
    @environment(vars={"COLOUR": "s3cr3t blue"})
    @step
    def start(self):
        self.colour = os.environ["COLOUR"]
        self.at_import = AT_IMPORT
        self.next(self.end)

    @step
    def end(self):
        self.elsewhere = os.environ.get("COLOUR")


if __name__ == "__main__":
    EnvironmentFlow()
