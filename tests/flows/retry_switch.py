"""A switch that fails once, then chooses."""

from metaflow import FlowSpec, current, retry, step


class RetrySwitchFlow(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        self.way = "second" if current.retry_count else "first"
        if current.retry_count == 0:
            raise RuntimeError("not yet")
        self.next({"first": self.first, "second": self.second}, condition="way")

    @step
    def first(self):
        self.next(self.end)

    @step
    def second(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RetrySwitchFlow()
