"""Each item fails as often as it says, then succeeds."""

from metaflow import FlowSpec, current, retry, step


class RetryInForeachFlow(FlowSpec):
    @step
    def start(self):
        self.items = [0, 2, 1]
        self.next(self.work, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @step
    def work(self):
        self.attempt = current.retry_count
        if current.retry_count < self.input:
            raise RuntimeError("attempt %d of item %d" % (current.retry_count, self.input))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.attempts = [i.attempt for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RetryInForeachFlow()
