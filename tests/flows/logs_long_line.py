"""A line longer than any buffer, control characters, and blank lines."""

import sys

from metaflow import FlowSpec, step


class LogsLongLineFlow(FlowSpec):
    @step
    def start(self):
        print("x" * 200_000)
        print("\n\ntabs\tand\rreturns\x1b[31m and colour\x1b[0m")
        sys.stderr.write("no end of line")
        self.next(self.end)

    @step
    def end(self):
        print("end")


if __name__ == "__main__":
    LogsLongLineFlow()
