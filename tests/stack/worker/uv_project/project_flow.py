import os
import sys

import tiny
from metaflow import FlowSpec, Parameter, step


class ProjectFlow(FlowSpec):
    """Says in which environment its steps work; `tiny` is a package of its uv project only."""

    number = Parameter("number", default=2)

    @step
    def start(self):
        self.tiny = tiny.__version__
        self.python = list(sys.version_info[:2])
        self.prefix = sys.prefix
        self.parent = os.getppid()
        self.items = list(range(self.number))
        self.next(self.square, foreach="items")

    @step
    def square(self):
        self.result = (self.input**2, sys.prefix, os.getppid(), os.path.isfile("uv.lock"))
        print("tiny", tiny.__version__)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.results = [it.result for it in inputs]
        self.merge_artifacts(inputs, exclude=["result"])
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectFlow()
