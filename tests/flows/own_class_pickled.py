"""An object of a class of the flow's own file travels between steps."""

from metaflow import FlowSpec, step


class Point:
    def __init__(self, x):
        self.x = x


class OwnClassPickledFlow(FlowSpec):
    constant = {"a": 1}

    @step
    def start(self):
        self.point = Point(3)
        self.next(self.end)

    @step
    def end(self):
        self.x = self.point.x + self.constant["a"]


if __name__ == "__main__":
    OwnClassPickledFlow()
