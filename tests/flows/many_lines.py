"""Two thousand lines to each stream, in order."""

import sys

from metaflow import FlowSpec, step


class ManyLinesFlow(FlowSpec):
    @step
    def start(self):
        for n in range(2000):
            print("line", n)
        for n in range(2000):
            print("error line", n, file=sys.stderr)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ManyLinesFlow()
