"""A flow of a project that waits until its gate is there."""

import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, project, step


@project(name="shop")
class TeamFlow(FlowSpec):
    gate = Parameter("gate", default="")

    @step
    def start(self):
        if self.gate:
            Path(f"{self.gate}.begun").touch()
            while not Path(self.gate).exists():
                time.sleep(0.2)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TeamFlow()
