"""One step works in a container with the packages of its uv project, which neither image nor laptop has."""

import sys

from metaflow import FlowSpec, northflank, step


class UvFlow(FlowSpec):
    @northflank
    @step
    def start(self):
        import humanize

        self.said = humanize.intcomma(1234567)
        self.prefix = sys.prefix
        self.next(self.end)

    @step
    def end(self):
        print(self.said)


if __name__ == "__main__":
    UvFlow()
