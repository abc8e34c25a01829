"""A decorator is attached to every step on the command line."""

from metaflow import FlowSpec, current, step


class WithRetryFlow(FlowSpec):
    @step
    def start(self):
        self.attempt = current.retry_count
        if self.attempt == 0:
            raise RuntimeError("once")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WithRetryFlow()
