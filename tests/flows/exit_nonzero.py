"""sys.exit(3) in a step is a failure."""

import sys

from metaflow import FlowSpec, step


class ExitNonzeroFlow(FlowSpec):
    @step
    def start(self):
        sys.exit(3)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitNonzeroFlow()
