"""A flow that notes what its container knows: run by test_remote_container.py."""

import os

import helper
from metaflow import FlowSpec, IncludeFile, Parameter, current, step


class RemoteFlow(FlowSpec):
    number = Parameter("number", type=int, default=2)
    table = IncludeFile("table", default="table.csv")

    @step
    def start(self):
        import importlib.util

        self.ours = importlib.util.find_spec("metaflow_prefect")
        self.here = os.listdir(".")
        self.environment = dict(os.environ)
        self.numbers = list(range(self.number))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        self.squared = helper.square(self.input)
        print("squared", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs, exclude=["squared"])
        self.total = sum(item.squared for item in inputs)
        self.next(self.end)

    @step
    def end(self):
        self.namespace = current.namespace


if __name__ == "__main__":
    RemoteFlow()
