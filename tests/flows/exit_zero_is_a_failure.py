"""sys.exit(0) in a step is a failure: the step did not finish."""

import sys

from metaflow import FlowSpec, step


class ExitZeroIsAFailureFlow(FlowSpec):
    @step
    def start(self):
        self.x = 1
        sys.exit(0)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitZeroIsAFailureFlow()
