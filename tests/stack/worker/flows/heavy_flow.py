import time

from metaflow import FlowSpec, step


class HeavyFlow(FlowSpec):
    """A step that holds 600 MB for long enough to be measured."""

    @step
    def start(self):
        block = b"x" * (600 * 1024**2)
        time.sleep(8)
        self.size = len(block)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    HeavyFlow()
