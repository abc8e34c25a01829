"""What a step prints, to both streams, with and without a line end."""

import sys

from metaflow import FlowSpec, step


class LogsFlow(FlowSpec):
    @step
    def start(self):
        print("plain")
        print("grüße, 世界")
        print("two\nlines")
        print("to stderr", file=sys.stderr)
        self.next(self.end)

    @step
    def end(self):
        sys.stdout.write("no line end")


if __name__ == "__main__":
    LogsFlow()
