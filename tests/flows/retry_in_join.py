"""The join itself fails once."""

from metaflow import FlowSpec, current, retry, step


class RetryInJoinFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.x = 1
        self.next(self.join)

    @step
    def b(self):
        self.x = 2
        self.next(self.join)

    @retry(times=1, minutes_between_retries=0)
    @step
    def join(self, inputs):
        self.attempt = current.retry_count
        self.x = inputs.a.x + inputs.b.x
        if self.attempt == 0:
            raise RuntimeError("not yet")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RetryInJoinFlow()
