"""A file becomes an artifact."""

import os

from metaflow import FlowSpec, IncludeFile, step


class IncludeFileFlow(FlowSpec):
    source = IncludeFile("source", default=os.path.relpath(__file__))

    @step
    def start(self):
        self.first = self.source.splitlines()[0]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    IncludeFileFlow()
