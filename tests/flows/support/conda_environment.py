"""Under --environment=conda, each step has the interpreter and the packages that it asks for."""

import sys

from metaflow import FlowSpec, conda, step


class CondaEnvironmentFlow(FlowSpec):
    @conda(packages={"left_pad": "1.3"})
    @step
    def start(self):
        import left_pad

        self.version = left_pad.__version__
        self.prefix = sys.prefix
        self.next(self.end)

    @conda(disabled=True)
    @step
    def end(self):
        self.prefix = sys.prefix


if __name__ == "__main__":
    CondaEnvironmentFlow()
