import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, step


class SteadyFlow(FlowSpec):
    version = "1"
    gate = Parameter("gate", help="the file to wait for")
    fails = Parameter("fails", type=bool, default=False)

    @step
    def start(self):
        Path(self.gate + ".begun").touch()
        while not Path(self.gate).exists():
            time.sleep(0.2)
        self.next(self.end)

    @step
    def end(self):
        print("version", self.version)
        if self.fails:
            raise ValueError("it was asked to")


if __name__ == "__main__":
    SteadyFlow()
